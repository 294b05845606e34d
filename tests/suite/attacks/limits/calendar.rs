//! Quotas by the calendar, at its edges and in the layers beside buckets of requests.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::client_address::ClientAddress;
use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
use tower_warden::rate_limit::flow::Flow;
use tower_warden::rate_limit::{Key, Quota};
use tower_warden::testing::FakeClock;

use crate::support::{Answer, TestBody, ask, hello, request};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn from(mut request: Request<TestBody>) -> Request<TestBody> {
    request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
    request
}

#[tokio::test]
async fn api6_a_flow_may_be_ended_again_the_next_day() {
    let clock = FakeClock::at_unix(0);
    let flow = Flow::new("checkout", Key::address())
        .step("cart", "POST /cart")
        .step("pay", "POST /pay")
        .completions(Quota::calendar_day(1))
        .clock(clock.clone())
        .build()
        .unwrap();
    let buy = async || -> Answer {
        let post = |path| from(request(Method::POST, path, &[]));
        assert_eq!(ask(flow.layer(service_fn(hello)), post("/cart")).await.status, 200);
        ask(flow.layer(service_fn(hello)), post("/pay")).await
    };
    clock.advance(23 * HOUR);
    assert_eq!(buy().await.status, 200);
    let answer = buy().await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "3600"));
    clock.advance(HOUR);
    assert_eq!([buy().await.status, buy().await.status], [200, 429]);
}

#[tokio::test]
async fn q8_bytes_by_the_calendar_are_back_the_next_day() {
    let clock = FakeClock::at_unix(0);
    let layer = BandwidthLimitLayer::by_address("download", Quota::calendar_day(1_000))
        .clock(clock.clone())
        .build()
        .unwrap();
    let film = service_fn(async |_: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(vec![0; 1_500]))))
    });
    let status = async || {
        let answer = layer.layer(film).oneshot(from(request(Method::GET, "/", &[]))).await.unwrap();
        let told =
            answer.headers().get("retry-after").map(|after| after.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
        (status, told)
    };
    clock.advance(23 * HOUR);
    assert_eq!(status().await, (200, None));
    assert_eq!(status().await, (429, Some("3600".to_owned())));
    clock.advance(HOUR);
    assert_eq!(status().await, (200, None));
}
