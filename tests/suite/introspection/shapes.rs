//! Signed and opaque tokens on one route, and revocation of both.

use std::time::Duration;

use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::authn::revocation::Denylist;
use tower_warden::authn::{ByShape, TokenValidator};
use tower_warden::testing::{FakeClock, TestIssuer};

use super::server::{Reply, Server};
use super::{AUDIENCE, ISSUER, NOW, TOKEN, active, active_but, layer, reason, send, validator};

fn jwt(signer: &TestIssuer) -> JwtValidator {
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key());
    let clock = FakeClock::at_unix(NOW);
    JwtValidator::builder().issuer(issuer.build().unwrap()).clock(clock).build().unwrap()
}

#[tokio::test]
async fn each_token_goes_to_the_validator_of_its_shape_and_to_no_other() {
    let server = Server::answering(Reply::Json(active())).await;
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let layer = layer(ByShape::new(jwt(&signer), validator(&server)));

    assert_eq!(send(&layer, &signer.token("ada").issued_at(NOW).sign()).await.status, 200);
    // The server would say that these are active; it is not asked.
    let forged = TestIssuer::new(ISSUER, AUDIENCE).token("ada").issued_at(NOW).sign();
    for (token, reason) in [
        (&*forged, "token_unknown_key"),
        ("eyJhbGciOiJub25lIn0.e30.", "token_algorithm_not_allowed"),
        ("eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "token_signature"),
    ] {
        let answer = send(&layer, token).await;
        assert_eq!(answer.status, 401);
        assert!([reason, "token_signature"].contains(&answer.reason()), "{}", answer.reason());
    }
    assert_eq!(server.calls(), 0);

    assert_eq!(send(&layer, TOKEN).await.status, 200);
    assert_eq!(server.calls(), 1);
    server.reply(Reply::Json(serde_json::json!({"active": false})));
    assert_eq!(send(&layer, "opaque").await.reason(), "token_inactive");
    server.reply(Reply::Stall);
    drop(server);
    assert_eq!(send(&layer, "unknown").await.status, 503);
    assert_eq!(send(&layer, &signer.token("ada").issued_at(NOW).sign()).await.status, 200);
}

#[tokio::test]
async fn a_remembered_token_is_revoked_at_once() {
    let answer = active_but(&serde_json::json!({"jti": "t-17", "iat": NOW - 5}));
    let server = Server::answering(Reply::Json(answer)).await;
    let denylist = Denylist::new(Duration::from_secs(3600)).unwrap();
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let both = ByShape::new(jwt(&signer), validator(&server)).with_revocation(denylist.clone());
    let signed = signer.token("ada").claim("jti", "t-18").issued_at(NOW).sign();
    for token in [TOKEN, &signed] {
        assert_eq!(reason(&both, token).await, "admitted");
    }
    denylist.revoke_token(ISSUER, "t-17").unwrap();
    let refused = send(&layer(both.clone()), TOKEN).await;
    assert_eq!((refused.status, refused.reason()), (401, "token_revoked"));
    assert_eq!(refused.header("www-authenticate"), r#"Bearer realm="api", error="invalid_token""#);
    assert_eq!(server.calls(), 1, "the answer was remembered");
    assert_eq!(reason(&both, &signed).await, "admitted");

    denylist.revoke_subject(ISSUER, "ada", Duration::from_secs(NOW)).unwrap();
    assert_eq!(reason(&both, &signed).await, "token_revoked");
}
