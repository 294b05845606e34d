//! What was signed, read in two ways.

use std::time::Duration;

use serde_json::{Value, json};
use tower_warden::authn::introspection::IntrospectionValidator;
use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::authn::revocation::Denylist;
use tower_warden::authn::{Attempt, TokenValidator};
use tower_warden::testing::TestIssuer;

use super::dependencies::{Answering, judge};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";

fn signer() -> TestIssuer {
    TestIssuer::new(ISSUER, AUDIENCE)
}

/// serde_json reads an object with this member in a way of its own where anybody turned its feature `raw_value` on, as
/// axum does.
const RAW: &str = "$serde_json::private::RawValue";

#[test]
fn j6_a_claim_that_serde_json_reads_in_its_own_way_does_not_hide_the_others() {
    let signer = signer();
    let denylist = Denylist::new(Duration::from_secs(3600)).unwrap();
    let validator = JwtValidator::new(signer.trust().unwrap()).with_revocation(denylist.clone());
    denylist.revoke_token(ISSUER, "t-17").unwrap();
    // What a user may write into a profile that the issuer copies into tokens.
    for profile in [json!({}), json!({ RAW: "no JSON" }), json!({ RAW: 7 })] {
        let token = signer.token("ada").claim("jti", "t-17").claim("profile", profile.clone());
        let Attempt::Ready(Err(refused)) = validator.attempt(token.sign().as_str().into()) else {
            panic!("a revoked token was let in: {profile}")
        };
        assert_eq!(refused.reason(), "token_revoked");
    }
}

#[test]
fn j6_claims_are_what_was_signed() {
    let signer = signer();
    let validator = JwtValidator::new(signer.trust().unwrap());
    let profile = json!({ RAW: r#"{"role":"user","role":"admin"}"# });
    let token = signer.token("ada").claim("profile", profile.clone()).sign();
    assert_eq!(validator.validate(&token).unwrap().claims()["profile"], profile);
}

#[test]
fn a_token_or_session_whose_name_is_a_number_can_be_revoked_all_the_same() {
    let signer = signer();
    let denylist = Denylist::new(Duration::from_secs(3600)).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key()).build();
    let validator = JwtValidator::new(issuer.unwrap()).with_revocation(denylist.clone());
    denylist.revoke_token(ISSUER, "17").unwrap();
    denylist.revoke_session(ISSUER, "18").unwrap();
    for (name, value, admitted) in [
        ("jti", json!(17), false),
        ("jti", json!("17"), false),
        ("jti", json!(18), true),
        ("sid", json!(18), false),
        ("sid", json!(null), true),
    ] {
        let token = signer.token("ada").claim("jti", "t").claim(name, value.clone()).sign();
        let attempt = validator.attempt(token.as_str().into());
        assert_eq!(matches!(attempt, Attempt::Ready(Ok(_))), admitted, "{name} {value}");
    }
}

fn introspecting(answer: &Value) -> IntrospectionValidator {
    IntrospectionValidator::builder("https://as.example/introspect", ISSUER)
        .audience(AUDIENCE)
        .client_secret("orders-api", "s3cret")
        .http_client(Answering::json(answer))
        .build()
        .unwrap()
}

#[tokio::test]
async fn j12_an_id_token_or_logout_token_that_the_server_calls_active_is_no_access_token() {
    let active = json!({"active": true, "sub": "ada", "aud": AUDIENCE, "iss": ISSUER});
    let with = |name: &str, value: Value| {
        let mut answer = active.clone();
        answer[name] = value;
        answer
    };
    for (name, value) in [
        ("nonce", json!("n-0S6_WzA2Mj")),
        ("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")),
        ("c_hash", json!("LDktKdoQak3Pk0cnXxCltA")),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
        ("htm", json!("GET")),
    ] {
        let answer = with(name, value);
        let refused = judge(&introspecting(&answer), "opaque").await.unwrap_err();
        assert_eq!(refused.reason(), "token_media_type", "{name}");
        // Where the server says what it is, that counts.
        let mut told = answer;
        told["token_type"] = json!("access_token");
        assert!(judge(&introspecting(&told), "opaque").await.is_ok(), "{name}");
    }
    assert!(judge(&introspecting(&active), "opaque").await.is_ok());
}
