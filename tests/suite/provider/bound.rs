//! Access tokens that a real provider bound to the key of their holder (RFC 9449), over a real socket.

use tower_warden::Warden;
use tower_warden::authn::ByShape;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::dpop::DpopAuthenticator;
use tower_warden::authn::introspection::IntrospectionValidator;
use tower_warden::testing::TestDpopKey;

use super::served::Service;
use super::{DPOP_MACHINE, OPAQUE, Provider, RESOURCE, RESOURCE_SERVER, SECRET};
use crate::support::{Answer, Logs};

const API: &str = "https://api.example";
const ORDERS: &str = "https://api.example/orders";

/// A service with both schemes; a proxy in front of it is known as [`API`].
async fn service(provider: &Provider) -> Service {
    let endpoint = format!("{}/token/introspection", provider.issuer());
    let opaque = IntrospectionValidator::builder(endpoint, provider.issuer())
        .insecure_plain_loopback()
        .audience(OPAQUE)
        .client_secret(RESOURCE_SERVER, SECRET)
        .client_as_subject();
    let tokens = ByShape::new(provider.trusted(RESOURCE), opaque.build().unwrap());
    let dpop = DpopAuthenticator::builder(tokens.clone()).external_url(API).build().unwrap();
    let warden = Warden::builder().authenticate(BearerAuthenticator::new(tokens));
    Service::behind(warden.authenticate(dpop)).await
}

/// A token that the provider bound to that key, which the proof at its token endpoint told it.
async fn token(provider: &Provider, key: &TestDpopKey, resource: &str) -> String {
    let proof = key.proof("POST", &provider.token_endpoint()).sign();
    provider.machine_token(DPOP_MACHINE, resource, Some(&proof)).await
}

async fn ask(service: &Service, scheme: &str, token: &str, proof: &str) -> Answer {
    service.ask(&[("authorization", &format!("{scheme} {token}")), ("dpop", proof)]).await
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn p6_p12_p14_a_bound_token_of_a_real_provider_is_good_once_for_whoever_has_the_key() {
    let provider = Provider::start();
    let service = service(&provider).await;
    for resource in [RESOURCE, OPAQUE] {
        let (key, thief) = (TestDpopKey::new(), TestDpopKey::new());
        let token = token(&provider, &key, resource).await;
        let proof = key.proof("GET", ORDERS).token(&token).sign();
        let served = ask(&service, "DPoP", &token, &proof).await;
        assert_eq!((served.status, served.text()), (200, "machine-dpop by DPoP"), "{resource}");

        let fresh = || key.proof("GET", ORDERS).token(&token);
        let elsewhere = key.proof("GET", "https://api.example/admin").token(&token).sign();
        let by_thief = thief.proof("GET", ORDERS).token(&token).sign();
        let of_the_token_endpoint = key.proof("POST", &provider.token_endpoint()).sign();
        for (what, scheme, proof, reason) in [
            ("a second time", "DPoP", &proof, "dpop_replayed"),
            ("as Bearer", "Bearer", &fresh().sign(), "token_sender_constrained"),
            ("with another key", "DPoP", &by_thief, "dpop_"),
            ("for another target", "DPoP", &elsewhere, "dpop_"),
            ("for another method", "DPoP", &fresh().claim("htm", "POST").sign(), "dpop_"),
            ("for no token", "DPoP", &of_the_token_endpoint, "dpop_"),
        ] {
            let logs = Logs::capture();
            let refused = ask(&service, scheme, &token, proof).await;
            assert_eq!(refused.status, 401, "{resource} {what}");
            assert!(logs.text().contains(reason), "{resource} {what}: {}", logs.text());
        }
        let without = service.ask(&[("authorization", &format!("DPoP {token}"))]).await;
        assert_eq!(without.status, 401, "{resource}");
        assert_eq!(ask(&service, "DPoP", &token, &fresh().sign()).await.status, 200, "{resource}");
    }
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn p14_an_unbound_token_of_a_real_provider_needs_no_proof_and_none_makes_it_bound() {
    let provider = Provider::start();
    let service = service(&provider).await;
    let (token, key) = (provider.jwt_token(RESOURCE).await, TestDpopKey::new());
    assert_eq!(service.bearer(&token).await.status, 200);
    let proof = key.proof("GET", ORDERS).token(&token).sign();
    assert_eq!(ask(&service, "DPoP", &token, &proof).await.status, 401);
}
