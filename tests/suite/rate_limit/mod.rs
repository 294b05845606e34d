//! Rate limits, through real layers.

mod addresses;
mod answers;
mod authentication;
mod bandwidth;
mod behind_servers;
mod bodies;
mod both_stores;
mod concurrency;
mod exemptions;
mod failures;
mod fields;
mod flows;
mod grpc;
mod inspection;
mod keys;
mod live;
mod outages;
mod plans;
mod proxy;
mod read;
mod redis;
mod routes;
mod served;
mod shadow;
mod streams;
mod together;

use std::time::Duration;

use http::Request;
use tower_warden::client_address::ClientAddress;
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitBuilder, RateLimitLayer};
use tower_warden::testing::FakeClock;

use crate::support::{Logs, TestBody, get, through};

const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn built(builder: RateLimitBuilder) -> (RateLimitLayer, FakeClock) {
    let clock = FakeClock::at_unix(0);
    clock.advance(Duration::from_secs(1000));
    (builder.clock(clock.clone()).build().unwrap(), clock)
}

fn from(address: &str, headers: &[(&str, &str)]) -> Request<TestBody> {
    let mut request = get("/", headers);
    request.extensions_mut().insert(ClientAddress::new(address.parse().unwrap()));
    request
}

async fn status(layer: &RateLimitLayer, address: &str) -> u16 {
    through(layer, from(address, &[])).await.status
}

#[tokio::test]
async fn q1_a_spent_quota_is_429_with_a_problem_document_that_names_the_policy() {
    let (layer, _clock) = built(RateLimitLayer::by_address("address", Quota::per_minute(1)));
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json()["status"], 429);
    assert_eq!(
        answer.json()["type"],
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
    );
    assert_eq!(answer.json()["violated-policies"], serde_json::json!(["address"]));
    assert_eq!(
        (answer.reason(), answer.rejection().unwrap().control()),
        ("address_quota_exceeded", "rate_limit")
    );
    assert_eq!(status(&layer, "192.0.2.2").await, 200, "another address");
}

#[tokio::test]
async fn q1_the_log_names_the_policy() {
    let logs = Logs::capture();
    let (layer, _clock) = built(RateLimitLayer::by_address("per client", Quota::per_minute(1)));
    status(&layer, "192.0.2.1").await;
    assert_eq!(logs.text(), "");
    status(&layer, "192.0.2.1").await;
    assert!(logs.text().contains("per client"), "{}", logs.text());
}

#[tokio::test]
async fn q8_clock_going_back_admits_nobody() {
    let (layer, clock) = built(RateLimitLayer::by_address("address", Quota::per_second(1)));
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    for back in [999, 500, 0] {
        clock.set_monotonic(Duration::from_secs(back));
        assert_eq!(status(&layer, "192.0.2.1").await, 429);
    }
    clock.set_monotonic(Duration::from_secs(1001));
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
}

#[test]
fn q8_everything_wrong_is_told_with_the_limiters_name() {
    let limit = Limit::new("na\u{ef}ve", Key::address_with_ipv6_prefix(0), Quota::per_minute(0));
    let error = RateLimitLayer::builder().limit(limit.capacity(0)).build().unwrap_err();
    assert_eq!(error.problems().len(), 5, "{error}");
    assert!(
        error.problems().iter().all(|problem| problem.culprit() == "rate limiter \"na\u{ef}ve\"")
    );

    let quota = Quota::per_minute(1);
    for limit in [
        Limit::by_address("", quota),
        Limit::by_address("a", quota.burst(0)),
        Limit::by_address("a", Quota::new(1, Duration::ZERO)),
        Limit::by_address("a", Quota::per_day(1).burst(u64::MAX)),
        Limit::new("a", Key::address_with_ipv6_prefix(129), quota),
        Limit::by_address("a", quota).capacity(usize::MAX),
        Limit::by_address("a", quota).cost(2),
    ] {
        let error = RateLimitLayer::builder().limit(limit.clone()).build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{limit:?}: {error}");
    }
    let twice = RateLimitLayer::by_address("a", quota).limit(Limit::by_principal("a", quota));
    assert_eq!(twice.build().unwrap_err().problems().len(), 1);
    assert_eq!(RateLimitLayer::builder().build().unwrap_err().problems().len(), 1);
    assert!(RateLimitLayer::by_address("a", Quota::per_minute(1)).build().is_ok());
}

#[tokio::test]
async fn q1_clones_of_a_limiter_count_together() {
    let (layer, _clock) = built(RateLimitLayer::by_address("address", Quota::per_minute(1)));
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    assert_eq!(status(&layer.clone(), "192.0.2.1").await, 429);
}
