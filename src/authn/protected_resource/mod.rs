//! Metadata of a protected resource (RFC 9728): where clients learn which authorization server to ask for a token.
//!
//! A [`ProtectedResource`] is a document at a well-known address, and the parameter `resource_metadata` that leads there from
//! every challenge. A client without a token asks, gets a 401 with that address, reads the document, and goes to the
//! authorization server that it names.
//!
//! # Rules
//!
//! 1. The document is at `/.well-known/oauth-protected-resource`, followed by the path of the resource where it has one
//!    (RFC 9728 3.1): `https://api.example/mcp` has it at `/.well-known/oauth-protected-resource/mcp`.
//! 2. Its `resource` is the configured identifier, byte for byte; empty lists are left out (RFC 9728 3.2, 3.3). Nothing in
//!    it, and nothing in the challenge, is taken from a request: no `Host` field has a say.
//! 3. All addresses are `https`. The identifier has no query and no fragment, and a path of plain segments, without escapes
//!    and without a slash at the end: routers, rules and clients read such a path alike.
//! 4. GET and HEAD are answered, everything else is 405. The document may be cached for an hour.
//! 5. The route has to be public: whoever needs the document has no token yet. A
//!    [`WardenBuilder`](crate::warden::WardenBuilder::protected_resource) refuses to build without a public rule for it.
//!
//! # What is not checked
//!
//! Whether the authorization servers exist, and whether the tokens that validators accept are theirs. Signed metadata
//! (RFC 9728 2.2) is not made.
//!
//! # MCP
//!
//! A server of the Model Context Protocol over HTTP needs three things (MCP specification, "Authorization"): this document
//! with at least one authorization server, a 401 with `resource_metadata` that leads to it, and tokens whose audience is the
//! server's own canonical address. The last one is the audience of the issuer: give
//! [`IssuerBuilder::audience`](super::jwt::IssuerBuilder::audience) the same text as the identifier here. Pages of other
//! origins that are MCP clients need `cors` for both routes. The example `mcp_resource` has all of it.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::net::SocketAddr;
//! use axum::{Router, body::Body, routing::post};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_warden::Warden;
//! use tower_warden::authn::protected_resource::ProtectedResource;
//! use tower_warden::authz::{Rules, public, scope};
//! use tower_warden::testing::TestIssuer;
//! # use tower_warden::client_address::PeerAddress;
//!
//! let resource = ProtectedResource::builder("https://tools.example/mcp")
//!     .authorization_server("https://issuer.example")
//!     .scope("tools:call")
//!     .build()?;
//! let issuer = TestIssuer::new("https://issuer.example", resource.identifier()); // the audience
//! let warden = Warden::builder()
//!     .trust_issuer(issuer.trust())
//!     .protected_resource(&resource)
//!     .rules(
//!         Rules::builder()
//!             .get(resource.metadata_path(), public("clients without a token read it"))
//!             .post("/mcp", scope("tools:call")),
//!     )
//!     .build()?;
//! let app = Router::new().route("/mcp", post(async || "result")).merge(resource.router());
//! let service = warden.guard(app);
//! # let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40000)));
//! # let ask = |request: http::request::Builder| service.clone().oneshot(request.extension(peer).body(Body::empty()).unwrap());
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//!
//! let refused = ask(Request::post("/mcp")).await?;
//! assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(
//!     refused.headers()["www-authenticate"],
//!     "Bearer realm=\"api\", resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource/mcp\""
//! );
//! let document = ask(Request::get("/.well-known/oauth-protected-resource/mcp")).await?;
//! assert_eq!((document.status(), &document.headers()["content-type"]), (StatusCode::OK, &"application/json".parse()?));
//! let token = issuer.token("ada").scope("tools:call").sign();
//! let admitted = ask(Request::post("/mcp").header("authorization", format!("Bearer {token}"))).await?;
//! assert_eq!(admitted.status(), StatusCode::OK);
//! # Ok::<_, Box<dyn std::error::Error>>(()) })?;
//! # Ok(()) }
//! ```

mod builder;
mod service;

use std::sync::Arc;

use bytes::Bytes;

pub use self::builder::ProtectedResourceBuilder;
pub use self::service::MetadataService;

/// A resource with its metadata, ready to be served. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ProtectedResource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identifier: String,
    metadata_url: String,
    metadata_path: String,
    document: Bytes,
}

impl ProtectedResource {
    /// Starts a resource; `identifier` is its address as clients know it, such as `https://api.example/mcp`.
    pub fn builder(identifier: impl Into<String>) -> ProtectedResourceBuilder {
        ProtectedResourceBuilder::new(identifier.into())
    }

    /// The identifier: the audience that tokens for this resource have (RFC 8707 2).
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.0.identifier
    }

    /// Where the document is: the value of `resource_metadata` (RFC 9728 5.1).
    #[must_use]
    pub fn metadata_url(&self) -> &str {
        &self.0.metadata_url
    }

    /// The path of the document: of its route, and of the public rule for it.
    #[must_use]
    pub fn metadata_path(&self) -> &str {
        &self.0.metadata_path
    }

    /// The document (RFC 9728 2), as JSON.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.0.document
    }

    /// A service that answers with the document, to mount at [`metadata_path`](Self::metadata_path).
    #[must_use]
    pub fn service(&self) -> MetadataService {
        MetadataService::new(self.0.document.clone())
    }

    /// A router with nothing but the document, to merge into another one.
    #[cfg(feature = "axum")]
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        axum::Router::new().route_service(self.metadata_path(), self.service())
    }
}
