//! Limits that are charged by the answer.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};

use super::{GRPC, bodies, built, from};
use crate::support::{Answer, TestBody, ask};

/// Ten guesses an hour for each address and account, charged when the answer is 401 or the same over gRPC.
fn guesses() -> Limit {
    let account = Key::from_fn("account", |head| {
        Some(head.headers.get("x-account")?.to_str().ok()?.to_owned())
    });
    Limit::new("log-in", Key::all_of([Key::address(), account]), Quota::per_hour(2)).charge_when(
        |answer| {
            assert_ne!(answer.status, 418, "panics");
            let code = answer.headers.get("grpc-status");
            answer.status == 401 || code.is_some_and(|code| code == "16")
        },
    )
}

/// Answers what the caller asks for.
async fn log_in(request: Request<TestBody>) -> Result<Response<TestBody>, Infallible> {
    tokio::task::yield_now().await;
    let mut response = Response::new(TestBody::default());
    let wanted = request.headers()["x-answers"].to_str().unwrap();
    match wanted.strip_prefix("grpc-") {
        Some(code) => {
            response.headers_mut().insert("grpc-status", code.parse().unwrap());
        }
        None => *response.status_mut() = wanted.parse().unwrap(),
    }
    Ok(response)
}

async fn send(layer: &RateLimitLayer, account: &str, answers: &str) -> Answer {
    let request = from("192.0.2.1", &[("x-account", account), ("x-answers", answers)]);
    ask(layer.layer(service_fn(log_in)), request).await
}

#[tokio::test]
async fn q12_only_answers_that_are_due_are_charged() {
    let (layer, clock) = built(RateLimitLayer::builder().limit(guesses()));
    for answers in ["200", "400", "429", "500"].repeat(3) {
        let answer = send(&layer, "ada", answers).await;
        assert_eq!(answer.status.to_string(), answers);
        assert!(answer.all("ratelimit").is_empty(), "no word before it is spent");
    }
    for _ in 0..2 {
        assert_eq!(send(&layer, "ada", "401").await.status, 401);
    }
    let answer = send(&layer, "ada", "200").await;
    assert_eq!((answer.status, answer.reason()), (429, "quota_exceeded"));
    assert_eq!(answer.header("retry-after"), "1800");
    assert_eq!(answer.header("ratelimit"), "\"log-in\";r=0;t=1800");
    assert_eq!(send(&layer, "bob", "200").await.status, 200, "another account");
    clock.advance(Duration::from_secs(1800));
    assert_eq!(send(&layer, "ada", "200").await.status, 200);
}

#[tokio::test]
async fn q12_guesses_in_parallel_are_all_owed_at_their_cost() {
    let (layer, clock) = built(RateLimitLayer::builder().limit(guesses().cost(2)));
    let all = (0..10).map(|_| send(&layer, "ada", "401"));
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().all(|answer| answer.status == 401));
    assert_eq!(send(&layer, "ada", "200").await.header("retry-after"), "36000", "20 tokens of 2");
    clock.advance(Duration::from_secs(35_999));
    assert_eq!(send(&layer, "ada", "200").await.status, 429);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&layer, "ada", "200").await.status, 200);
}

#[tokio::test]
async fn q12_a_closure_that_panics_has_the_answer_charged() {
    let (layer, _clock) = built(RateLimitLayer::builder().limit(guesses()));
    for expected in [418, 418, 429] {
        assert_eq!(send(&layer, "ada", "418").await.status, expected);
    }
}

#[tokio::test]
async fn q12_failures_that_a_grpc_handler_tells_are_charged() {
    let (layer, _clock) = built(RateLimitLayer::builder().limit(guesses()));
    let service = layer.layer(service_fn(log_in));
    let mut codes = Vec::new();
    for answers in ["grpc-0", "grpc-5", "grpc-16", "grpc-16", "grpc-0"] {
        let request = from("192.0.2.1", &[GRPC, ("x-account", "ada"), ("x-answers", answers)]);
        codes.push(ask(service.clone(), request).await.header("grpc-status").to_owned());
    }
    assert_eq!(codes, ["0", "5", "16", "16", "8"]);
}

#[tokio::test]
async fn q12_requests_that_are_no_guess_go_on_when_the_quota_is_spent() {
    let guessing = guesses().refuse_only(|head| head.headers.contains_key("x-password"));
    let (layer, _clock) = built(RateLimitLayer::builder().limit(guessing));
    for _ in 0..3 {
        assert_eq!(send(&layer, "ada", "401").await.status, 401);
    }
    let headers = [("x-account", "ada"), ("x-answers", "200"), ("x-password", "1")];
    let answer = ask(layer.layer(service_fn(log_in)), from("192.0.2.1", &headers)).await;
    assert_eq!(answer.status, 429);
}

#[tokio::test]
async fn q12_who_goes_away_before_the_answer_learned_nothing_and_is_not_charged() {
    let guesses = || Limit::by_address("log-in", Quota::per_hour(2)).charge_when(|_| true);
    let failures = || Limit::failed_authentication("failed", Quota::per_hour(2));
    for limit in [guesses(), failures()] {
        let (layer, _clock) = built(RateLimitLayer::builder().limit(limit));
        let service = layer.layer(service_fn(bodies::answer));
        for _ in 0..5 {
            let mut gone = Box::pin(service.clone().oneshot(bodies::from("192.0.2.1", "/hangs")));
            assert!(futures_util::poll!(&mut gone).is_pending());
            drop(gone);
            let failed = service.clone().oneshot(bodies::from("192.0.2.1", "/fails")).await;
            assert_eq!(failed.err(), Some(bodies::Broken), "the service itself");
        }
        assert_eq!(send(&layer, "ada", "401").await.status, 401);
    }
}
