//! Opaque tokens of a real provider beside its JWTs on one route, over a real socket.

use tower_warden::authn::ByShape;
use tower_warden::authn::introspection::{IntrospectionValidator, IntrospectionValidatorBuilder};
use tower_warden::testing::FakeClock;

use super::served::{Service, clock, seconds};
use super::{OPAQUE, Provider, RESOURCE, RESOURCE_SERVER, SECRET};
use crate::support::Logs;

const ENDPOINT: &str = "/token/introspection";

/// A validator that asks the provider with the HTTP client that comes along.
fn asking(provider: &Provider, clock: &FakeClock) -> IntrospectionValidatorBuilder {
    let endpoint = format!("{}{ENDPOINT}", provider.issuer());
    IntrospectionValidator::builder(endpoint, provider.issuer())
        .insecure_plain_loopback()
        .audience(OPAQUE)
        .client_secret(RESOURCE_SERVER, SECRET)
        .client_as_subject() // nobody stands behind a token of client credentials
        .clock(clock.clone())
        .timeout(seconds(30)) // a busy machine is no failure
}

/// Takes JWTs and opaque tokens alike.
async fn both(provider: &Provider, clock: &FakeClock) -> Service {
    let opaque = asking(provider, clock).build().unwrap();
    Service::of(ByShape::new(provider.trusted(RESOURCE), opaque)).await
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn i1_i3_i4_opaque_tokens_beside_jwts_are_asked_about_once_and_revoked_within_a_minute() {
    let (provider, clock) = (Provider::start(), clock());
    let service = both(&provider, &clock).await;
    let (opaque, jwt) = (provider.opaque_token().await, provider.jwt_token(RESOURCE).await);
    for token in [&opaque, &jwt, &opaque, &jwt, &opaque] {
        let admitted = service.bearer(token).await;
        assert_eq!((admitted.status, admitted.text()), (200, "machine by Bearer"));
    }
    assert_eq!(provider.asked(ENDPOINT).await, 1, "remembered, and not asked about the JWT");

    provider.revoke(&opaque).await;
    clock.advance(seconds(59));
    assert_eq!(service.bearer(&opaque).await.status, 200);
    assert_eq!(provider.asked(ENDPOINT).await, 1);
    clock.advance(seconds(1));
    for expected in [2, 2] {
        let refused = service.bearer(&opaque).await;
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").contains("invalid_token"));
        assert_eq!(provider.asked(ENDPOINT).await, expected, "a refusal is remembered too");
    }
    assert_eq!(service.bearer("made-up").await.status, 401);
    assert_eq!(service.bearer(&jwt).await.status, 200);
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn i3_an_opaque_token_for_another_service_is_refused_although_it_is_active() {
    let (provider, clock) = (Provider::start(), clock());
    let service = both(&provider, &clock).await;
    let elsewhere = provider.machine_token(super::MACHINE, "urn:api:invoices:opaque", None).await;
    assert_eq!(provider.introspect(&elsewhere).await.json()["active"], true);
    let logs = Logs::capture();
    assert_eq!(service.bearer(&elsewhere).await.status, 401);
    assert!(logs.text().contains("token_audience"), "{}", logs.text());
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn i6_a_jwt_that_a_real_provider_does_not_introspect_is_never_active() {
    let (provider, clock) = (Provider::start(), clock());
    let service = Service::of(asking(&provider, &clock).audience(RESOURCE).build().unwrap()).await;
    let jwt = provider.jwt_token(RESOURCE).await;
    for _ in 0..2 {
        let logs = Logs::capture();
        let refused = service.bearer(&jwt).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
        assert!(logs.text().contains("introspection_request_refused"), "{}", logs.text());
        assert!(logs.text().contains("unsupported_token_type"), "{}", logs.text());
    }
    // Nor does it shut out the tokens that it does introspect.
    assert_eq!(service.bearer(&provider.opaque_token().await).await.status, 200);
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn i6_a_real_provider_that_fails_or_is_gone_is_503_and_what_is_remembered_stays_good() {
    let (provider, clock) = (Provider::start(), clock());
    let service = both(&provider, &clock).await;
    let (known, other) = (provider.opaque_token().await, provider.opaque_token().await);
    assert_eq!(service.bearer(&known).await.status, 200);
    for (status, body, reason) in [
        (500, "{}", "introspection_status"),
        (200, "no answer", "introspection_response_malformed"),
        (200, r#"{"active":"true"}"#, ""),
    ] {
        provider.answer(ENDPOINT, status, body, 1).await;
        let logs = Logs::capture();
        let refused = service.bearer(&other).await;
        let expected = if reason.is_empty() { (401, "") } else { (503, "5") };
        assert_eq!((refused.status, refused.header("retry-after")), expected, "{body}");
        assert!(logs.text().contains(reason), "{}", logs.text());
        assert_eq!(service.bearer(&known).await.status, 200);
    }
    clock.advance(seconds(5)); // that refusal is forgotten
    assert_eq!(service.bearer(&other).await.status, 200);

    let late = provider.opaque_token().await;
    drop(provider);
    let logs = Logs::capture();
    let refused = service.bearer(&late).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert!(logs.text().contains("introspection_unreachable"), "{}", logs.text());
    assert_eq!(service.bearer(&known).await.status, 200);
    clock.advance(seconds(60));
    assert_eq!(service.bearer(&known).await.status, 503, "never longer than it may be remembered");
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn i1_a_real_provider_that_refuses_our_credentials_is_503() {
    let (provider, clock) = (Provider::start(), clock());
    let wrong = asking(&provider, &clock).client_secret(RESOURCE_SERVER, "another secret");
    let service = Service::of(wrong.build().unwrap()).await;
    let logs = Logs::capture();
    assert_eq!(service.bearer(&provider.opaque_token().await).await.status, 503);
    assert!(logs.text().contains("introspection_credentials_refused"), "{}", logs.text());
}
