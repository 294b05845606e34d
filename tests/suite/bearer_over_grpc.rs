//! Rules of the Bearer scheme (RFC 6750), for callers that speak gRPC.

use std::time::Duration;

use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authz::{Rules, RulesLayer, scope};
use tower_warden::testing::TestIssuer;

use crate::support::{Answer, get, through};

const PLAIN: &str = r#"Bearer realm="api""#;
const INVALID: &str = r#"Bearer realm="api", error="invalid_token""#;

fn signer() -> TestIssuer {
    TestIssuer::new("https://issuer.example", "https://api.example")
}

async fn call(signer: &TestIssuer, target: &str, authorization: &[&str]) -> Answer {
    let bearer = BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap()));
    let rules = Rules::builder().any("/a.B/C", scope("held")).build().unwrap();
    let stack = (AuthenticateLayer::new(bearer), RulesLayer::new(rules));
    let mut headers = vec![("content-type", "application/grpc")];
    headers.extend(authorization.iter().map(|value| ("authorization", *value)));
    through(&stack, get(target, &headers)).await
}

#[tokio::test]
async fn b1_b2_b3_b4_b6_b7_b8_b9_b11_over_grpc_each_refusal_has_its_code_and_challenge() {
    let (signer, forger) = (signer(), signer());
    let good = signer.token("ada").scope("held").sign();
    let bare = format!("bearer {}", signer.token("ada").sign());
    let forged = format!("Bearer {}", forger.token("ada").scope("held").sign());
    let expired = signer.token("ada").scope("held").expired_since(Duration::from_secs(3600));
    let expired = format!("Bearer {}", expired.sign());
    let huge = format!("Bearer {}", "a".repeat(16 * 1024 + 1));
    let in_query = format!("/a.B/C?access_token={good}");
    let good = format!("bEaReR {good}");
    let scope_wanted = r#"Bearer realm="api", error="insufficient_scope", scope="held""#;
    let two_ways = r#"Bearer realm="api", error="invalid_request""#;
    for (target, authorization, code, challenge) in [
        ("/a.B/C", &[&*good][..], "", ""),
        ("/a.B/C", &[], "16", PLAIN),
        (&*in_query, &[], "16", PLAIN),
        (&in_query, &[&*good], "3", two_ways),
        ("/a.B/C", &[&*good, &good], "3", ""),
        ("/a.B/C", &["Bearer"], "16", INVALID),
        ("/a.B/C", &["Bearer !"], "16", INVALID),
        ("/a.B/C", &[&*huge], "16", INVALID),
        ("/a.B/C", &[&*forged], "16", INVALID),
        ("/a.B/C", &[&*expired], "16", INVALID),
        ("/a.B/C", &[&*bare], "7", scope_wanted),
    ] {
        let answer = call(&signer, target, authorization).await;
        let what = (target, authorization.first().map(|value| &value[..value.len().min(40)]));
        assert_eq!(answer.status, 200, "{what:?}");
        assert_eq!(answer.header("grpc-status"), code, "{what:?}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{what:?}");
        assert!(!answer.header("grpc-message").contains("token"), "{what:?}");
    }
}

#[tokio::test]
async fn b13_over_grpc_nothing_that_one_caller_may_see_is_stored() {
    let signer = signer();
    let good = format!("Bearer {}", signer.token("ada").scope("held").sign());
    let bare = format!("Bearer {}", signer.token("ada").sign());
    for authorization in [&[&*good][..], &[&*bare], &["Bearer bad"], &[]] {
        let answer = call(&signer, "/a.B/C", authorization).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{authorization:?}");
    }
}
