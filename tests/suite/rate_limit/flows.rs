//! Business flows (OWASP API6:2023): order, pace, and how often.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Method, Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::flow::{Flow, FlowLayer};
use tower_warden::rate_limit::{Key, Quota};
use tower_warden::rejection::Challenges;
use tower_warden::testing::FakeClock;

use crate::support::{Answer, Logs, TestBody, ask, request};

const CART: &str = "POST /cart";
const PAY: &str = "POST /pay";

fn checkout() -> Flow {
    Flow::new("checkout", Key::principal()).step("cart", CART).step("pay", PAY)
}

fn long() -> Flow {
    Flow::new("checkout", Key::principal())
        .step("cart", CART)
        .step("address", "PUT /orders/{id}/address")
        .step("pay", PAY)
}

/// A shop behind a flow, and a clock to turn.
struct Shop {
    layer: FlowLayer,
    clock: FakeClock,
}

#[derive(Debug, PartialEq, Eq)]
struct Broken;

/// Answers with the status in `x-answer`.
async fn shop(request: Request<TestBody>) -> Result<Response<TestBody>, Broken> {
    let answer = request.headers().get("x-answer").map_or("200", |value| value.to_str().unwrap());
    let mut response = Response::new(TestBody::default());
    match answer {
        "fails" => return Err(Broken),
        "panics" => panic!("moody"),
        "hangs" => std::future::pending().await,
        "grpc" => {
            response.headers_mut().insert("grpc-status", "9".parse().unwrap());
        }
        status => *response.status_mut() = status.parse().unwrap(),
    }
    Ok(response)
}

fn by(who: &str, route: &str, answer: &str) -> Request<TestBody> {
    let (method, path) = route.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = request(method, path, &[("x-answer", answer)]);
    request.extensions_mut().insert(Challenges::new([]));
    if !who.is_empty() {
        let principal = Principal::builder("issuer", who, PrincipalKind::User, "Bearer");
        request.extensions_mut().insert(principal.build());
    }
    request
}

impl Shop {
    fn new(flow: Flow) -> Self {
        let clock = FakeClock::at_unix(0);
        clock.advance(Duration::from_secs(1000));
        Self { layer: flow.clock(clock.clone()).build().unwrap(), clock }
    }

    fn service(
        &self,
    ) -> impl Service<
        Request<TestBody>,
        Response = Response<
            impl http_body::Body<Data = bytes::Bytes, Error: std::fmt::Debug> + use<>,
        >,
        Error = Broken,
        Future: Send,
    > + Clone
    + use<> {
        self.layer.layer(service_fn(shop))
    }

    async fn answer(&self, who: &str, route: &str, answer: &str) -> Answer {
        ask(self.service(), by(who, route, answer)).await
    }

    async fn status(&self, route: &str) -> u16 {
        self.answer("ada", route, "200").await.status
    }

    /// Status and reason of a step that is answered with this.
    async fn told(&self, route: &str, answer: &str) -> (u16, &'static str) {
        let answer = self.answer("ada", route, answer).await;
        (answer.status, answer.reason())
    }

    /// A request that ended in another way than with an answer.
    async fn ends(&self, route: &str, how: &str) {
        let mut call = Box::pin(
            AssertUnwindSafe(self.service().oneshot(by("ada", route, how))).catch_unwind(),
        );
        match futures_util::poll!(&mut call) {
            std::task::Poll::Pending => drop(call), // the caller went away
            std::task::Poll::Ready(Ok(outcome)) => assert_eq!(outcome.err().unwrap(), Broken),
            std::task::Poll::Ready(Err(_)) => {}
        }
    }
}

const OUT_OF_ORDER: (u16, &str) = (403, "flow_step_out_of_order");
const TOO_SOON: (u16, &str) = (429, "flow_step_too_soon");
const FINE: (u16, &str) = (200, "");

#[tokio::test]
async fn api6_steps_come_in_order() {
    let logs = Logs::capture();
    let shop = Shop::new(long());
    assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER);
    assert!(logs.text().contains("step \\\"pay\\\" of flow \\\"checkout\\\""), "{}", logs.text());
    assert_eq!(shop.told("PUT /orders/7/address", "200").await, OUT_OF_ORDER);
    assert_eq!(shop.told(CART, "200").await, FINE);
    assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER, "without the address");
    assert_eq!(shop.told("PUT /orders/7/address", "200").await, FINE);
    assert_eq!(shop.answer("bob", PAY, "200").await.status, 403, "that was somebody else");
    assert_eq!(shop.told(PAY, "200").await, FINE);
    assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER, "the flow is over");
}

#[tokio::test]
async fn api6_a_repeated_step_keeps_what_was_reached() {
    let shop = Shop::new(long());
    for route in [CART, CART, "PUT /orders/7/address", CART, "PUT /orders/7/address", PAY] {
        assert_eq!(shop.told(route, "200").await, FINE, "{route}");
    }
}

#[tokio::test]
async fn api6_a_step_too_soon_is_told_when_to_come_back() {
    let flow = checkout().min_time_between(Duration::from_secs(3));
    let shop = Shop::new(flow.step_after("rate", "POST /rating", Duration::from_secs(60)));
    assert_eq!(shop.status(CART).await, 200);
    shop.clock.advance(Duration::from_millis(500));
    let refused = shop.answer("ada", PAY, "200").await;
    assert_eq!((refused.status, refused.reason()), TOO_SOON);
    assert_eq!(refused.header("retry-after"), "3");
    let abnormal = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected";
    assert_eq!(refused.json()["type"], abnormal);
    shop.clock.set_monotonic(Duration::from_secs(3));
    assert_eq!(shop.told(PAY, "200").await, TOO_SOON, "the clock went back");
    shop.clock.set_monotonic(Duration::from_millis(1_002_999));
    assert_eq!(shop.told(PAY, "200").await, TOO_SOON);
    shop.clock.advance(Duration::from_millis(1));
    assert_eq!(shop.told(PAY, "500").await.0, 500);
    assert_eq!(shop.told(PAY, "200").await, FINE, "what failed may be repeated at once");
    shop.clock.advance(Duration::from_secs(59));
    assert_eq!(shop.told("POST /rating", "200").await, TOO_SOON, "a step with a time of its own");
    shop.clock.advance(Duration::from_secs(1));
    assert_eq!(shop.told("POST /rating", "200").await, FINE);
}

#[tokio::test]
async fn api6_a_flow_whose_time_has_passed_starts_anew() {
    let shop = Shop::new(checkout().within(Duration::from_secs(600)));
    assert_eq!(shop.status(CART).await, 200);
    shop.clock.advance(Duration::from_secs(601));
    assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER);
    assert_eq!(shop.status(CART).await, 200);
    shop.clock.advance(Duration::from_secs(300));
    assert_eq!(shop.status(CART).await, 200, "one more thing, which takes a time of its own");
    shop.clock.advance(Duration::from_secs(600));
    assert_eq!(shop.told(PAY, "200").await, FINE);
}

#[tokio::test]
async fn api6_only_what_succeeded_is_done() {
    for failure in ["400", "402", "500", "grpc"] {
        let shop = Shop::new(checkout().completions(Quota::per_day(1)));
        shop.answer("ada", CART, failure).await;
        assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER, "{failure}");
        assert_eq!(shop.told(CART, "303").await.0, 303);
        for _ in 0..3 {
            assert_ne!(shop.answer("ada", PAY, failure).await.status, 429, "{failure}");
        }
        assert_eq!(shop.told(PAY, "200").await, FINE, "{failure}");
    }
    let shop = Shop::new(checkout().counting_failures());
    shop.answer("ada", CART, "400").await;
    assert_eq!(shop.told(PAY, "402").await.0, 402);
    assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER, "one attempt for each cart");
}

#[tokio::test]
async fn api6_completions_are_counted_for_each_caller() {
    let shop = Shop::new(checkout().completions(Quota::per_day(2)));
    let buy = async |who: &str| {
        assert_eq!(shop.answer(who, CART, "200").await.status, 200);
        shop.answer(who, PAY, "200").await
    };
    assert_eq!((buy("ada").await.status, buy("ada").await.status), (200, 200));
    let refused = buy("ada").await;
    assert_eq!((refused.status, refused.reason()), (429, "flow_completions_exceeded"));
    assert_eq!(refused.header("retry-after"), "43200");
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["checkout"]));
    assert_eq!(buy("bob").await.status, 200);
    shop.clock.set_monotonic(Duration::ZERO);
    assert_eq!(buy("ada").await.status, 429, "the clock went back");
    shop.clock.set_monotonic(Duration::from_secs(1000 + 43_200));
    assert_eq!((buy("ada").await.status, buy("ada").await.status), (200, 429));
}

#[tokio::test]
async fn api6_completions_by_the_calendar_start_anew_with_the_day() {
    let shop = Shop::new(checkout().completions(Quota::calendar_day(1)));
    shop.clock.set_unix(Duration::from_secs(20_000 * 86_400 - 1));
    assert_eq!((shop.status(CART).await, shop.status(PAY).await), (200, 200));
    assert_eq!(shop.status(CART).await, 200);
    let refused = shop.answer("ada", PAY, "200").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    shop.clock.advance(Duration::from_secs(1));
    assert_eq!(shop.status(PAY).await, 200);
}

#[tokio::test]
async fn api6_a_last_step_that_ended_without_an_answer_counts() {
    for end in ["hangs", "fails", "panics"] {
        let shop = Shop::new(checkout().completions(Quota::per_day(1)));
        assert_eq!(shop.status(CART).await, 200);
        shop.ends(PAY, end).await;
        assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER, "{end}: perhaps it was paid");
        assert_eq!(shop.status(CART).await, 200);
        assert_eq!(shop.told(PAY, "200").await.1, "flow_completions_exceeded", "{end}");

        let shop = Shop::new(checkout());
        shop.ends(CART, end).await;
        assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER, "{end}: perhaps there is no cart");
    }
}

#[tokio::test]
async fn api6_parallel_last_steps_are_one() {
    let shop = Shop::new(checkout().completions(Quota::per_day(1)));
    assert_eq!(shop.status(CART).await, 200);
    let mut first = Box::pin(shop.service().oneshot(by("ada", PAY, "hangs")));
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = shop.answer("ada", PAY, "200").await;
    assert_eq!((second.status, second.reason()), (429, "flow_step_under_way"));
    assert_eq!(second.header("retry-after"), "1");
    // Nor by another cart, or by waiting until the flow's time has passed.
    assert_eq!(shop.status(CART).await, 200);
    assert_eq!(shop.told(PAY, "200").await.1, "flow_step_under_way");
    shop.clock.advance(Duration::from_secs(7200));
    assert_eq!(shop.told(PAY, "200").await.1, "flow_step_under_way");
    drop(first);
    assert_eq!(shop.status(CART).await, 200);
    assert_eq!(shop.told(PAY, "200").await.1, "flow_completions_exceeded");
}

#[tokio::test]
async fn api6_a_step_under_way_is_not_done_yet() {
    let shop = Shop::new(checkout());
    let mut cart = Box::pin(shop.service().oneshot(by("ada", CART, "hangs")));
    assert!(futures_util::poll!(&mut cart).is_pending());
    assert_eq!(shop.told(PAY, "200").await, OUT_OF_ORDER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api6_a_storm_of_last_steps_buys_once() {
    let shop = Shop::new(checkout().completions(Quota::per_day(1)));
    assert_eq!(shop.status(CART).await, 200);
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..200 {
        let route = if turn % 3 == 0 { CART } else { PAY };
        let (service, request) = (shop.service(), by("ada", route, "200"));
        tasks.spawn(async move { (route, service.oneshot(request).await.unwrap().status()) });
    }
    let bought = tasks.join_all().await;
    let bought = bought.iter().filter(|outcome| **outcome == (PAY, StatusCode::OK)).count();
    assert_eq!(bought, 1);
}

#[tokio::test]
async fn api6_what_is_no_step_passes_and_spellings_of_steps_do_not() {
    let shop = Shop::new(checkout());
    for route in ["GET /pay", "POST /", "POST /PAY", "POST /pay/more", "post /pay"] {
        assert_eq!(shop.told(route, "200").await, FINE, "{route}: the router's own 404 or 405");
    }
    assert_eq!(shop.told("POST /pay/", "200").await, OUT_OF_ORDER, "some readers drop the slash");
    for path in ["//pay", "/%70ay", "/./pay", "/pay;a=b", "/x/../pay", "/pay%2f", "\\pay"] {
        let Ok(uri) = path.parse::<http::Uri>() else { continue };
        let mut request = by("ada", PAY, "200");
        *request.uri_mut() = uri;
        let answer = ask(shop.service(), request).await;
        assert_eq!((answer.status, answer.reason()), (400, "ambiguous_path"), "{path}");
    }
    let mut absolute = by("ada", PAY, "200");
    *absolute.uri_mut() = "http://shop.example/pay?now=1#a".parse().unwrap();
    assert_eq!(ask(shop.service(), absolute).await.status, 403);

    let shop = Shop::new(Flow::new("a", Key::principal()).step("a", "GET /a").step("b", "GET /b"));
    assert_eq!(shop.told("HEAD /b", "200").await, OUT_OF_ORDER, "HEAD is answered as GET is");
    assert_eq!(shop.told("HEAD /a", "200").await, FINE);
    assert_eq!(shop.told("GET /b", "200").await, FINE);
}

#[tokio::test]
async fn api6_a_step_of_nobody_is_refused() {
    let shop = Shop::new(checkout());
    let answer = shop.answer("", CART, "200").await;
    assert_eq!((answer.status, answer.reason()), (401, "flow_step_of_nobody"));
    assert_eq!(shop.answer("", "GET /", "200").await.status, 200);
    let mut unauthenticated = by("", CART, "200");
    unauthenticated.extensions_mut().remove::<Challenges>();
    let answer = ask(shop.service(), unauthenticated).await;
    assert_eq!((answer.status, answer.reason()), (500, "authentication_missing"));
}

#[tokio::test]
async fn q10_a_flood_of_callers_pushes_out_no_flow() {
    let shop = Shop::new(checkout().capacity(50));
    assert_eq!(shop.status(CART).await, 200);
    let mut refused = 0;
    for number in 0..200 {
        let answer = shop.answer(&format!("mallory{number}"), CART, "200").await;
        if answer.status != 200 {
            assert_eq!((answer.status, answer.reason()), (503, "no_room_for_flow"));
            refused += 1;
        }
    }
    assert_eq!(refused, 151);
    assert_eq!(shop.told(PAY, "200").await, FINE);
    assert_eq!(shop.answer("bob", CART, "200").await.status, 200, "one place became free");
    shop.clock.advance(Duration::from_secs(3601));
    assert_eq!(shop.answer("eve", CART, "200").await.status, 200, "all others did");
}

#[tokio::test]
async fn api6_a_flow_of_one_step_is_a_quota_of_successes() {
    let gift = Flow::new("gift", Key::principal()).step("take", "POST /gift");
    let shop = Shop::new(gift.completions(Quota::per_day(1)));
    for (answer, status) in [("409", 409), ("500", 500), ("200", 200), ("200", 429)] {
        assert_eq!(shop.told("POST /gift", answer).await.0, status);
    }
}

#[test]
fn api6_everything_wrong_is_told_with_the_flows_name() {
    let wrong = Flow::new("na\u{ef}ve", Key::address_with_ipv6_prefix(0))
        .step("a", "cart")
        .step("a", "PO ST /cart")
        .step("b", "POST /:id")
        .min_time_between(Duration::from_secs(1800))
        .completions(Quota::per_day(0))
        .capacity(0);
    let error = wrong.build().unwrap_err();
    assert_eq!(error.problems().len(), 10, "{error}");
    assert!(
        error.problems().iter().all(|problem| problem.culprit().starts_with("flow \"na\u{ef}ve\""))
    );
    for flow in [
        Flow::new("a", Key::principal()),
        checkout().step("again", PAY),
        checkout().step("c", "POST /{a}").step("d", "PUT /{b}"),
        checkout().within(Duration::ZERO),
        (0..64).fold(checkout(), |flow, step| flow.step(step.to_string(), format!("GET /{step}"))),
    ] {
        let problems = flow.clone().build().unwrap_err();
        let many = usize::from(problems.to_string().contains("1 to 64")) + 1;
        assert!(problems.problems().len() <= many, "{flow:?}: {problems}");
    }
}
