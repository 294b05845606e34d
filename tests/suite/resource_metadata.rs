//! Protected resource metadata (RFC 9728): the document, its address, and the way there.

use axum::Router;
use axum::routing::get;
use http::Method;
use serde_json::json;
use tower::ServiceExt;
use tower_warden::Warden;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authn::protected_resource::{ProtectedResource, ProtectedResourceBuilder};
use tower_warden::authz::{Rules, RulesBuilder, authenticated, public, scope};
use tower_warden::client_address::PeerAddress;
use tower_warden::testing::TestIssuer;

use crate::support::{Answer, ask, request, through};

const MCP: &str = "https://api.example/mcp";
const LEADS_TO_MCP: &str =
    r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp""#;

fn resource(identifier: &str) -> ProtectedResourceBuilder {
    ProtectedResource::builder(identifier).authorization_server("https://issuer.example")
}

fn signer() -> TestIssuer {
    TestIssuer::new("https://issuer.example", MCP)
}

fn problems(builder: ProtectedResourceBuilder) -> usize {
    builder.build().map_or_else(|error| error.problems().len(), |_| 0)
}

#[test]
fn r1_the_address_of_the_document_has_the_path_of_the_resource() {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    for (identifier, path, url) in [
        ("https://api.example", "", "https://api.example"),
        ("https://api.example/", "", "https://api.example"),
        ("https://api.example:8443/mcp", "/mcp", "https://api.example:8443"),
        ("https://api.example/a/b-c.d_e~f", "/a/b-c.d_e~f", "https://api.example"),
    ] {
        let resource = resource(identifier).build().unwrap();
        assert_eq!(resource.metadata_path(), format!("{WELL_KNOWN}{path}"));
        assert_eq!(resource.metadata_url(), format!("{url}{WELL_KNOWN}{path}"));
        assert_eq!(resource.identifier(), identifier);
        let document: serde_json::Value = serde_json::from_slice(resource.document()).unwrap();
        assert_eq!(document["resource"], identifier, "byte for byte");
    }
}

#[test]
fn r1_the_document_says_what_was_configured_and_leaves_out_the_rest() {
    let read = |builder: ProtectedResourceBuilder| -> serde_json::Value {
        serde_json::from_slice(builder.build().unwrap().document()).unwrap()
    };
    assert_eq!(
        read(resource(MCP)),
        json!({
            "resource": MCP,
            "authorization_servers": ["https://issuer.example"],
            "bearer_methods_supported": ["header"],
        })
    );
    let all = resource(MCP)
        .authorization_server("https://other.example/tenant")
        .scope("a")
        .scope("b:c")
        .name("Orders \"and\" more")
        .documentation("https://docs.example/?page=1")
        .policy("https://docs.example/policy")
        .terms_of_service("https://docs.example/terms")
        .certificate_bound_tokens()
        .dpop_algorithms(["ES256"])
        .dpop_required();
    assert_eq!(
        read(all),
        json!({
            "resource": MCP,
            "authorization_servers": ["https://issuer.example", "https://other.example/tenant"],
            "scopes_supported": ["a", "b:c"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Orders \"and\" more",
            "resource_documentation": "https://docs.example/?page=1",
            "resource_policy_uri": "https://docs.example/policy",
            "resource_tos_uri": "https://docs.example/terms",
            "tls_client_certificate_bound_access_tokens": true,
            "dpop_signing_alg_values_supported": ["ES256"],
            "dpop_bound_access_tokens_required": true,
        })
    );
}

#[test]
fn r1_an_identifier_that_readers_could_read_in_two_ways_is_refused() {
    for identifier in [
        "",
        "api.example",
        "http://api.example",
        "HTTPS://api.example",
        "https://",
        "https:///mcp",
        "https://user@api.example",
        "https://api.example/#a",
        "https://api.example/mcp?a=b",
        "https://api.example/mcp/",
        "https://api.example//mcp",
        "https://api.example/a/../b",
        "https://api.example/a%2Fb",
        "https://api.example/{id}",
        "https://api.example/a\"b",
        "https://api.example/a b",
        "https://api.example/a;b",
        "https://\u{e4}pi.example",
    ] {
        assert_eq!(problems(resource(identifier)), 1, "{identifier}");
    }
    assert_eq!(problems(ProtectedResource::builder(MCP)), 1, "no authorization server");
    let several = resource(MCP)
        .authorization_server("http://issuer.example")
        .authorization_server("https://issuer.example/?a")
        .scope("a b")
        .documentation("docs")
        .dpop_algorithms(["none", "HS256", "ES256"]);
    assert_eq!(problems(several), 6);
}

#[tokio::test]
async fn r1_get_and_head_are_answered_and_nothing_else() {
    let service = resource(MCP).build().unwrap().service();
    let send = |method: Method| ask(service.clone(), request(method, "/", &[]));
    let document = send(Method::GET).await;
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    assert_eq!(document.header("cache-control"), "public, max-age=3600");
    assert_eq!(document.json()["resource"], MCP);
    let length = document.body.len().to_string();
    let head = send(Method::HEAD).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, &*length));
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let refused = send(method).await;
        assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"));
    }
}

async fn behind_warden(path: &str, headers: &[(&str, &str)]) -> Answer {
    let resource = resource(MCP).build().unwrap();
    let warden = Warden::builder()
        .trust_issuer(signer().trust())
        .protected_resource(&resource)
        .rules(
            Rules::builder()
                .get(resource.metadata_path(), public("for clients without a token"))
                .get("/mcp", scope("tools:call")),
        )
        .build()
        .unwrap();
    let app = Router::new().route("/mcp", get(async || "result")).merge(resource.router());
    let mut request = request(Method::GET, path, headers);
    request.extensions_mut().insert(PeerAddress("192.0.2.1:1".parse().unwrap()));
    let service = warden.guard(app);
    Answer::read(service.oneshot(request.map(axum::body::Body::new)).await.unwrap()).await
}

#[tokio::test]
async fn r1_whoever_has_no_token_may_read_the_document() {
    let answer = behind_warden("/.well-known/oauth-protected-resource/mcp", &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    let elsewhere = behind_warden("/.well-known/oauth-protected-resource", &[]).await;
    assert_eq!(elsewhere.status, 403, "it has one address");
}

#[tokio::test]
async fn r2_every_challenge_leads_to_the_document_whatever_the_request_says() {
    let evil = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
    ];
    let plain = format!(r#"Bearer realm="api", {LEADS_TO_MCP}"#);
    let answer = behind_warden("/mcp", &evil).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, &*plain));
    let bad = behind_warden("/mcp", &[evil[0], ("authorization", "Bearer bad")]).await;
    let expected = format!(r#"{plain}, error="invalid_token""#);
    assert_eq!((bad.status, bad.header("www-authenticate")), (401, &*expected));
}

#[tokio::test]
async fn r2_a_bearer_authenticator_keeps_the_parameter_when_its_realm_changes() {
    let signer = signer();
    let resource = resource(MCP).build().unwrap();
    let bearer = || BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap()));
    let one = bearer().with_resource_metadata(&resource).unwrap().with_realm("tools").unwrap();
    let other = bearer().with_realm("tools").unwrap().with_resource_metadata(&resource).unwrap();
    for bearer in [one, other] {
        assert!(bearer.clone().with_resource_metadata(&resource).is_err(), "once is enough");
        let layer = AuthenticateLayer::new(bearer);
        let answer = through(&layer, crate::support::get("/", &[])).await;
        let expected = format!(r#"Bearer realm="tools", {LEADS_TO_MCP}"#);
        assert_eq!(answer.header("www-authenticate"), expected);
    }
}

#[test]
fn r2_a_warden_whose_metadata_nobody_may_read_is_not_built() {
    let resource = resource(MCP).build().unwrap();
    let build = |rules: RulesBuilder, trusts: bool| {
        let warden = Warden::builder().protected_resource(&resource).rules(rules);
        let signer = signer();
        let warden = if trusts { warden.trust_issuer(signer.trust()) } else { warden };
        warden.build().map_or_else(|error| error.problems().len(), |_| 0)
    };
    let path = resource.metadata_path();
    let open = || Rules::builder().get(path, public("metadata"));
    assert_eq!(build(open(), true), 0);
    assert_eq!(build(Rules::builder().get("/mcp", authenticated()), true), 1);
    assert_eq!(build(Rules::builder().get(path, authenticated()), true), 1);
    assert_eq!(build(Rules::builder().post(path, public("metadata")), true), 1);
    assert_eq!(build(open(), false), 1);
}
