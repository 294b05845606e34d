//! Which answers admit, and as whom.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_warden::authn::introspection::IntrospectionValidatorBuilder;
use tower_warden::principal::PrincipalKind;

use super::server::{Reply, Server};
use super::{ISSUER, NOW, TOKEN, active, active_but, builder, judge, layer, reason, send};
use crate::witness::{seen, witness};

/// Each answer is for a fresh token, so that none is remembered from the one before.
async fn reason_of(
    answer: serde_json::Value,
    set_up: impl FnOnce(IntrospectionValidatorBuilder) -> IntrospectionValidatorBuilder,
) -> &'static str {
    let server = Server::answering(Reply::Json(answer)).await;
    reason(&set_up(builder(&server)).build().unwrap(), TOKEN).await
}

#[tokio::test]
async fn i2_only_true_is_active_ghsa_8fcc_w5hv_4gxv() {
    for not_true in
        [json!(false), json!("true"), json!(1), json!(null), json!([true]), json!({"active": true})]
    {
        let mut answer = active();
        answer["active"] = not_true.clone();
        assert_eq!(reason_of(answer, |it| it).await, "token_inactive", "{not_true}");
    }
    assert_eq!(reason_of(active_but(&json!({"active": null})), |it| it).await, "token_inactive");
    assert_eq!(reason_of(json!({}), |it| it).await, "token_inactive");
    assert_eq!(reason_of(active(), |it| it).await, "admitted");
}

#[tokio::test]
async fn i2_two_members_of_one_name_are_no_answer() {
    let server = Server::answering(Reply::Stall).await;
    let validator = builder(&server).build().unwrap();
    for body in [
        r#"{"active":false,"active":true,"sub":"ada","aud":"https://api.example"}"#,
        r#"{"active":true,"\u0061ctive":true,"sub":"ada","aud":"https://api.example"}"#,
        r#"{"active":true,"sub":"eve","sub":"ada","aud":"https://api.example"}"#,
        r#"{"active":true}{"active":true}"#,
        r#"[{"active":true}]"#,
        "",
    ] {
        server.reply(Reply::Raw(200, "application/json", body.into()));
        assert_eq!(reason(&validator, TOKEN).await, "introspection_response_malformed", "{body}");
    }
}

#[tokio::test]
async fn i2_a_refresh_token_or_id_token_is_no_access_token_however_active() {
    for other in [
        json!({"token_type": "refresh_token"}),
        json!({"token_use": "refresh_token"}),
        json!({"typ": "Refresh"}),
        json!({"typ": "ID"}),
    ] {
        assert_eq!(reason_of(active_but(&other), |it| it).await, "token_media_type", "{other}");
    }
    assert_eq!(reason_of(active_but(&json!({"token_type": "Bearer"})), |it| it).await, "admitted");
}

#[tokio::test]
async fn i3_what_the_server_says_is_checked_again_here() {
    for (changes, expected) in [
        (json!({"iss": ISSUER}), "admitted"),
        (json!({"iss": "https://other.example"}), "token_issuer"),
        (json!({"iss": [ISSUER]}), "token_issuer"),
        (json!({"aud": ["https://x.example", "https://api.example"]}), "admitted"),
        (json!({"aud": null}), "token_audience"),
        (json!({"aud": []}), "token_audience"),
        (json!({"aud": "https://other.example"}), "token_audience"),
        (json!({"aud": "https://api.example/"}), "token_audience"),
        (json!({"aud": 7}), "token_claim_malformed"),
        (json!({"exp": null}), "admitted"),
        (json!({"exp": NOW - 59}), "admitted"),
        (json!({"exp": NOW - 60}), "token_expired"),
        (json!({"exp": 0}), "token_expired"),
        (json!({"exp": -1}), "token_claim_malformed"),
        (json!({"exp": "1800000300"}), "token_claim_malformed"),
        (json!({"nbf": NOW + 60}), "admitted"),
        (json!({"nbf": NOW + 61}), "token_not_yet_valid"),
        (json!({"iat": NOW + 61}), "token_issued_in_future"),
        (json!({"cnf": {"jkt": URL_SAFE_NO_PAD.encode([7; 32])}}), "admitted"),
        (json!({"cnf": {"jkt": "short"}}), "token_sender_constrained"),
        (json!({"cnf": {"kid": "k"}}), "token_sender_constrained"),
        (json!({"cnf": {}}), "token_sender_constrained"),
        (json!({"cnf": "x"}), "token_sender_constrained"),
        (json!({"sub": null}), "token_subject_missing"),
        (json!({"sub": ""}), "token_subject_missing"),
        (json!({"sub": null, "client_id": "till"}), "token_subject_missing"),
        (json!({"scope": ["orders:read"]}), "token_claim_malformed"),
    ] {
        assert_eq!(reason_of(active_but(&changes), |it| it).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn i3_a_bound_token_does_not_pass_as_a_bearer_token() {
    let bound = json!({"cnf": {"x5t#S256": URL_SAFE_NO_PAD.encode([7; 32])}});
    let server = Server::answering(Reply::Json(active_but(&bound))).await;
    let validator = builder(&server).build().unwrap();
    let principal = judge(&validator, TOKEN).await.unwrap();
    assert_eq!(principal.confirmation().certificate_digest, Some([7; 32]));
    for _ in 0..2 {
        let answer = send(&layer(validator.clone()), TOKEN).await;
        assert_eq!((answer.status, answer.reason()), (401, "token_certificate_missing"));
    }
    assert_eq!(server.calls(), 1, "the binding is demanded of a remembered token too");
}

#[tokio::test]
async fn i3_what_is_loosened_has_to_be_asked_for() {
    let no_audience = active_but(&json!({"aud": null}));
    let server = Server::answering(Reply::Json(no_audience)).await;
    let any = super::IntrospectionValidator::builder(server.endpoint(), ISSUER)
        .insecure_plain_loopback()
        .insecure_any_audience()
        .client_secret("orders-api", "s3cret")
        .http_client(super::HyperClient::default())
        .clock(super::FakeClock::at_unix(NOW));
    assert_eq!(reason(&any.build().unwrap(), TOKEN).await, "admitted");

    let machine = active_but(&json!({"sub": null, "client_id": "till"}));
    let server = Server::answering(Reply::Json(machine)).await;
    let machine = judge(&builder(&server).client_as_subject().build().unwrap(), TOKEN).await;
    let machine = machine.unwrap();
    assert_eq!((machine.identity(), machine.kind()), ((ISSUER, "till"), PrincipalKind::Machine));
    let nobody = active_but(&json!({"sub": null}));
    assert_eq!(
        reason_of(nobody, IntrospectionValidatorBuilder::client_as_subject).await,
        "token_subject_missing"
    );
    let empty = active_but(&json!({"sub": "", "client_id": "till"}));
    assert_eq!(
        reason_of(empty, IntrospectionValidatorBuilder::client_as_subject).await,
        "token_subject_missing"
    );
}

#[tokio::test]
async fn the_principal_is_read_like_that_of_a_signed_token() {
    let full = json!({
        "client_id": "web", "scope": "orders:read orders:write", "teams": ["ops"], "org": "acme",
        "acr": "gold", "iat": NOW - 5, "username": "Ada L.",
    });
    let server = Server::answering(Reply::Json(active_but(&full))).await;
    let validator = builder(&server).roles_claim("teams").tenant_claim("org").build().unwrap();
    let answer = witness(
        &layer(validator),
        crate::support::get("/", &[("authorization", &format!("Bearer {TOKEN}"))]),
    )
    .await;
    let ada = seen(&answer);
    assert_eq!((ada.identity(), ada.kind()), ((ISSUER, "ada"), PrincipalKind::User));
    assert_eq!((ada.client_id(), ada.tenant()), (Some("web"), Some("acme")));
    assert!(ada.has_scope("orders:write") && ada.has_role("ops"));
    assert_eq!(ada.expires_at().unwrap().as_secs(), NOW + 300);
    assert_eq!(ada.claims()["username"], "Ada L.");
}
