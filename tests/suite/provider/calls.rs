//! Access tokens of a real provider at a real gRPC service.

use tonic::Code;
use tower_warden::authn::jwt::Issuer;

use super::{Provider, RESOURCE};
use crate::grpc::{Running, with};
use crate::orders_v1::GetRequest;

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn g1_j8_j11_j12_k2_over_grpc_access_tokens_by_discovery_and_nothing_else() {
    let provider = Provider::start();
    for (suffix, client) in [("", "web"), (":es256", "web-es256")] {
        let resource = format!("{RESOURCE}{suffix}");
        let keys = provider.keys().build().unwrap();
        let issuer = Issuer::builder(provider.issuer()).audience(&resource).access_tokens_only();
        let issuer = issuer.keys_from(keys).build();
        let server = Running::with(|warden| warden.trust_issuer(issuer)).await;
        let get = async |token: &str| -> Result<String, Code> {
            let bearer = format!("Bearer {token}");
            let request = with(&[("authorization", &bearer)], GetRequest { id: 0 });
            let answer = server.orders().get(request).await;
            answer.map(|order| order.into_inner().owner).map_err(|status| status.code())
        };
        let own = provider.jwt_token(&resource).await;
        let tokens = provider.log_in(client, "ada", &resource).await;
        assert_eq!(get(&own).await.as_deref(), Ok("machine"));
        assert_eq!(get(&tokens.access_token).await.as_deref(), Ok("ada"));
        let elsewhere = provider.jwt_token("urn:api:invoices").await;
        for bad in [&elsewhere, &tokens.id_token, &provider.opaque_token().await] {
            assert_eq!(get(bad).await, Err(Code::Unauthenticated));
        }
        assert_eq!(server.handler_calls(), 2);
        // The cooldown is over only in half a minute: new keys are unknown until then, and not an outage.
        provider.rotate(false).await;
        let new = provider.jwt_token(&resource).await;
        assert_eq!(get(&new).await, Err(Code::Unauthenticated));
        assert_eq!(get(&own).await.as_deref(), Ok("machine"));
    }
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn g1_k4_over_grpc_a_provider_without_keys_is_unavailable_and_not_a_bad_token() {
    let provider = Provider::start();
    let keys = provider.keys().build().unwrap();
    let issuer = Issuer::builder(provider.issuer()).audience(RESOURCE).keys_from(keys).build();
    let server = Running::with(|warden| warden.trust_issuer(issuer)).await;
    let bearer = format!("Bearer {}", provider.jwt_token(RESOURCE).await);
    provider.fault("/jwks", 500, 0, u32::MAX).await;
    let request = with(&[("authorization", &bearer)], GetRequest { id: 0 });
    let refused = server.orders().get(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(server.handler_calls(), 0);
}
