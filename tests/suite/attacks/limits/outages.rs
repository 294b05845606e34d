//! A shared store that is not there.

use tower::{Layer, service_fn};
use tower_warden::client_address::ClientAddress;
use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer, RedisStore, WhenUnavailable};

use crate::support::{Answer, ask, get, hello};

fn without_a_store(limit: Limit) -> RateLimitLayer {
    let nowhere = RedisStore::builder("redis+unix:///nonexistent/tower-warden/socket");
    RateLimitLayer::builder().limit(limit).store(nowhere.build().unwrap()).build().unwrap()
}

async fn send(layer: &RateLimitLayer, cost: &str) -> Answer {
    let mut request = get("/", &[("x-cost", cost)]);
    request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
    ask(layer.layer(service_fn(hello)), request).await
}

/// What is refused with a store for what it costs is not let in because there is none.
#[tokio::test]
async fn q13_an_outage_admits_nothing_that_costs_more_than_the_bucket_holds() {
    let limit = Limit::by_address("address", Quota::per_hour(10))
        .cost_of(|head| head.headers["x-cost"].to_str().unwrap().parse().unwrap());
    for mode in [WhenUnavailable::CountHere, WhenUnavailable::CountShareHere(2.try_into().unwrap())]
    {
        let layer = without_a_store(limit.clone().when_unavailable(mode));
        for cost in ["11", "18446744073709551615"] {
            let answer = send(&layer, cost).await;
            assert_eq!((answer.status, answer.reason()), (429, "cost_exceeds_quota"), "{cost}");
        }
        assert_eq!(send(&layer, "10").await.status, 200, "all that there is");
    }
}

#[tokio::test]
async fn q13_who_is_refused_for_an_outage_is_told_when_to_come_back() {
    let limit = Limit::by_address("address", Quota::per_hour(10));
    let layer = without_a_store(limit.when_unavailable(WhenUnavailable::Refuse));
    for _ in 0..5 {
        let answer = send(&layer, "1").await;
        assert_eq!((answer.status, answer.reason()), (503, "rate_limit_store_unavailable"));
        assert!(!answer.header("retry-after").is_empty());
    }
}
