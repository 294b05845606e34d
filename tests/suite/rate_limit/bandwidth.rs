//! Bytes as cost, charged while the answer leaves.

use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::rate_limit::bandwidth::{BandwidthLimitBuilder, BandwidthLimitLayer};
use tower_warden::rate_limit::{Key, Quota};
use tower_warden::testing::FakeClock;

use super::GRPC;
use super::bodies::{Broken, answer, from};
use crate::support::{TestBody, ask, get, hello};

const ADA: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

fn built(builder: BandwidthLimitBuilder) -> (BandwidthLimitLayer, FakeClock) {
    let clock = FakeClock::at_unix(0);
    clock.advance(Duration::from_secs(1000));
    (builder.clock(clock.clone()).build().unwrap(), clock)
}

/// A thousand bytes at once, 100 a second.
fn thousand() -> (BandwidthLimitLayer, FakeClock) {
    built(BandwidthLimitLayer::by_address("download", Quota::new(1_000, Duration::from_secs(10))))
}

/// Until when the caller has to wait, in seconds; 0 if it is admitted. Costs it nothing.
async fn debt(layer: &BandwidthLimitLayer) -> u64 {
    let empty = service_fn(async |_: Request<TestBody>| {
        Ok::<_, std::convert::Infallible>(Response::new(TestBody::default()))
    });
    let answer = ask(layer.layer(empty), from(ADA, "/")).await;
    answer.header("retry-after").parse().unwrap_or(0)
}

#[tokio::test]
async fn q1_q4_who_owes_bytes_is_refused_until_they_are_paid_back() {
    let (layer, clock) = thousand();
    let service = layer.layer(service_fn(answer));
    let first = service.clone().oneshot(from(ADA, "/")).await.unwrap();
    assert!(first.headers().get("ratelimit").is_none());
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes().len(), 1_200);

    let refused = ask(layer.layer(service_fn(hello)), from(ADA, "/")).await;
    assert_eq!((refused.status, refused.reason()), (429, "bandwidth_exceeded"));
    assert_eq!(refused.header("retry-after"), "2");
    let policy = "\"download\";q=1000;w=10;qu=\"content-bytes\"";
    assert_eq!(refused.header("ratelimit-policy"), policy);
    assert_eq!(refused.header("ratelimit"), "\"download\";r=0;t=2");
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["download"]));
    assert_eq!(ask(layer.layer(service_fn(hello)), from(BOB, "/")).await.status, 200);

    let mut grpc = from(ADA, "/");
    grpc.headers_mut().insert(GRPC.0, GRPC.1.parse().unwrap());
    assert_eq!(ask(layer.layer(service_fn(hello)), grpc).await.header("grpc-status"), "8");

    clock.advance(Duration::from_millis(1_999));
    assert_eq!(debt(&layer).await, 1);
    clock.set_monotonic(Duration::ZERO);
    assert_ne!(debt(&layer).await, 0, "a clock that went back pays nothing");
    clock.set_monotonic(Duration::from_secs(1_002));
    assert_eq!(debt(&layer).await, 0);
}

#[tokio::test]
async fn what_is_charged_is_what_passed() {
    for (path, frames, charged) in [
        ("/", 3, 1_200),
        ("/", 1, 600), // and then dropped
        ("/", 0, 0),   // as the answer to HEAD
        ("/empty", 1, 0),
        ("/breaks", 2, 600),   // before it failed
        ("/trailers", 2, 600), // trailers cost nothing
    ] {
        let (layer, _clock) = thousand();
        let service = layer.layer(service_fn(answer));
        let mut body = service.clone().oneshot(from(ADA, path)).await.unwrap().into_body();
        for _ in 0..frames {
            let _ = body.frame().await;
        }
        drop(body);
        // As many bytes more as there were leave the first ones owed.
        let thousand = layer.layer(service_fn(async |_: Request<TestBody>| {
            Ok::<_, Broken>(Response::new(TestBody::from(vec![0; 1_000])))
        }));
        let thousand = thousand.oneshot(from(ADA, "/")).await.unwrap();
        assert_eq!(thousand.status() == 429, charged > 1_000, "{path} {frames}");
        let more = thousand.into_body().collect().await.unwrap().to_bytes();
        let owed = if charged > 1_000 { charged - 1_000 } else { charged };
        assert!(charged > 1_000 || more.len() == 1_000);
        assert_eq!(debt(&layer).await, owed / 100, "{path} {frames}");
    }
}

#[tokio::test]
async fn a_long_stream_is_charged_while_it_lasts() {
    let (layer, clock) =
        built(BandwidthLimitLayer::by_address("download", Quota::per_second(100_000)));
    let endless = layer.layer(service_fn(async |_: Request<TestBody>| {
        let frames = futures_util::stream::repeat_with(|| super::bodies::data(10_000));
        Ok::<_, Broken>(Response::new(http_body_util::StreamBody::new(frames)))
    }));
    let mut body = endless.oneshot(from(ADA, "/")).await.unwrap().into_body();
    for _ in 0..6 {
        body.frame().await.unwrap().unwrap();
    }
    assert_eq!(debt(&layer).await, 0);
    for _ in 0..19 {
        body.frame().await.unwrap().unwrap();
    }
    assert_eq!(debt(&layer).await, 2, "250,000 have passed, of which 210,000 were charged");
    drop(body);
    clock.advance(Duration::from_millis(1_499));
    assert_eq!(debt(&layer).await, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(debt(&layer).await, 0, "all of it was charged in the end");
}

#[tokio::test]
async fn q9_what_was_under_way_together_is_all_owed() {
    let (layer, clock) = thousand();
    let service = layer.layer(service_fn(answer));
    let calls = (0..10).map(|_| service.clone().oneshot(from(ADA, "/")));
    let bodies: Vec<_> = futures_util::future::join_all(calls).await;
    for body in bodies {
        body.unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!(debt(&layer).await, 110);
    clock.advance(Duration::from_secs(110));
    assert_eq!(debt(&layer).await, 0);
}

#[tokio::test]
async fn the_body_and_the_errors_pass_untouched() {
    let (layer, _clock) = thousand();
    let service = layer.layer(service_fn(answer));
    assert_eq!(service.clone().oneshot(from(ADA, "/fails")).await.err().unwrap(), Broken);
    let mut body = service.clone().oneshot(from(ADA, "/breaks")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
    let body = service.oneshot(from(ADA, "/trailers")).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().trailers().unwrap()["etag"], "a");

    let mut body = layer.layer(service_fn(hello)).oneshot(from(BOB, "/")).now_or_never();
    let body = body.take().unwrap().unwrap().into_body();
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
}

#[tokio::test]
async fn q10_a_flood_of_addresses_forgives_no_debt() {
    let quota = Quota::per_hour(1_000);
    let (layer, _clock) = built(BandwidthLimitLayer::by_address("a", quota).capacity(1));
    let service = layer.layer(service_fn(answer));
    let send = async |address: &str| {
        let response = service.clone().oneshot(from(address, "/")).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    };
    assert_eq!(send(ADA).await, 200);
    for host in 0..=255 {
        send(&format!("198.51.100.{host}")).await;
    }
    assert_eq!(send(ADA).await, 429);
    assert!(layer.shared_charges() > 0);
}

#[tokio::test]
async fn q8_bytes_by_the_calendar_start_anew_on_the_first() {
    let (layer, clock) =
        built(BandwidthLimitLayer::by_address("download", Quota::calendar_month(1_000)));
    clock.set_unix(Duration::from_secs(1_709_251_199)); // 29 February 2024, 23:59:59
    let send = async || {
        let response = layer.layer(service_fn(answer)).oneshot(from(ADA, "/")).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    };
    assert_eq!((send().await, send().await), (200, 429));
    assert_eq!(debt(&layer).await, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!((send().await, send().await), (200, 429));
    assert_eq!(debt(&layer).await, 31 * 86_400);
}

#[tokio::test]
async fn q11_without_the_client_address_nothing_is_sent() {
    let (layer, _clock) = thousand();
    let missing = ask(layer.layer(service_fn(hello)), get("/", &[])).await;
    assert_eq!((missing.status, missing.reason()), (500, "client_address_missing"));
}

#[tokio::test]
async fn exempt_requests_cost_nothing() {
    let exempting = BandwidthLimitLayer::by_address("a", Quota::per_hour(1_000)).without_headers();
    let (layer, _clock) = built(exempting.exempt(|head| head.uri.path() == "/free"));
    let service = layer.layer(service_fn(answer));
    for (path, status) in [("/free", 200), ("/free", 200), ("/", 200), ("/", 429), ("/free", 200)] {
        let response = service.clone().oneshot(from(ADA, path)).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert!(response.headers().get("ratelimit").is_none());
        response.into_body().collect().await.unwrap();
    }
}

#[test]
fn q8_everything_wrong_is_told_with_the_limits_name() {
    let nothing = Key::address_with_ipv6_prefix(0);
    let limit = BandwidthLimitLayer::builder("", nothing, Quota::per_hour(0)).capacity(0);
    let error = limit.build().unwrap_err();
    assert_eq!(error.problems().len(), 5, "{error}");
    assert!(error.problems().iter().all(|problem| problem.culprit() == "bandwidth limit \"\""));
}
