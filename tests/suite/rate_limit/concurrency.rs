//! How many requests are under way: who holds a place, until when, and what the others are told.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use tower_warden::Warden;
use tower_warden::authz::{Rules, authenticated};
use tower_warden::client_address::{ClientAddressLayer, PeerAddress};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
use tower_warden::rate_limit::concurrency::ConcurrencyLimitLayer;
use tower_warden::rate_limit::{Key, Quota};
use tower_warden::rejection::Challenges;

use super::GRPC;
use super::bodies::{Broken, PanicsAtOnce, answer, from};
use crate::support::{Answer, Later, TestBody, ask, get, hello};

const ADA: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

fn one() -> ConcurrencyLimitLayer {
    ConcurrencyLimitLayer::by_address("reports", 1).build().unwrap()
}

async fn status(layer: &ConcurrencyLimitLayer, address: &str) -> u16 {
    ask(layer.layer(service_fn(hello)), from(address, "/")).await.status
}

#[tokio::test]
async fn q1_q2_q7_a_request_too_many_is_429_and_told_what_was_violated() {
    let layer = one();
    let held = layer.layer(service_fn(answer)).oneshot(from(ADA, "/")).await.unwrap();
    assert!(held.headers().get("ratelimit").is_none());
    let refused = ask(layer.layer(service_fn(hello)), from(ADA, "/")).await;
    assert_eq!((refused.status, refused.reason()), (429, "concurrency_limit_exceeded"));
    assert_eq!(refused.rejection().unwrap().control(), "concurrency_limit");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("ratelimit-policy"), "\"reports\";q=1;qu=\"concurrent-requests\"");
    assert_eq!(refused.header("ratelimit"), "\"reports\";r=0");
    assert_eq!(
        refused.json()["type"],
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
    );
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["reports"]));

    let mut grpc = from(ADA, "/");
    grpc.headers_mut().insert(GRPC.0, GRPC.1.parse().unwrap());
    let refused = ask(layer.layer(service_fn(hello)), grpc).await;
    assert_eq!((refused.status, refused.header("grpc-status")), (200, "8"));
    assert_eq!(status(&layer, BOB).await, 200, "another caller");

    drop(held);
    let silent = ConcurrencyLimitLayer::by_address("a", 1).retry_after(Duration::from_millis(4001));
    let silent = silent.without_headers().build().unwrap();
    let _held = silent.layer(service_fn(answer)).oneshot(from(ADA, "/")).await.unwrap();
    let refused = ask(silent.layer(service_fn(hello)), from(ADA, "/")).await;
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit")), ("5", ""));
}

#[tokio::test]
async fn a_place_is_given_back_however_a_request_ends() {
    let layer = one();
    let service = layer.layer(service_fn(answer));
    let call = |path| service.clone().oneshot(from(ADA, path));
    let under_way = || layer.in_flight();

    let mut body = call("/").await.unwrap().into_body();
    for _ in 0..2 {
        assert_eq!(under_way(), 1, "held while it streams");
        body.frame().await.unwrap().unwrap();
    }
    assert!(body.frame().await.is_none());
    assert_eq!(under_way(), 0, "the body has ended, although somebody keeps it");
    drop(body);

    drop(call("/").await.unwrap());
    assert_eq!(under_way(), 0, "the body was dropped");

    let mut body = call("/breaks").await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken", "untouched");
    assert_eq!(under_way(), 0, "the body failed");

    let collected = call("/trailers").await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["etag"], "a");
    assert_eq!(under_way(), 0, "after trailers");

    assert_eq!(call("/fails").await.err().unwrap(), Broken);
    assert_eq!(under_way(), 0, "the service failed");

    assert!(AssertUnwindSafe(call("/panics")).catch_unwind().await.is_err());
    assert_eq!(under_way(), 0, "the service panicked");

    let at_once = layer.layer(PanicsAtOnce).oneshot(from(ADA, "/"));
    assert!(AssertUnwindSafe(at_once).catch_unwind().await.is_err());
    assert_eq!(under_way(), 0, "the service panicked when it was called");

    let mut hanging = Box::pin(call("/hangs"));
    assert!(futures_util::poll!(&mut hanging).is_pending());
    assert_eq!((under_way(), status(&layer, ADA).await), (1, 429));
    drop(hanging);
    assert_eq!(under_way(), 0, "the caller went away");

    let empty = layer.layer(service_fn(async |_: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(TestBody::default()))
    }));
    let empty = empty.oneshot(from(ADA, "/")).await.unwrap();
    assert_eq!(under_way(), 0, "there is no body to wait for");
    drop(empty);
    assert_eq!((under_way(), status(&layer, ADA).await), (0, 200));
}

#[tokio::test]
async fn the_body_says_of_itself_what_it_did_without_the_layer() {
    let service = one().layer(service_fn(hello));
    let mut body = service.oneshot(from(ADA, "/")).await.unwrap().into_body();
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "inner");
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q9_parallel_requests_never_exceed_the_limit() {
    let layer = ConcurrencyLimitLayer::by_address("a", 3).overall(5).build().unwrap();
    let running = Arc::new(AtomicUsize::new(0));
    let service = layer.layer(service_fn({
        let running = running.clone();
        move |_: Request<TestBody>| {
            let running = running.clone();
            async move {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                assert!(now <= 5, "{now} at once");
                Ok::<_, Infallible>(Response::new(TestBody::from("fine")))
            }
        }
    }));
    let mut tasks = JoinSet::new();
    for turn in 0..400 {
        let address = format!("192.0.2.{}", turn % 4);
        tasks.spawn(ask(service.clone(), from(&address, "/")));
    }
    let answers: Vec<Answer> = tasks.join_all().await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 429 | 503)));
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert_eq!(layer.in_flight(), 0);
}

#[tokio::test]
async fn all_callers_together_beyond_their_limit_are_503() {
    let layer = ConcurrencyLimitLayer::by_address("a", 5).overall(1).build().unwrap();
    let held = layer.layer(service_fn(answer)).oneshot(from(ADA, "/")).await.unwrap();
    let refused = ask(layer.layer(service_fn(hello)), from(BOB, "/")).await;
    assert_eq!((refused.status, refused.reason()), (503, "overall_concurrency_limit_reached"));
    assert_eq!(refused.header("retry-after"), "1");
    let reduced = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
    assert_eq!(refused.json()["type"], reduced);
    drop(held);
    assert_eq!(status(&layer, BOB).await, 200);
}

#[tokio::test]
async fn q11_a_caller_has_one_limit_under_all_its_spellings() {
    let layer = one();
    let _held = layer.layer(service_fn(answer)).oneshot(from(ADA, "/")).await.unwrap();
    assert_eq!(status(&layer, "::ffff:192.0.2.1").await, 429);
    let missing = ask(layer.layer(service_fn(hello)), get("/", &[])).await;
    assert_eq!((missing.status, missing.reason()), (500, "client_address_missing"));
}

#[tokio::test]
async fn q12_anonymous_requests_are_nobodys_and_exempt_ones_are_not_counted() {
    let layer = ConcurrencyLimitLayer::by_principal("a", 1).overall(2);
    let layer = layer.exempt(|head| head.uri.path() == "/health").build().unwrap();
    let call = |path, who: Option<&'static str>| {
        let mut request = get(path, &[]);
        request.extensions_mut().insert(Challenges::new([]));
        if let Some(who) = who {
            let principal = Principal::builder("issuer", who, PrincipalKind::User, "Bearer");
            request.extensions_mut().insert(principal.build());
        }
        let service = layer.layer(service_fn(answer));
        async move { service.oneshot(request).await.unwrap() }
    };
    let ada = call("/", Some("ada")).await;
    assert_eq!(call("/", Some("ada")).await.status(), 429);
    let nobody = call("/", None).await;
    assert_eq!((ada.status(), nobody.status()), (200.try_into().unwrap(), 200.try_into().unwrap()));
    assert_eq!(call("/", None).await.status(), 503, "the overall limit counts them");
    assert_eq!(call("/health", Some("ada")).await.status(), 200);
}

#[tokio::test]
async fn limits_around_each_other_give_back_what_each_holds() {
    let (outer, inner) = (one(), ConcurrencyLimitLayer::by_address("b", 1).build().unwrap());
    let bytes = BandwidthLimitLayer::by_address("c", Quota::per_hour(1_200)).build().unwrap();
    let service = ServiceBuilder::new()
        .layer(outer.clone())
        .layer(bytes)
        .layer(inner.clone())
        .service(service_fn(answer));
    let response = service.clone().oneshot(from(ADA, "/")).await.unwrap();
    assert_eq!((outer.in_flight(), inner.in_flight()), (1, 1));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 1_200);
    assert_eq!((outer.in_flight(), inner.in_flight()), (0, 0));
    let again = service.clone().oneshot(from(ADA, "/")).await.unwrap();
    assert_eq!(again.status(), 200, "it owes nothing");
    again.into_body().collect().await.unwrap();
    assert_eq!(
        service.oneshot(from(ADA, "/")).await.unwrap().status(),
        429,
        "the bytes were counted once"
    );
}

#[tokio::test]
async fn q12_limits_stand_outside_and_inside_a_warden() {
    let outside = ConcurrencyLimitLayer::by_address("address", 2).build().unwrap();
    let inside = ConcurrencyLimitLayer::by_principal("principal", 1).build().unwrap();
    let rules = Rules::builder().get("/", authenticated());
    let service = ServiceBuilder::new()
        .layer(ClientAddressLayer::default())
        .layer(outside.clone())
        .layer(Warden::builder().authenticate(Later::new()).rules(rules).build().unwrap())
        .layer(inside.clone())
        .service(service_fn(hello));
    let call = |who| {
        let mut request = get("/", &[("x-later", who)]);
        request.extensions_mut().insert(PeerAddress("192.0.2.1:4000".parse().unwrap()));
        let service = service.clone();
        async move { service.oneshot(request).await.unwrap() }
    };
    let ada = call("ada").await;
    assert_eq!((ada.status().as_u16(), outside.in_flight(), inside.in_flight()), (200, 1, 1));
    let again = call("ada").await;
    assert_eq!((again.status().as_u16(), outside.in_flight(), inside.in_flight()), (429, 2, 1));
    assert_eq!(call("bob").await.status(), 429, "the answer to ada is still being sent");
    drop(again);
    let bob = call("bob").await;
    assert_eq!((bob.status().as_u16(), outside.in_flight(), inside.in_flight()), (200, 2, 2));
    drop((ada, bob));
    assert_eq!(call("bad").await.status(), 401);
    assert_eq!((outside.in_flight(), inside.in_flight()), (0, 0));
}

#[test]
fn everything_wrong_is_told_with_the_limits_name() {
    let nothing = Key::address_with_ipv6_prefix(0);
    let error = ConcurrencyLimitLayer::builder("na\u{ef}ve", nothing, 0).overall(0).build();
    let error = error.unwrap_err();
    assert_eq!(error.problems().len(), 4, "{error}");
    let culprits = error.problems().iter().map(tower_warden::config::ConfigProblem::culprit);
    assert!(culprits.into_iter().all(|culprit| culprit == "concurrency limit \"na\u{ef}ve\""));
}
