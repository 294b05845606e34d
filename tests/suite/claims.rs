//! Typed claims, for handlers.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use serde::Deserialize;
use serde_json::json;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::frameworks::axum::Claims;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rejection::Rejection;
use tower_warden::testing::{TestIssuer, TestToken};

use crate::support::{Answer, Logs, ask};

#[derive(Debug, Deserialize)]
struct Staff {
    department: String,
    #[serde(default)]
    level: u8,
}

fn routes() -> Router {
    let required =
        async |Claims(staff): Claims<Staff>| format!("{} {}", staff.department, staff.level);
    let optional = async |staff: Option<Claims<Staff>>| {
        staff.map_or("stranger".to_owned(), |Claims(staff)| staff.department)
    };
    Router::new().route("/required", get(required)).route("/optional", get(optional))
}

async fn send(path: &str, token: Option<TestToken>, signer: &TestIssuer) -> Answer {
    let bearer = BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap()));
    let router = routes().layer(AuthenticateLayer::new(bearer).optional());
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.sign()));
    }
    ask(router, request.body(Body::empty()).unwrap()).await
}

fn signer() -> TestIssuer {
    TestIssuer::new("https://issuer.example", "https://api.example")
}

#[tokio::test]
async fn a_handler_gets_the_claims_as_its_own_type() {
    let signer = signer();
    let token = || signer.token("ada").claim("department", "looms").claim("level", 7);
    assert_eq!(send("/required", Some(token()), &signer).await.text(), "looms 7");
    assert_eq!(send("/optional", Some(token()), &signer).await.text(), "looms");
    assert_eq!(send("/optional", None, &signer).await.text(), "stranger");
    let refused = send("/required", None, &signer).await;
    assert_eq!((refused.status, refused.reason()), (401, "no_credentials"));
}

#[tokio::test]
async fn claims_of_another_form_are_403_and_neither_caller_nor_log_sees_them() {
    let signer = signer();
    let logs = Logs::capture();
    for claims in [
        json!({}),
        json!({ "department": ["hunter2"] }),
        json!({ "department": "a", "level": "hunter2" }),
        json!({ "department": "a", "level": 256 }),
        json!({ "department": "a", "level": -1 }),
        json!({ "department": null }),
    ] {
        let claims_of = |token: TestToken| {
            let members = claims.as_object().unwrap().iter();
            members.fold(token, |token, (name, value)| token.claim(name, value.clone()))
        };
        for path in ["/required", "/optional"] {
            let answer = send(path, Some(claims_of(signer.token("ada"))), &signer).await;
            assert_eq!((answer.status, answer.reason()), (403, "claims_mismatch"), "{claims}");
            assert!(!answer.text().contains("hunter2") && !answer.text().contains("Staff"));
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    assert!(logs.text().contains("Staff"), "{}", logs.text());
    assert!(!logs.text().contains("hunter2"), "{}", logs.text());
}

#[tokio::test]
async fn z2_claims_without_an_authentication_layer_are_a_500() {
    for path in ["/required", "/optional"] {
        let answer = ask(routes(), Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.reason()), (500, "authentication_layer_missing"));
    }
}

#[test]
fn a_principal_without_a_token_has_no_claims() {
    let machine = Principal::builder("api-key", "report", PrincipalKind::Machine, "ApiKey").build();
    let error = machine.claims_as::<Staff>().unwrap_err();
    let rejection = Rejection::from(error);
    assert_eq!((rejection.status().as_u16(), rejection.reason()), (403, "claims_mismatch"));
    assert!(machine.claims().is_empty());
}
