//! Tokens that a real provider issued, at a validator that has its keys by hand.

use serde_json::{Value, json};
use tower_warden::authn::jwt::{
    Algorithm, Issuer, IssuerBuilder, JwtValidator, TokenError, VerifyingKey,
};
use tower_warden::principal::PrincipalKind;
use tower_warden::testing::TestIssuer;

use super::{Provider, RESOURCE};

/// Trusts the keys that the provider has now, for one audience.
async fn trusting(provider: &Provider, audience: &str) -> IssuerBuilder {
    let keys = VerifyingKey::from_jwks(&provider.jwks().await).unwrap();
    assert!(keys.len() >= 4, "{}", keys.len());
    keys.into_iter().fold(Issuer::builder(provider.issuer()).audience(audience), IssuerBuilder::key)
}

/// The service that the access tokens are for.
async fn service(provider: &Provider, audience: &str) -> JwtValidator {
    let issuer = trusting(provider, audience).await.access_tokens_only();
    JwtValidator::new(issuer.build().unwrap())
}

/// The header of a token.
fn header(token: &str) -> Value {
    use base64::Engine;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice(&header).unwrap()
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn j2_j11_access_tokens_of_a_real_provider_are_accepted_in_each_algorithm() {
    let provider = Provider::start();
    assert_eq!(provider.metadata().await["issuer"], provider.issuer());
    for (suffix, algorithm) in
        [("", "RS256"), (":es256", "ES256"), (":ps256", "PS256"), (":eddsa", "EdDSA")]
    {
        let resource = format!("{RESOURCE}{suffix}");
        let token = provider.jwt_token(&resource).await;
        assert_eq!(
            (&header(&token)["alg"], &header(&token)["typ"]),
            (&json!(algorithm), &json!("at+jwt"))
        );
        let principal = service(&provider, &resource).await.validate(&token).unwrap();
        assert_eq!(principal.identity(), (provider.issuer(), "machine"));
        assert_eq!(principal.kind(), PrincipalKind::Machine);
        assert!(principal.has_scope("orders:read"));
        // The other resources of the same provider are other services.
        let other = service(&provider, "urn:api:invoices").await;
        assert_eq!(other.validate(&token), Err(TokenError::Audience), "{algorithm}");
    }
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn j12_an_id_token_of_a_real_provider_is_no_access_token() {
    let provider = Provider::start();
    for (client, algorithm) in [("web", "RS256"), ("web-es256", "ES256")] {
        let tokens = provider.log_in(client, "ada", RESOURCE).await;
        let principal = service(&provider, RESOURCE).await.validate(&tokens.access_token).unwrap();
        assert_eq!(principal.identity(), (provider.issuer(), "ada"));
        assert_eq!(principal.kind(), PrincipalKind::User);

        assert_eq!(header(&tokens.id_token)["alg"], algorithm);
        let strict = service(&provider, RESOURCE).await;
        assert_eq!(strict.validate(&tokens.id_token), Err(TokenError::MediaType));
        // Not even where it is for us and types are not insisted on: a service that took its own ID tokens.
        let lenient = trusting(&provider, client).await.build().unwrap();
        assert_eq!(
            JwtValidator::new(lenient).validate(&tokens.id_token),
            Err(TokenError::MediaType)
        );
    }
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn j2_a_token_of_a_new_key_is_not_known_to_whom_has_the_old_ones() {
    let provider = Provider::start();
    let before = service(&provider, RESOURCE).await;
    let old = provider.jwt_token(RESOURCE).await;
    provider.rotate(true).await;
    let new = provider.jwt_token(RESOURCE).await;
    assert_eq!(before.validate(&new), Err(TokenError::UnknownKey));
    let between = service(&provider, RESOURCE).await;
    assert!(between.validate(&old).is_ok() && between.validate(&new).is_ok());
    provider.rotate(false).await;
    let after = service(&provider, RESOURCE).await;
    assert_eq!(after.validate(&old), Err(TokenError::UnknownKey));
    assert_eq!(after.validate(&new), Err(TokenError::UnknownKey));
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn p14_a_dpop_token_of_a_real_provider_is_no_bearer_token() {
    let provider = Provider::start();
    let holder = TestIssuer::with_algorithm("holder", "", Algorithm::Es256);
    let mut jwk = holder.public_jwk();
    jwk.as_object_mut()
        .unwrap()
        .retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let claims = json!({
        "htm": "POST", "htu": provider.token_endpoint(), "jti": "1", "iat": now.as_secs(),
    });
    let proof = holder.sign(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let token = provider.dpop_token(&proof).await;
    let verdict = service(&provider, RESOURCE).await.validate(&token);
    assert_eq!(verdict, Err(TokenError::SenderConstrained));
    // Nor is the proof a token, although it is a JWT with a good signature.
    assert!(service(&provider, RESOURCE).await.validate(&proof).is_err());
}

/// What the tests of key sets and of introspection stand on: the provider does what it is told, and counts.
#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn the_provider_fails_on_demand_counts_and_forgets_what_is_revoked() {
    let provider = Provider::start();
    provider.fault("/jwks", 503, 0, 2).await;
    for status in [503, 503, 200] {
        assert_eq!(provider.get("/jwks").await.status, status);
    }
    provider.answer("/jwks", 200, "no key set", 1).await;
    assert_eq!(provider.jwks().await, "no key set");
    provider.fault("/jwks", 0, 600_000, 1).await;
    let arrived = async { while provider.asked("/jwks").await < 5 {} };
    tokio::select! {
        keys = provider.jwks() => panic!("answered at once: {keys}"),
        () = arrived => {}
    }
    assert_eq!(provider.asked("/nothing").await, 0);

    let token = provider.opaque_token().await;
    let known = provider.introspect(&token).await.json();
    assert_eq!((&known["active"], &known["client_id"]), (&json!(true), &json!("machine")));
    provider.revoke(&token).await;
    assert_eq!(provider.introspect(&token).await.json(), json!({"active": false}));
    // It does not tell about a JWT: which must not be read as active.
    let jwt = provider.jwt_token(RESOURCE).await;
    let refused = provider.introspect(&jwt).await;
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("unsupported_token_type")));
    assert_eq!(provider.stats().await["/token/introspection"], 3);
}
