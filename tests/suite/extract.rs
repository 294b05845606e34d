//! axum extractors, behind the real authentication layer.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::principal::Principal;
use tower_warden::testing::TestIssuer;

use crate::support::{Answer, Logs, ask};

async fn required(principal: Principal) -> String {
    format!("hello {}", principal.subject())
}

async fn optional(principal: Option<Principal>) -> String {
    principal
        .map_or("hello stranger".to_owned(), |principal| format!("hello {}", principal.subject()))
}

fn routes() -> Router {
    Router::new().route("/required", get(required)).route("/optional", get(optional))
}

async fn send(router: Router, path: &str, token: Option<String>) -> Answer {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    ask(router, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_handler_gets_the_principal_and_an_anonymous_caller_gets_401() {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let bearer = BearerAuthenticator::new(JwtValidator::new(issuer.trust().unwrap()));
    let router = routes().layer(AuthenticateLayer::new(bearer).optional());

    let token = || Some(issuer.token("ada").sign());
    assert_eq!(send(router.clone(), "/required", token()).await.text(), "hello ada");
    assert_eq!(send(router.clone(), "/optional", token()).await.text(), "hello ada");
    assert_eq!(send(router.clone(), "/optional", None).await.text(), "hello stranger");

    let refused = send(router.clone(), "/required", None).await;
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, r#"Bearer realm="api""#)
    );
    assert_eq!(refused.reason(), "no_credentials");

    let bad = send(router, "/optional", Some("not.a.token".to_owned())).await;
    assert_eq!(bad.status, 401, "a bad token is no stranger");
}

#[tokio::test]
async fn z2_a_forgotten_authentication_layer_is_a_500_and_not_a_401() {
    let logs = Logs::capture();
    for path in ["/required", "/optional"] {
        let answer = send(routes(), path, None).await;
        assert_eq!(
            (answer.status, answer.reason()),
            (500, "authentication_layer_missing"),
            "{path}"
        );
        assert!(!answer.text().contains("layer"), "{}", answer.text());
    }
    assert!(logs.text().contains("authentication_layer_missing"), "{}", logs.text());
}
