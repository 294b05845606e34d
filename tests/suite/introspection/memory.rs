//! What is remembered of an answer, and for how long; and what happens while there is none yet.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Semaphore;
use tower_warden::Warden;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::{Attempt, TokenValidator};
use tower_warden::authz::{Rules, scope};
use tower_warden::client_address::PeerAddress;
use tower_warden::testing::FakeClock;

use super::server::{Reply, Server};
use super::{NOW, TOKEN, active, active_but, builder, judge, layer, reason, send, validator};
use crate::support::{get, through};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn i4_an_active_token_is_believed_for_a_minute_at_most() {
    let server = Server::answering(Reply::Json(active())).await;
    let clock = FakeClock::at_unix(NOW);
    let validator = builder(&server).clock(clock.clone()).build().unwrap();
    for (turned, calls) in [(0, 1), (59, 1), (1, 2), (59, 2), (1, 3)] {
        clock.advance(seconds(turned));
        assert_eq!(reason(&validator, TOKEN).await, "admitted");
        assert_eq!(server.calls(), calls);
    }
}

#[tokio::test]
async fn i4_an_active_token_is_never_believed_past_its_expiry() {
    let server = Server::answering(Reply::Json(active_but(&json!({"exp": NOW + 10})))).await;
    let clock = FakeClock::at_unix(NOW);
    let validator = builder(&server).clock(clock.clone()).build().unwrap();
    assert_eq!(reason(&validator, TOKEN).await, "admitted");
    server.reply(Reply::Json(json!({"active": false})));
    clock.advance(seconds(9));
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("admitted", 1));
    clock.advance(seconds(1));
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("token_inactive", 2));
}

#[tokio::test]
async fn i4_a_clock_that_jumps_admits_nothing_that_has_expired() {
    let server = Server::answering(Reply::Json(active_but(&json!({"iat": NOW})))).await;
    let clock = FakeClock::at_unix(NOW);
    let validator = builder(&server).clock(clock.clone()).build().unwrap();
    assert_eq!(reason(&validator, TOKEN).await, "admitted");
    // Only the calendar moves: by the other clock the answer is fresh.
    clock.set_unix(seconds(NOW - 120));
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("token_issued_in_future", 1));
    clock.set_unix(seconds(NOW + 360));
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("token_expired", 2));
    clock.set_unix(Duration::MAX); // a clock that was reset
    assert_eq!(reason(&validator, "another").await, "token_expired");
}

#[tokio::test]
async fn i4_a_refusal_is_remembered_for_five_seconds() {
    let server = Server::answering(Reply::Json(json!({"active": false}))).await;
    let clock = FakeClock::at_unix(NOW);
    let validator = builder(&server).clock(clock.clone()).build().unwrap();
    assert_eq!(reason(&validator, TOKEN).await, "token_inactive");
    server.reply(Reply::Json(active()));
    clock.advance(seconds(4));
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("token_inactive", 1));
    clock.advance(seconds(1));
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("admitted", 2));
}

#[tokio::test]
async fn i4_an_active_token_of_another_service_is_remembered_as_refused() {
    let server =
        Server::answering(Reply::Json(active_but(&json!({"aud": "https://b.example"})))).await;
    let validator = validator(&server);
    for _ in 0..3 {
        assert_eq!(reason(&validator, TOKEN).await, "token_audience");
    }
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn i4_a_flood_of_made_up_tokens_pushes_nobody_out() {
    let server = Server::answering(Reply::Json(active())).await;
    let validator = builder(&server).cache_capacity(64).build().unwrap();
    assert_eq!(reason(&validator, TOKEN).await, "admitted");
    server.reply(Reply::Json(json!({"active": false})));
    for number in 0..500 {
        assert_eq!(reason(&validator, &format!("made-up-{number}")).await, "token_inactive");
    }
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("admitted", 501));
    let kept: Vec<_> = format!("{validator:?}")
        .split("Cache { entries: ")
        .skip(1)
        .map(|rest| rest.split(',').next().unwrap().parse::<usize>().unwrap())
        .collect();
    assert_eq!(kept[0], 1);
    assert!(kept[1] <= 64, "{kept:?}");
}

#[tokio::test]
async fn i4_the_cache_can_be_switched_off() {
    let server = Server::answering(Reply::Json(active())).await;
    let validator = builder(&server).without_cache().build().unwrap();
    for calls in 1..4 {
        assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("admitted", calls));
    }
    server.reply(Reply::Json(json!({"active": false})));
    assert_eq!(reason(&validator, TOKEN).await, "token_inactive");
}

#[tokio::test]
async fn i5_an_answer_is_not_shared_with_another_audience_cve_2021_32701_cve_2026_33496() {
    let server = Server::answering(Reply::Json(active())).await;
    let ours = validator(&server);
    let theirs = super::IntrospectionValidator::builder(server.endpoint(), super::ISSUER)
        .insecure_plain_loopback()
        .audience("https://b.example")
        .client_secret("orders-api", "s3cret")
        .http_client(super::HyperClient::default())
        .clock(FakeClock::at_unix(NOW))
        .build()
        .unwrap();
    for _ in 0..2 {
        assert_eq!(reason(&ours, TOKEN).await, "admitted");
        assert_eq!(reason(&theirs, TOKEN).await, "token_audience");
    }
    assert_eq!(server.calls(), 2);
    // Clones are the same validator.
    assert_eq!((reason(&ours.clone(), TOKEN).await, server.calls()), ("admitted", 2));
}

#[tokio::test]
async fn i5_the_scope_is_checked_after_the_cache_for_each_request() {
    let server = Server::answering(Reply::Json(active())).await;
    let rules = Rules::builder()
        .get("/orders", scope("orders:read"))
        .post("/orders", scope("orders:write"));
    let warden: Warden = Warden::builder()
        .authenticate(BearerAuthenticator::new(validator(&server)))
        .rules(rules)
        .build()
        .unwrap();
    let bearer = format!("Bearer {TOKEN}");
    for (method, status) in [("GET", 200), ("POST", 403), ("GET", 200), ("POST", 403)] {
        let mut request = get("/orders", &[("authorization", &bearer)]);
        *request.method_mut() = method.parse().unwrap();
        request.extensions_mut().insert(PeerAddress(([192, 0, 2, 1], 40000).into()));
        assert_eq!(through(&warden, request).await.status, status, "{method}");
    }
    assert_eq!(server.calls(), 1);
}

fn pending(attempt: Attempt) -> impl Future<Output = &'static str> {
    let Attempt::Pending(outcome) = attempt else { panic!("known at once") };
    outcome.map(|outcome| outcome.map_or_else(|refused| refused.reason(), |_| "admitted"))
}

#[tokio::test]
async fn i5_requests_with_one_token_share_a_call() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::answering(Reply::Held(Arc::clone(&gate), active())).await;
    for validator in [validator(&server), builder(&server).without_cache().build().unwrap()] {
        let calls = server.calls();
        let waiting: Vec<_> = (0..50).map(|_| pending(validator.attempt(TOKEN.into()))).collect();
        gate.add_permits(1);
        assert!(join_all(waiting).await.iter().all(|outcome| *outcome == "admitted"));
        assert_eq!(server.calls(), calls + 1);
    }
}

#[tokio::test]
async fn i5_who_goes_away_does_not_take_the_others_along() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::answering(Reply::Held(Arc::clone(&gate), active())).await;
    let validator = validator(&server);
    let mut first = Box::pin(pending(validator.attempt(TOKEN.into())));
    let second = pending(validator.attempt(TOKEN.into()));
    while server.calls() == 0 {
        assert!(first.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(first);
    gate.add_permits(1);
    assert_eq!((second.await, server.calls()), ("admitted", 1));
}

#[tokio::test]
async fn i5_when_all_have_gone_away_the_next_one_asks_anew() {
    let server = Server::answering(Reply::Stall).await;
    let validator = builder(&server).max_calls(1).build().unwrap();
    let mut lonely = Box::pin(pending(validator.attempt(TOKEN.into())));
    while server.calls() == 0 {
        assert!(lonely.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(lonely);
    server.reply(Reply::Json(active()));
    assert_eq!((reason(&validator, TOKEN).await, server.calls()), ("admitted", 2));
}

#[tokio::test]
async fn i6_calls_under_way_are_bounded() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::answering(Reply::Held(Arc::clone(&gate), active())).await;
    let validator = builder(&server).max_calls(2).build().unwrap();
    let (first, second) =
        (pending(validator.attempt("a".into())), pending(validator.attempt("b".into())));
    let answer = send(&layer(validator.clone()), "c").await;
    assert_eq!((answer.status, answer.reason()), (503, "introspection_overloaded"));
    assert_eq!(answer.header("retry-after"), "1");
    let same = pending(validator.attempt("b".into()));
    gate.add_permits(2);
    assert_eq!((first.await, second.await, same.await), ("admitted", "admitted", "admitted"));
    gate.add_permits(1);
    assert_eq!(judge(&validator, "c").await.unwrap().subject(), "ada");
}
