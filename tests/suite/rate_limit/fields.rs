//! What callers are told: the header fields and when to come back.

use std::time::Duration;

use tower::{ServiceBuilder, service_fn};
use tower_warden::rate_limit::{Quota, RateLimitLayer};

use super::{GRPC, built, from, status};
use crate::support::{ask, hello, through};

#[tokio::test]
async fn q2_retry_after_is_never_earlier_than_the_bucket_allows() {
    for (quota, seconds) in [
        (Quota::per_second(10), 1),
        (Quota::per_minute(7), 9), // 60/7 = 8.57
        (Quota::per_minute(1), 60),
        (Quota::per_day(1), 86_400),
    ] {
        let (layer, clock) = built(RateLimitLayer::by_address("a", quota.burst(1)));
        assert_eq!(status(&layer, "192.0.2.1").await, 200);
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        assert_eq!(answer.header("retry-after"), seconds.to_string());
        assert_eq!(answer.header("ratelimit"), format!("\"a\";r=0;t={seconds}"));
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(status(&layer, "192.0.2.1").await, 200, "as promised");
    }
}

#[tokio::test]
async fn q3_q4_the_fields_tell_policy_and_state_on_success_and_on_refusal() {
    let (layer, clock) = built(RateLimitLayer::by_address("default", Quota::per_minute(2)));
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=2;w=60");
    assert_eq!(answer.header("ratelimit"), "\"default\";r=1;t=30");
    clock.advance(Duration::from_millis(1));
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(answer.header("ratelimit"), "\"default\";r=0;t=60");
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=2;w=60");
    assert_eq!(answer.header("ratelimit"), "\"default\";r=0;t=30");
}

#[tokio::test]
async fn q4_nested_limiters_are_listed_in_the_order_of_the_stack() {
    let limiter = |name: &'static str, tokens| {
        built(RateLimitLayer::by_address(name, Quota::per_minute(tokens))).0
    };
    let service = ServiceBuilder::new()
        .layer(limiter("outer", 9))
        .layer(limiter("middle", 8))
        .layer(limiter("inner", 1))
        .service(service_fn(hello));
    let answer = ask(service.clone(), from("192.0.2.1", &[])).await;
    let policies = ["\"outer\";q=9;w=60", "\"middle\";q=8;w=60", "\"inner\";q=1;w=60"];
    assert_eq!(answer.all("ratelimit-policy"), policies);
    assert_eq!(
        answer.all("ratelimit"),
        ["\"outer\";r=8;t=7", "\"middle\";r=7;t=8", "\"inner\";r=0;t=60"]
    );

    let refused = ask(service, from("192.0.2.1", &[])).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["inner"]));
    assert_eq!(refused.all("ratelimit-policy"), policies);
    assert_eq!(
        refused.all("ratelimit"),
        ["\"outer\";r=7;t=14", "\"middle\";r=6;t=15", "\"inner\";r=0;t=60"]
    );
}

#[tokio::test]
async fn q5_grpc_gets_a_status_and_retry_after_and_no_rate_limit_fields() {
    let (layer, _clock) = built(RateLimitLayer::by_address("address", Quota::per_minute(1)));
    let answer = through(&layer, from("192.0.2.1", &[GRPC])).await;
    assert_eq!(answer.status, 200);
    assert!(answer.all("ratelimit").is_empty() && answer.all("ratelimit-policy").is_empty());
    let answer = through(&layer, from("192.0.2.1", &[GRPC])).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, "8"));
    assert_eq!(answer.header("retry-after"), "60");
    assert!(answer.all("ratelimit").is_empty() && answer.all("ratelimit-policy").is_empty());
    assert!(answer.trailers.is_none());
}

#[tokio::test]
async fn q5_the_fields_can_be_left_out() {
    let builder = RateLimitLayer::by_address("address", Quota::per_minute(1)).without_headers();
    let (layer, _clock) = built(builder);
    for expected in [200, 429] {
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        assert_eq!(answer.status, expected);
        assert!(answer.all("ratelimit").is_empty() && answer.all("ratelimit-policy").is_empty());
    }
}

#[tokio::test]
async fn q5_no_field_tells_the_key() {
    let (layer, _clock) = built(RateLimitLayer::by_address("address", Quota::per_minute(1)));
    for _ in 0..2 {
        let answer = through(&layer, from("192.0.2.77", &[])).await;
        let told = format!("{:?} {}", answer.headers, answer.text());
        assert!(!told.contains("192.0.2.77"), "{told}");
    }
}
