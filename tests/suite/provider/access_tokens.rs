//! Discovery, keys and JWT access tokens (RFC 9068) of a real provider, through the whole stack on a real socket.

use serde_json::Value;
use tower_warden::Warden;
use tower_warden::authn::TokenValidator;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwks::RemoteKeys;
use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::authn::revocation::Denylist;
use tower_warden::testing::TestIssuer;

use super::served::{Service, clock, now, seconds, until};
use super::{Provider, RESOURCE};
use crate::support::Logs;

/// One claim of a token, unverified.
fn claim(token: &str, name: &str) -> String {
    use base64::Engine;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()[name].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn j3_j8_j11_j12_k2_discovery_is_enough_to_take_access_tokens_and_nothing_else() {
    let provider = Provider::start();
    for (suffix, client) in
        [("", "web"), (":es256", "web-es256"), (":ps256", "web"), (":eddsa", "web")]
    {
        let resource = format!("{RESOURCE}{suffix}");
        let service = Service::of(provider.trusted(&resource)).await;
        assert_eq!(service.ask(&[]).await.status, 401);
        let admitted = service.bearer(&provider.jwt_token(&resource).await).await;
        assert_eq!((admitted.status, admitted.text()), (200, "machine by Bearer"));
        let tokens = provider.log_in(client, "ada", &resource).await;
        let admitted = service.bearer(&tokens.access_token).await;
        assert_eq!((admitted.status, admitted.text()), (200, "ada by Bearer"));

        let elsewhere = provider.jwt_token("urn:api:invoices").await;
        let opaque = provider.opaque_token().await;
        for (token, reason) in [
            (&elsewhere, "token_audience"),
            (&tokens.id_token, "token_media_type"),
            (&opaque, "token_malformed"),
        ] {
            let logs = Logs::capture();
            let refused = service.bearer(token).await;
            assert_eq!(refused.status, 401, "{suffix} {reason}");
            assert!(refused.header("www-authenticate").contains("invalid_token"), "{reason}");
            assert!(logs.text().contains(reason), "{reason}: {}", logs.text());
        }
    }
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn k2_the_metadata_of_another_issuer_are_not_taken() {
    let provider = Provider::start();
    // The same server under another name: its metadata say who it is.
    let name = provider.issuer().replacen("127.0.0.1", "localhost", 1);
    let keys = RemoteKeys::discover(&name).insecure_allow_loopback_http();
    let keys = keys.build().unwrap();
    assert!(keys.load().await.is_err());
    let issuer = Issuer::builder(&name).audience(RESOURCE).keys_from(keys).build().unwrap();
    let service = Service::of(JwtValidator::new(issuer)).await;
    // Its tokens name the issuer that it is, and nobody trusts that one.
    let token = provider.jwt_token(RESOURCE).await;
    assert_eq!(service.bearer(&token).await.status, 401);
    let ours = TestIssuer::new(&name, RESOURCE).token("ada").sign();
    assert_eq!(service.bearer(&ours).await.status, 503, "there are no keys to judge it with");
    assert_eq!(provider.asked("/jwks").await, 0);
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn k4_k9_without_keys_from_the_start_tokens_get_503_until_there_are_some() {
    let provider = Provider::start();
    let clock = clock();
    let keys = provider.keys().clock(clock.clone()).build().unwrap();
    let service = Service::of(provider.trusted_for(RESOURCE, keys)).await;
    let token = provider.jwt_token(RESOURCE).await;
    for (status, body) in [(500, "{}"), (200, "no key set"), (200, r#"{"keys":[]}"#)] {
        provider.answer("/jwks", status, body, u32::MAX).await;
        let refused = service.bearer(&token).await;
        assert_eq!(refused.status, 503, "{status} {body}");
        assert!(!refused.header("retry-after").is_empty());
        clock.advance(seconds(60));
    }
    provider.answer("/jwks", 0, "", 0).await;
    until(async || {
        clock.advance(seconds(60)); // a round that failed may have been under way
        service.bearer(&token).await.status == 200
    })
    .await;
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn a_revoked_token_of_a_real_provider_is_refused_at_once_although_it_is_remembered() {
    let provider = Provider::start();
    let validator = provider.trusted(RESOURCE);
    let denylist = Denylist::new(seconds(300)).unwrap();
    let bearer = BearerAuthenticator::new(validator.clone().with_revocation(denylist.clone()));
    let service = Service::behind(Warden::builder().authenticate(bearer)).await;
    let (stolen, other) = (provider.jwt_token(RESOURCE).await, provider.jwt_token(RESOURCE).await);
    for token in [&stolen, &stolen, &other] {
        assert_eq!(service.bearer(token).await.status, 200);
    }
    assert_eq!(validator.cached_tokens(), 2);
    denylist.revoke_token(provider.issuer(), &claim(&stolen, "jti")).unwrap();
    let logs = Logs::capture();
    assert_eq!(service.bearer(&stolen).await.status, 401);
    assert!(logs.text().contains("token_revoked"), "{}", logs.text());
    assert_eq!(service.bearer(&other).await.status, 200);
    // And everything that was issued to that subject up to now.
    denylist.revoke_subject(provider.issuer(), "machine", now()).unwrap();
    assert_eq!(service.bearer(&other).await.status, 401);
}
