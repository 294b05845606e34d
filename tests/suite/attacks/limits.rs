//! Limits that are spent in somebody else's name, or that are not there.

mod calendar;
mod failures;
mod keys;
mod liars;
mod outages;
mod setups;

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::Request;
use tower::{Layer, service_fn};
use tower_warden::authz::{Rules, public, scope};
use tower_warden::client_address::ClientAddress;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer};
use tower_warden::rejection::{Challenge, Challenges};
use tower_warden::testing::FakeClock;

use super::{send, with_api_key};
use crate::support::{ask, get as on_get, hello};

/// Behind a proxy that nobody listed, all callers share one address: the load balancer's probe too.
#[tokio::test]
async fn q12_a_guesser_does_not_take_the_public_routes_away() {
    let (builder, issued) = with_api_key();
    let warden = builder
        .rules(Rules::builder().get("/health", public("probe")).get("/orders", scope("read")))
        .limit_failed_authentication(Quota::per_minute(2))
        .clock(FakeClock::at_unix(0))
        .build()
        .unwrap();
    let router =
        Router::new().route("/health", get(async || "up")).route("/orders", get(async || "7"));
    let guess = || Request::get("/orders").header("x-api-key", "guess");
    for expected in [401, 401, 429] {
        assert_eq!(send(&warden, &router, guess()).await.status, expected);
    }
    assert_eq!(send(&warden, &router, Request::get("/health")).await.status, 200);
    let anonymous = send(&warden, &router, Request::get("/orders")).await;
    assert_eq!((anonymous.status, anonymous.reason()), (401, "no_credentials"));
    // Credentials are not looked at, good ones neither: the answer would tell whether a guess was right.
    let good = Request::get("/orders").header("x-api-key", issued.key.expose());
    assert_eq!(send(&warden, &router, good).await.status, 429);
    let guess_at_home = Request::get("/health").header("x-api-key", "guess");
    assert_eq!(send(&warden, &router, guess_at_home).await.status, 429);
    let two_at_once = guess().header("x-api-key", "another");
    assert_eq!(send(&warden, &router, two_at_once).await.status, 429);
}

#[tokio::test]
async fn q12_no_two_principals_share_a_bucket_by_the_way_their_names_join() {
    let layer = RateLimitLayer::by_principal("p", Quota::per_minute(1))
        .clock(FakeClock::at_unix(0))
        .build()
        .unwrap();
    let names = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc", ""),
        ("", "abc"),
        ("c", "ab"),
        ("a\u{ff}b", "c"),
        ("a", "\u{ff}bc"),
    ];
    for (issuer, subject) in names {
        let mut request = on_get("/", &[]);
        let principal = Principal::builder(issuer, subject, PrincipalKind::User, "Bearer").build();
        request.extensions_mut().insert(principal);
        let answer = ask(layer.layer(service_fn(hello)), request).await;
        assert_eq!(answer.status, 200, "{issuer:?} {subject:?}");
    }
}

/// A limiter of failures inside authentication never sees one, and would limit nothing.
#[tokio::test]
async fn q12_a_limiter_of_failures_inside_authentication_is_told_about() {
    let layer = RateLimitLayer::failed_authentication("f", Quota::per_minute(1)).build().unwrap();
    let mut request = on_get("/", &[]);
    request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
    request.extensions_mut().insert(Challenges::new([Challenge::new("ApiKey", "api").unwrap()]));
    let answer = ask(layer.layer(service_fn(hello)), request).await;
    assert_eq!((answer.status, answer.reason()), (500, "failures_limited_inside_authentication"));
}

#[test]
fn q8_absurd_settings_are_refused_or_harmless() {
    for quota in [
        Quota::new(0, Duration::ZERO),
        Quota::new(u64::MAX, Duration::MAX),
        Quota::per_second(1).burst(u64::MAX),
    ] {
        assert!(RateLimitLayer::by_address("a", quota).build().is_err(), "{quota:?}");
    }
    for capacity in [0, usize::MAX] {
        assert!(
            RateLimitLayer::builder()
                .limit(Limit::by_address("a", Quota::per_second(1)).capacity(capacity))
                .build()
                .is_err()
        );
    }
}

#[tokio::test]
async fn q8_a_clock_at_its_end_refuses_in_the_end() {
    let clock = FakeClock::at_unix(0);
    clock.set_monotonic(Duration::MAX);
    let layer =
        RateLimitLayer::by_address("a", Quota::per_second(2)).clock(clock.clone()).build().unwrap();
    let status = async || {
        let mut request = on_get("/", &[]);
        request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
        ask(layer.layer(service_fn(hello)), request).await.status
    };
    assert_eq!([status().await, status().await, status().await], [200, 200, 429]);
    clock.set_monotonic(Duration::ZERO);
    assert_eq!(status().await, 429, "a clock that went back adds nothing");
}
