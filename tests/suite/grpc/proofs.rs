//! Tokens bound to a key, over gRPC: the method of a call is POST, its path the target.

use tonic::Code;
use tower_warden::authn::dpop::DpopAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::testing::{TestDpopKey, TestIssuer};

use super::mill::FINE;
use super::wire::{empty_message, raw};
use super::{GET, Running, field, with};
use crate::orders_v1::GetRequest;

const TARGET: &str = "https://api.example/orders.v1.Orders/Get";

#[tokio::test]
async fn p7_p8_p15_a_call_with_a_proof_is_served_and_without_is_refused_in_trailers_alone() {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let validator = JwtValidator::new(issuer.trust().unwrap());
    let dpop =
        DpopAuthenticator::builder(validator).external_url("https://api.example").build().unwrap();
    let server = Running::with(|warden| warden.authenticate(dpop)).await;
    let key = TestDpopKey::new();
    let token = issuer.token("ada").scope("orders:read").bound_to(&key).sign();
    let (authorization, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));

    let good = key.proof("POST", TARGET).token(&token).sign();
    let metadata = [("authorization", &*authorization), ("dpop", &*good)];
    let order = server.orders().get(with(&metadata, GetRequest { id: FINE })).await.unwrap();
    assert_eq!(order.get_ref().owner, "ada");

    let of = |method, uri: &str| key.proof(method, uri).token(&token).sign();
    let thief = TestDpopKey::new().proof("POST", TARGET).token(&token).sign();
    for (authorization, proof, error) in [
        (&authorization, &*good, "invalid_dpop_proof"), // a second time
        (&authorization, &*of("GET", TARGET), "invalid_dpop_proof"),
        (
            &authorization,
            &*of("POST", "https://api.example/orders.v1.Orders/get"),
            "invalid_dpop_proof",
        ),
        (
            &authorization,
            &*of("POST", "https://api.example/orders.v1.Orders/Delete"),
            "invalid_dpop_proof",
        ),
        (&authorization, "rubbish", "invalid_dpop_proof"),
        (&authorization, &*thief, "invalid_token"),
        (&bearer, &*of("POST", TARGET), "invalid_token"),
    ] {
        let metadata = [("authorization", &**authorization), ("dpop", proof)];
        let refused = server.orders().get(with(&metadata, GetRequest { id: FINE })).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{proof}");
        let challenges = refused.metadata().get_all("www-authenticate");
        let errors = challenges.iter().filter(|it| it.to_str().unwrap().contains("error="));
        let errors: Vec<_> = errors.map(|it| it.to_str().unwrap()).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].ends_with(&format!(r#"error="{error}""#)), "{errors:?}");
        assert_eq!(challenges.iter().count(), 3, "Bearer, ApiKey and DPoP");
        assert!(!field(refused.metadata(), "x-request-id").is_empty());

        let response = raw(&server, GET, &metadata, empty_message()).await;
        assert_eq!(
            (response.status(), &response.headers()["grpc-status"]),
            (200.try_into().unwrap(), &"16".parse().unwrap())
        );
        assert!(
            http_body::Body::is_end_stream(response.body()),
            "the header section ends the stream"
        );
    }
    assert_eq!(server.handler_calls(), 1);
}
