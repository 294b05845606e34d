//! Limits of failures that somebody tries to dodge.

use axum::Router;
use axum::routing::post;
use http::{Request, StatusCode};
use tower::Layer;
use tower_warden::authz::{Rules, public, scope};
use tower_warden::client_address::ClientAddress;
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};
use tower_warden::testing::FakeClock;
use tower_warden::warden::{Warden, WardenBuilder};

use super::super::{from_peer, send, with_api_key};
use crate::support::ask;

const GRPC: &str = "application/grpc";

/// Two guesses a minute, as the documentation counts them.
fn guesses() -> Limit {
    Limit::new("log-in", Key::address(), Quota::per_minute(2))
        .charge_when(|answer| answer.status == 401)
}

fn rules() -> Rules {
    let rules = Rules::builder().post("/login", public("log in")).post("/orders", scope("read"));
    rules.build().unwrap()
}

fn house(builder: WardenBuilder) -> Warden {
    let builder = builder.rules(rules()).insecure_without_rate_limits();
    builder.clock(FakeClock::at_unix(0)).build().unwrap()
}

fn shop() -> Router {
    Router::new()
        .route("/login", post(async || StatusCode::UNAUTHORIZED))
        .route("/orders", post(async || "7"))
}

/// Over gRPC a refusal is HTTP 200, and a caller names its own protocol.
#[tokio::test]
async fn q12_nobody_dodges_a_limit_of_failures_by_calling_itself_grpc() {
    let (builder, _) = with_api_key();
    let warden = house(builder);
    let layer = RateLimitLayer::builder().limit(guesses()).clock(FakeClock::at_unix(0));
    let layer = layer.build().unwrap();
    let guess = async || {
        let mut request = from_peer(Request::post("/login").header("content-type", GRPC));
        request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
        let answer = ask(layer.layer(warden.guard(shop())), request).await;
        answer.header("grpc-status").to_owned()
    };
    assert_eq!([guess().await, guess().await, guess().await], ["16", "16", "8"]);
}

#[tokio::test]
async fn q12_nobody_dodges_a_limit_of_failures_in_a_warden_by_calling_itself_grpc() {
    let (builder, _) = with_api_key();
    let warden = house(builder.limit(guesses()));
    for expected in ["16", "16", "8"] {
        let guess = Request::post("/orders").header("x-api-key", "guess");
        let answer = send(&warden, &shop(), guess.header("content-type", GRPC)).await;
        assert_eq!(answer.header("grpc-status"), expected);
    }
}

/// A guess that makes the handler panic is a failure like any other.
#[tokio::test]
async fn q12_a_handler_that_panics_is_charged_as_the_500_that_it_is() {
    let (builder, _) = with_api_key();
    let limit = Limit::new("errors", Key::address(), Quota::per_minute(2))
        .charge_when(|answer| answer.status.is_server_error());
    let warden = house(builder.limit(limit));
    async fn moody() -> StatusCode {
        panic!("moody")
    }
    let router = Router::new().route("/login", post(moody));
    for expected in [500, 500, 429] {
        assert_eq!(send(&warden, &router, Request::post("/login")).await.status, expected);
    }
}

/// The built-in limit of failures spares callers without credentials; one of the user's own, beside it, does too.
#[tokio::test]
async fn q12_a_guesser_takes_no_public_route_away_by_a_limit_of_ones_own() {
    let (builder, issued) = with_api_key();
    let own = Limit::failed_authentication("failures-a-day", Quota::per_day(2));
    let warden = house(builder.limit(own));
    let guess = || Request::post("/orders").header("x-api-key", "guess");
    for expected in [401, 401, 429] {
        assert_eq!(send(&warden, &shop(), guess()).await.status, expected);
    }
    let anonymous = send(&warden, &shop(), Request::post("/orders")).await;
    assert_eq!((anonymous.status, anonymous.reason()), (401, "no_credentials"));
    let good = Request::post("/orders").header("x-api-key", issued.key.expose());
    assert_eq!(send(&warden, &shop(), good).await.status, 429);
}
