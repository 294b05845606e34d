//! Whose bucket it is: addresses, and more of them than there is room for.

use std::time::Duration;

use tower::{ServiceBuilder, service_fn};
use tower_warden::client_address::{ClientAddressLayer, PeerAddress};
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};

use super::{built, status};
use crate::support::{Logs, ask, get, hello, through};

#[tokio::test]
async fn q10_a_flood_of_addresses_resets_nobody_and_is_logged_once_a_minute() {
    let logs = Logs::capture();
    let builder = RateLimitLayer::builder()
        .limit(Limit::by_address("address", Quota::per_hour(1)).capacity(1));
    let (layer, clock) = built(builder.without_headers());
    assert_eq!(status(&layer, "203.0.113.9").await, 200);
    let mut admitted = 0;
    for subnet in 0..4 {
        for host in 0..=255 {
            admitted += u32::from(status(&layer, &format!("198.51.{subnet}.{host}")).await == 200);
        }
    }
    assert_eq!(admitted, 64, "63 slots and the shared bucket");
    assert_eq!(layer.shared_charges(), 4 * 256 - 63);
    assert_eq!(status(&layer, "203.0.113.9").await, 429);
    let warnings = || logs.text().matches("new keys share buckets").count();
    assert_eq!(warnings(), 1);
    clock.advance(Duration::from_secs(60));
    status(&layer, "198.51.100.1").await;
    assert_eq!(warnings(), 2);
}

#[tokio::test]
async fn q11_ipv6_addresses_of_one_network_share_a_bucket() {
    let quota = Quota::per_minute(1);
    let (layer, _clock) = built(RateLimitLayer::by_address("address", quota));
    assert_eq!(status(&layer, "2001:db8:0:1::1").await, 200);
    assert_eq!(status(&layer, "2001:db8:0:1:ffff::2").await, 429);
    assert_eq!(status(&layer, "2001:db8:0:2::1").await, 200);

    let (layer, _clock) = built(RateLimitLayer::builder().limit(Limit::new(
        "address",
        Key::address_with_ipv6_prefix(56),
        quota,
    )));
    assert_eq!(status(&layer, "2001:db8:0:1::1").await, 200);
    assert_eq!(status(&layer, "2001:db8:0:ff::1").await, 429);
    assert_eq!(status(&layer, "2001:db8:0:100::1").await, 200);
}

#[tokio::test]
async fn express_rate_limit_ipv4_mapped_clients_have_buckets_of_their_own() {
    let (layer, _clock) = built(RateLimitLayer::by_address("address", Quota::per_minute(1)));
    assert_eq!(status(&layer, "::ffff:192.0.2.1").await, 200);
    assert_eq!(status(&layer, "::ffff:192.0.2.2").await, 200, "not one bucket for all of IPv4");
    assert_eq!(status(&layer, "192.0.2.1").await, 429, "and not two for one client");
}

#[tokio::test]
async fn q11_a_client_cannot_choose_its_bucket_with_a_field() {
    let (limiter, _clock) = built(RateLimitLayer::by_address("address", Quota::per_minute(1)));
    let service = ServiceBuilder::new()
        .layer(ClientAddressLayer::default())
        .layer(limiter)
        .service(service_fn(hello));
    for (forged, expected) in [("198.51.100.1", 200), ("198.51.100.2", 429)] {
        let mut request =
            get("/", &[("x-forwarded-for", forged), ("forwarded", &format!("for={forged}"))]);
        request.extensions_mut().insert(PeerAddress("203.0.113.9:1".parse().unwrap()));
        assert_eq!(ask(service.clone(), request).await.status, expected);
    }
}

#[tokio::test]
async fn q11_a_limiter_without_the_client_address_refuses() {
    let quota = Quota::per_minute(1);
    for builder in
        [RateLimitLayer::by_address("a", quota), RateLimitLayer::failed_authentication("a", quota)]
    {
        let logs = Logs::capture();
        let answer = through(&built(builder).0, get("/", &[])).await;
        assert_eq!((answer.status, answer.reason()), (500, "client_address_missing"));
        assert!(logs.text().contains("ClientAddressLayer"));
    }
}
