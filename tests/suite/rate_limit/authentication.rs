//! Limits around authentication: by principal, and for failures.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response, request};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Quota, RateLimitLayer};
use tower_warden::rejection::{Challenge, Rejection, RejectionKind};
use tower_warden::testing::FakeClock;

use super::{GRPC, built, from};
use crate::support::{Answer, Logs, TestBody, ask, get, hello};

const ADA: (&str, &str) = ("x-user", "ada");
const BOB: (&str, &str) = ("x-user", "bob");
const WRONG: (&str, &str) = ("x-user", "wrong");

/// Believes the name in `x-user`, unless it is `wrong`.
#[derive(Debug)]
struct Named(Challenge);

impl Authenticator for Named {
    fn challenge(&self) -> &Challenge {
        &self.0
    }

    fn is_presented(&self, request: &request::Parts) -> bool {
        request.headers.contains_key("x-user")
    }

    fn authenticate(&self, request: &request::Parts) -> Attempt {
        let name = request.headers["x-user"].to_str().unwrap().to_owned();
        Attempt::pending(async move {
            tokio::task::yield_now().await;
            if name == "wrong" {
                return Err(Rejection::new(RejectionKind::InvalidCredentials, "wrong_name"));
            }
            Ok(Principal::builder("test", name, PrincipalKind::User, "Named").build())
        })
    }
}

fn authentication() -> AuthenticateLayer {
    AuthenticateLayer::new(Named(Challenge::new("Named", "test").unwrap()))
}

#[tokio::test]
async fn q12_each_principal_has_a_bucket_of_its_own() {
    let (limiter, _clock) = built(RateLimitLayer::by_principal("principal", Quota::per_minute(1)));
    let service =
        ServiceBuilder::new().layer(authentication()).layer(limiter).service(service_fn(hello));
    let ask =
        async |headers: &[(&str, &str)]| ask(service.clone(), from("192.0.2.1", headers)).await;
    let answer = ask(&[ADA]).await;
    assert_eq!((answer.status, answer.header("ratelimit")), (200, "\"principal\";r=0;t=60"));
    let answer = ask(&[ADA]).await;
    assert_eq!((answer.status, answer.reason()), (429, "principal_quota_exceeded"));
    assert_eq!(ask(&[BOB]).await.status, 200);
}

#[tokio::test]
async fn q12_an_anonymous_request_is_not_charged_to_anyone() {
    let (limiter, _clock) = built(RateLimitLayer::by_principal("principal", Quota::per_minute(1)));
    let service = ServiceBuilder::new()
        .layer(authentication().optional())
        .layer(limiter)
        .service(service_fn(hello));
    for _ in 0..3 {
        let answer = ask(service.clone(), get("/", &[])).await;
        assert_eq!((answer.status, answer.header("ratelimit")), (200, ""));
    }
    assert_eq!(ask(service.clone(), get("/", &[ADA])).await.status, 200);
    assert_eq!(ask(service, get("/", &[ADA])).await.status, 429);
}

#[tokio::test]
async fn q12_a_limiter_by_principal_outside_authentication_refuses() {
    let logs = Logs::capture();
    let (limiter, _clock) = built(RateLimitLayer::by_principal("principal", Quota::per_minute(1)));
    let service =
        ServiceBuilder::new().layer(limiter).layer(authentication()).service(service_fn(hello));
    let answer = ask(service, get("/", &[ADA])).await;
    assert_eq!((answer.status, answer.reason()), (500, "authentication_missing"));
    assert!(logs.text().contains("AuthenticateLayer"));
}

/// The whole order: failures by address, authentication, quota by principal.
fn login_stack(failures: Quota) -> (impl AsyncFn(&str, (&str, &str)) -> Answer, FakeClock) {
    let (failed, clock) =
        built(RateLimitLayer::failed_authentication("failed-authentication", failures));
    let (principal, _) = built(RateLimitLayer::by_principal("principal", Quota::per_minute(3)));
    let service = ServiceBuilder::new()
        .layer(failed)
        .layer(authentication())
        .layer(principal)
        .service(service_fn(hello));
    (
        async move |address: &str, header: (&str, &str)| {
            ask(service.clone(), from(address, &[header])).await
        },
        clock,
    )
}

#[tokio::test]
async fn q12_failed_authentication_is_charged_and_refused_before_the_next_try() {
    let (ask, clock) = login_stack(Quota::per_minute(2));
    for _ in 0..2 {
        let answer = ask("192.0.2.1", WRONG).await;
        assert_eq!(answer.status, 401);
        assert!(answer.all("ratelimit").is_empty(), "no word of the bucket before it is spent");
    }
    let answer = ask("192.0.2.1", WRONG).await;
    assert_eq!((answer.status, answer.reason()), (429, "failed_authentication_quota_exceeded"));
    assert_eq!(answer.header("ratelimit"), "\"failed-authentication\";r=0;t=30");
    assert_eq!(answer.header("retry-after"), "30");
    // Also with good credentials: the answer must not tell whether a guess was right.
    assert_eq!(ask("192.0.2.1", ADA).await.status, 429);
    assert_eq!(ask("192.0.2.2", ADA).await.status, 200);
    clock.advance(Duration::from_secs(30));
    assert_eq!(ask("192.0.2.1", ADA).await.status, 200);
}

#[tokio::test]
async fn q12_success_and_missing_credentials_cost_nothing() {
    let (ask, _clock) = login_stack(Quota::per_minute(1));
    for _ in 0..5 {
        assert_eq!(ask("192.0.2.1", ("x-other", "1")).await.reason(), "no_credentials");
    }
    for left in [2, 1, 0] {
        let answer = ask("192.0.2.1", ADA).await;
        assert!(answer.header("ratelimit").starts_with(&format!("\"principal\";r={left};")));
        assert!(answer.header("ratelimit-policy").starts_with("\"principal\""));
    }
    assert_eq!(ask("192.0.2.1", WRONG).await.status, 401, "the bucket was full");
    assert_eq!(ask("192.0.2.1", WRONG).await.status, 429);
}

#[tokio::test]
async fn q12_failures_of_others_never_touch_an_honest_principals_quota() {
    let (ask, _clock) = login_stack(Quota::per_minute(100));
    for _ in 0..20 {
        assert_eq!(ask("192.0.2.1", WRONG).await.status, 401);
    }
    assert!(ask("192.0.2.1", ADA).await.header("ratelimit").starts_with("\"principal\";r=2;"));
}

#[tokio::test]
async fn q12_a_refusal_that_is_no_failed_authentication_costs_nothing() {
    let (failed, _clock) = built(RateLimitLayer::failed_authentication("f", Quota::per_minute(1)));
    let answer_with = |kind| {
        let failed = failed.clone();
        async move {
            let inner = service_fn(move |_request: Request<TestBody>| {
                let mut response = Response::new(TestBody::default());
                response.extensions_mut().insert(Rejection::new(kind, "test"));
                std::future::ready(Ok::<_, Infallible>(response))
            });
            ask(failed.layer(inner), from("192.0.2.1", &[])).await.status
        }
    };
    for kind in
        RejectionKind::ALL.into_iter().filter(|kind| *kind != RejectionKind::InvalidCredentials)
    {
        assert_eq!(answer_with(kind).await, 200, "admitted and not charged: {kind:?}");
    }
    assert_eq!(answer_with(RejectionKind::InvalidCredentials).await, 200);
    assert_eq!(answer_with(RejectionKind::Internal).await, 429);
}

#[tokio::test]
async fn q12_guesses_in_parallel_are_all_paid_for() {
    let (ask, clock) = login_stack(Quota::per_minute(2));
    // All are admitted while the first is still pending, so all of them fail, and are charged.
    let guesses = futures_util::future::join_all((0..10).map(|_| ask("192.0.2.1", WRONG))).await;
    assert!(guesses.iter().all(|answer| answer.status == 401));
    assert_eq!(
        ask("192.0.2.1", WRONG).await.header("retry-after"),
        "270",
        "8 are owed, and one more"
    );
    clock.advance(Duration::from_secs(269));
    assert_eq!(ask("192.0.2.1", WRONG).await.status, 429);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask("192.0.2.1", WRONG).await.status, 401);
}

#[tokio::test]
async fn q12_failures_are_charged_over_grpc_too() {
    let (failed, _clock) = built(RateLimitLayer::failed_authentication("f", Quota::per_minute(1)));
    let service =
        ServiceBuilder::new().layer(failed).layer(authentication()).service(service_fn(hello));
    let mut codes = Vec::new();
    for _ in 0..2 {
        codes.push(
            ask(service.clone(), from("192.0.2.1", &[GRPC, WRONG]))
                .await
                .header("grpc-status")
                .to_owned(),
        );
    }
    assert_eq!(codes, ["16", "8"]);
}
