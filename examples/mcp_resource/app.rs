//! The guarded server, and the tokens of the demonstration.

use std::error::Error;

use tower_warden::authn::protected_resource::ProtectedResource;
use tower_warden::authz::{Policy, Rules, all_of, check, public, scope};
use tower_warden::frameworks::axum::methods::post;
use tower_warden::frameworks::axum::{GuardedRouter, Routes};
use tower_warden::testing::TestIssuer;
use tower_warden::{ConfigError, Warden};

use crate::protocol;

/// The server's canonical address: the identifier of the resource, and the audience of its tokens. It is what clients know,
/// not what this process listens on.
const SERVER: &str = "https://tools.example/mcp";

/// Stands for your authorization server.
const ISSUER: &str = "https://issuer.example";

pub(crate) struct Demo {
    warden: Warden,
    resource: ProtectedResource,
    issuer: TestIssuer,
}

impl Demo {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let issuer = TestIssuer::new(ISSUER, SERVER);
        let resource = ProtectedResource::builder(SERVER)
            .authorization_server(ISSUER)
            .scope("tools:call")
            .name("Tools of the demonstration")
            .build()?;
        let warden = Warden::builder()
            .trust_issuer(issuer.trust())
            .protected_resource(&resource)
            .rules(
                Rules::builder()
                    .get(resource.metadata_path(), public("clients without a token read it"))
                    // GET too: axum answers 405, as a server without streams has to.
                    .any("/mcp", all_of([scope("tools:call"), no_page()])),
            )
            .build()?;
        Ok(Self { warden, resource, issuer })
    }

    pub(crate) fn service(&self) -> Result<GuardedRouter, ConfigError> {
        let routes = Routes::new()
            .route("/mcp", post(protocol::answer))
            .route_service(self.resource.metadata_path(), self.resource.service());
        self.warden.guard_routes(routes)
    }

    pub(crate) fn metadata_path(&self) -> &str {
        self.resource.metadata_path()
    }

    pub(crate) fn token(&self) -> String {
        self.issuer.token("ada").scope("tools:call").sign()
    }

    pub(crate) fn token_without_scope(&self) -> String {
        self.issuer.token("eve").sign()
    }

    /// Signed by the right issuer, for another server: what a server gets that passes its callers' tokens on.
    pub(crate) fn token_for_another_server(&self) -> String {
        let token = self.issuer.token("ada").scope("tools:call");
        token.claim("aud", "https://other.example/mcp").sign()
    }
}

/// No page in a browser is a client of this server. (MCP demands a look at `Origin`, against DNS rebinding.)
fn no_page() -> Policy {
    check("no page", |_, request| !request.headers().contains_key("origin"))
}
