//! Which code a refusal has, and what stands beside it.

use std::time::Duration;

use futures_util::TryStreamExt;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tower_warden::rate_limit::Quota;
use tower_warden::testing::FakeClock;

use super::mill::{FINE, loom};
use super::{Running, SECRET, field, some_key, with};
use crate::orders_v1::health_client::HealthClient;
use crate::orders_v1::{CreateRequest, DeleteRequest, GetRequest, HealthRequest, ListRequest};

#[tokio::test]
async fn g2_each_kind_of_refusal_has_its_code_and_a_caller_in_order_gets_its_answer() {
    let server = Running::start().await;
    let known = server.reader();
    let key = some_key();
    for (metadata, id, code, message) in [
        (&[][..], FINE, Code::Unauthenticated, "Credentials are required."),
        (
            &[("authorization", "Bearer made.up.token")],
            FINE,
            Code::Unauthenticated,
            "The credentials are not valid.",
        ),
        (
            &[("x-api-key", key.expose())],
            FINE,
            Code::Unavailable,
            "The service is not available at the moment. Retry later.",
        ),
        (&[("authorization", &*known)], 5, Code::NotFound, "There is nothing here."),
    ] {
        let refused = server.orders().get(with(metadata, GetRequest { id })).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (code, message));
        assert!(!field(refused.metadata(), "x-request-id").is_empty());
    }
    assert_eq!(server.get(FINE).await.unwrap().owner, "ada");

    let authorization = [("authorization", &*known)];
    let draft = || CreateRequest { item: "a loom".to_owned() };
    let no_scope = server.orders().create(with(&authorization, draft())).await.unwrap_err();
    assert_eq!(no_scope.code(), Code::PermissionDenied);
    assert!(no_scope.message().contains("scope"), "{no_scope}");
    let no_role = server.orders().delete(with(&authorization, DeleteRequest::default())).await;
    assert_eq!(no_role.unwrap_err().code(), Code::PermissionDenied);

    let up = HealthClient::new(server.channel.clone()).check(HealthRequest {}).await.unwrap();
    assert_eq!(up.get_ref().status, "up");
    assert!(!field(up.metadata(), "x-request-id").is_empty());
}

#[tokio::test]
async fn g2_a_dependency_that_is_down_says_when_to_come_back() {
    let server = Running::start().await;
    let key = some_key();
    let request = with(&[("x-api-key", key.expose())], GetRequest { id: FINE });
    let refused = server.orders().get(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(field(refused.metadata(), "retry-after"), "7");
    assert!(!format!("{refused:?}").contains(SECRET), "{refused:?}");
}

#[tokio::test]
async fn g3_the_challenges_are_metadata_and_the_error_stands_on_the_scheme_that_was_tried() {
    let server = Running::start().await;
    let challenges = async |metadata: &[(&'static str, &str)]| {
        let request = with(metadata, GetRequest { id: FINE });
        let refused = server.orders().get(request).await.unwrap_err();
        let all = refused.metadata().get_all("www-authenticate");
        all.iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let none = challenges(&[]).await;
    assert_eq!(none, [r#"Bearer realm="api""#, r#"ApiKey realm="api""#]);
    let bad = challenges(&[("authorization", "Bearer made.up.token")]).await;
    assert_eq!(bad, [r#"Bearer realm="api", error="invalid_token""#, r#"ApiKey realm="api""#]);

    let draft = with(&[("authorization", &server.reader())], CreateRequest::default());
    let no_scope = server.orders().create(draft).await.unwrap_err();
    assert_eq!(
        field(no_scope.metadata(), "www-authenticate"),
        r#"Bearer realm="api", error="insufficient_scope", scope="orders:write""#
    );
}

#[tokio::test]
async fn g3_two_credentials_are_refused_and_binary_ones_are_none() {
    let server = Running::start().await;
    let known = server.reader();
    for metadata in [
        [("authorization", &*known), ("authorization", &*known)],
        [("authorization", &*known), ("authorization", "Bearer made.up.token")],
        [("authorization", &*known), ("x-api-key", "acme_key")],
    ] {
        let request = with(&metadata, GetRequest { id: FINE });
        let refused = server.orders().get(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{metadata:?}");
    }
    let mut request = Request::new(GetRequest { id: FINE });
    request
        .metadata_mut()
        .insert_bin("authorization-bin", MetadataValue::from_bytes(known.as_bytes()));
    let refused = server.orders().get(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(server.handler_calls(), 0);
}

#[tokio::test]
async fn g3_a_stream_is_refused_before_its_first_message() {
    let server = Running::start().await;
    let expired = server.issuer.token("ada").scope("orders:read");
    let expired = format!("Bearer {}", expired.expired_since(Duration::from_secs(3600)).sign());
    let no_scope = format!("Bearer {}", server.issuer.token("eve").sign());
    for (metadata, code) in [
        (&[][..], Code::Unauthenticated),
        (&[("authorization", &*expired)], Code::Unauthenticated),
        (&[("authorization", &*no_scope)], Code::PermissionDenied),
    ] {
        // The call itself fails: there is no stream to read from.
        let refused = server.orders().list(with(metadata, ListRequest {})).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
    assert_eq!(server.handler_calls(), 0);

    let admitted = with(&[("authorization", &server.reader())], ListRequest {});
    let stream = server.orders().list(admitted).await.unwrap().into_inner();
    assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap(), [loom("ada")]);
}

#[tokio::test]
async fn q2_a_spent_quota_is_resource_exhausted_with_a_time_to_come_back() {
    let clock = FakeClock::at_unix(0);
    let own_clock = clock.clone();
    let server = Running::with(|warden| {
        warden.clock(own_clock).limit_by_principal(Quota::per_minute(6).burst(2))
    })
    .await;
    for _ in 0..2 {
        server.get(FINE).await.unwrap();
    }
    let refused = server.get(FINE).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(field(refused.metadata(), "retry-after"), "10");
    assert_eq!(server.handler_calls(), 2);
    // Somebody else's quota is somebody else's.
    let other = with(&[("authorization", &server.bearer("eve"))], GetRequest { id: FINE });
    assert!(server.orders().get(other).await.is_ok());

    clock.advance(Duration::from_secs(10));
    assert!(server.get(FINE).await.is_ok(), "it came back when it was told");
}

#[tokio::test]
async fn q12_an_address_is_limited_before_anybody_asks_who_it_is() {
    let server = Running::with(|warden| warden.limit_by_address(Quota::per_minute(1))).await;
    assert!(server.get(FINE).await.is_ok());
    for metadata in [&[][..], &[("authorization", &*server.reader())]] {
        let refused = server.orders().get(with(metadata, GetRequest { id: FINE })).await;
        assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted);
    }
}
