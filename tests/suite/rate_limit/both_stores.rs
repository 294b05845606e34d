//! What every store does, asked of both through the same layers. Quotas are of a day: nothing comes back meanwhile.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_warden::rate_limit::{
    Key, Limit, LimitKey, Quota, RateLimitBuilder, RateLimitLayer, RedisStore, WhenUnavailable,
};

use super::from;
use super::redis::server::Server;
use crate::support::{TestBody, ask, through};

const ADA: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

/// A layer of these limits, in some store. None counts anywhere else.
type Build<'s> = &'s dyn Fn(Vec<Limit>) -> RateLimitLayer;

fn in_memory(limits: Vec<Limit>) -> RateLimitLayer {
    limits.into_iter().fold(RateLimitLayer::builder(), RateLimitBuilder::limit).build().unwrap()
}

/// In a store that may take its time: the machine is busy.
fn in_redis(server: &Server, limits: Vec<Limit>) -> RateLimitLayer {
    let store = RedisStore::builder(server.url()).timeout(Duration::from_secs(20));
    let refuse = |limit: Limit| limit.when_unavailable(WhenUnavailable::Refuse);
    let builder = RateLimitLayer::builder().store(store.build().unwrap());
    limits.into_iter().map(refuse).fold(builder, RateLimitBuilder::limit).build().unwrap()
}

async fn admitted(layer: &RateLimitLayer, address: &str, requests: usize) -> usize {
    let answers = (0..requests).map(|_| through(layer, from(address, &[])));
    let statuses = join_all(answers).await.into_iter().map(|answer| answer.status);
    statuses.filter(|status| *status == 200).count()
}

async fn left(layer: &RateLimitLayer, policy: &str) -> u64 {
    let key = LimitKey::address(ADA.parse().unwrap());
    layer.limiter(policy).unwrap().peek(&key).await.unwrap().remaining
}

async fn bursts_are_exact_and_callers_apart(build: Build<'_>) {
    let layer = build(vec![Limit::by_address("bursts", Quota::per_day(7))]);
    assert_eq!(admitted(&layer, ADA, 40).await, 7);
    assert_eq!(admitted(&layer, BOB, 5).await, 5);
    assert_eq!(admitted(&layer, ADA, 5).await, 0);
}

async fn all_limits_are_charged_or_none(build: Build<'_>) {
    let few = Limit::by_address("few", Quota::per_day(2));
    let layer = build(vec![few, Limit::new("all", Key::global(), Quota::per_day(5))]);
    assert_eq!(admitted(&layer, ADA, 20).await, 2);
    assert_eq!(left(&layer, "all").await, 3, "refused requests cost nothing");
    assert_eq!(admitted(&layer, BOB, 20).await, 2);
    assert_eq!(left(&layer, "all").await, 1);
}

async fn costs_are_taken_whole(build: Build<'_>) {
    let layer = build(vec![Limit::by_address("costly", Quota::per_day(10)).cost(3)]);
    assert_eq!(admitted(&layer, ADA, 20).await, 3);
    assert_eq!(left(&layer, "costly").await, 1);
}

async fn looking_takes_nothing(build: Build<'_>) {
    let layer = build(vec![Limit::by_address("looked at", Quota::per_day(3))]);
    for _ in 0..10 {
        assert_eq!(left(&layer, "looked at").await, 3);
    }
    let answer = through(&layer, from(ADA, &[])).await;
    assert!(answer.header("ratelimit").starts_with("\"looked at\";r=2;t="));
    assert_eq!(left(&layer, "looked at").await, 2);
}

async fn months_of_the_calendar_are_counted(build: Build<'_>) {
    let layer = build(vec![Limit::by_address("a month", Quota::calendar_month(4))]);
    assert_eq!(admitted(&layer, ADA, 20).await, 4);
    assert_eq!(left(&layer, "a month").await, 0);
}

async fn failures_alone_are_charged(build: Build<'_>) {
    let failures = Limit::by_address("failures", Quota::per_day(2));
    let layer = build(vec![failures.charge_when(|answer| answer.status == 403)]);
    let answering = |status: u16| {
        layer.layer(service_fn(move |_: Request<TestBody>| async move {
            let mut response = Response::new(TestBody::from("answer"));
            *response.status_mut() = status.try_into().unwrap();
            Ok::<_, Infallible>(response)
        }))
    };
    for _ in 0..5 {
        assert_eq!(ask(answering(200), from(ADA, &[])).await.status, 200);
    }
    assert_eq!(left(&layer, "failures").await, 2);
    for _ in 0..2 {
        assert_eq!(ask(answering(403), from(ADA, &[])).await.status, 403);
    }
    // A store may be charged in the background.
    let charged = async {
        while left(&layer, "failures").await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), charged).await.expect("charged some time");
    assert_eq!(ask(answering(200), from(ADA, &[])).await.status, 429);
}

async fn contract(build: Build<'_>) {
    bursts_are_exact_and_callers_apart(build).await;
    all_limits_are_charged_or_none(build).await;
    costs_are_taken_whole(build).await;
    looking_takes_nothing(build).await;
    months_of_the_calendar_are_counted(build).await;
    failures_alone_are_charged(build).await;
}

#[tokio::test]
async fn q8_q9_q10_the_store_in_memory_keeps_the_contract() {
    contract(&in_memory).await;
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q8_q9_q10_the_store_in_redis_keeps_the_contract() {
    let server = Server::start(&[]);
    contract(&|limits| in_redis(&server, limits)).await;
}
