//! Gates of a user's own, through [`GateLayer`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{request, response};
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::gate::{Gate, GateLayer, Pass, Verdict};
use tower_warden::rejection::{Rejection, RejectionKind};

use crate::support::{Answer, Logs, TestBody, ask, get, hello, through};

/// Refuses with a kind of its own choice, at once or later.
#[derive(Clone, Debug)]
struct Refusing {
    rejection: Rejection,
    later: bool,
}

impl Gate for Refusing {
    type Pass = ();

    fn name(&self) -> &'static str {
        "refusing"
    }

    fn admit(&self, _head: &mut request::Parts) -> Verdict<()> {
        let rejection = self.rejection.clone();
        if self.later {
            Verdict::pending(async { Err(rejection) })
        } else {
            Verdict::refuse(rejection)
        }
    }
}

async fn refused(rejection: Rejection, later: bool, headers: &[(&str, &str)]) -> Answer {
    through(&GateLayer::new(Refusing { rejection, later }), get("/path", headers)).await
}

#[tokio::test]
async fn a_refusal_is_a_problem_document_and_stays_in_the_extensions() {
    for later in [false, true] {
        let rejection = Rejection::new(RejectionKind::Forbidden, "just_because")
            .with_source("the secret source");
        let logs = Logs::capture();
        let answer = refused(rejection, later, &[]).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (403, "application/problem+json")
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["code"], "forbidden");
        assert_eq!(answer.rejection().map(Rejection::control), Some("refusing"));
        assert!(!answer.text().contains("just_because") && !answer.text().contains("secret"));
        let log = logs.text();
        assert!(
            log.contains("just_because")
                && log.contains("the secret source")
                && log.contains("/path"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn g1_a_refusal_over_grpc_is_trailers_only() {
    let rejection = Rejection::new(RejectionKind::Forbidden, "just_because");
    let answer = refused(rejection, false, &[("content-type", "application/grpc")]).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, "7"));
    assert_eq!(answer.header("content-type"), "application/grpc");
    assert_eq!(answer.header("grpc-message"), "This is not allowed.");
    assert!(answer.body.is_empty() && answer.trailers.is_none());
}

#[tokio::test]
async fn q2_retry_after_is_whole_seconds_rounded_up() {
    let rejection = Rejection::new(RejectionKind::Unavailable, "down")
        .with_retry_after(Duration::from_millis(1_001));
    assert_eq!(refused(rejection, false, &[]).await.header("retry-after"), "2");
}

#[tokio::test]
async fn b4_a_401_of_a_gate_without_schemes_still_has_a_challenge() {
    let answer = refused(Rejection::new(RejectionKind::Unauthenticated, "who"), false, &[]).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, r#"Bearer realm="api""#));
}

#[tokio::test]
async fn a_path_with_control_characters_cannot_forge_a_log_line() {
    let logs = Logs::capture();
    let rejection =
        Rejection::new(RejectionKind::Forbidden, "x").with_source("first\r\nsecond\u{1b}[31m");
    refused(rejection, false, &[]).await;
    let log = logs.text();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

/// Counts the requests that wait for their verdict and those that got their response.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicU32>);

#[derive(Debug)]
struct Counted(Arc<AtomicU32>);

impl Gate for Counting {
    type Pass = Counted;

    fn admit(&self, _head: &mut request::Parts) -> Verdict<Counted> {
        let pass = Counted(self.0.clone());
        Verdict::pending(async { Ok(pass) })
    }
}

impl Pass for Counted {
    fn on_request(&mut self, head: &mut request::Parts) {
        head.headers.insert("x-found", HeaderValue::from_static("later"));
    }

    fn on_response(self, head: &mut response::Parts) {
        self.0.fetch_add(1, Ordering::Relaxed);
        head.headers.insert(HeaderName::from_static("x-seen"), HeaderValue::from_static("yes"));
    }
}

#[tokio::test]
async fn a_pass_writes_into_request_and_response() {
    let gate = Counting::default();
    let echo = service_fn(async |request: http::Request<TestBody>| {
        let found = request.headers().get("x-found").cloned();
        let mut response = hello(request).await?;
        response
            .headers_mut()
            .extend(found.map(|value| (HeaderName::from_static("x-echo"), value)));
        Ok::<_, std::convert::Infallible>(response)
    });
    let answer = ask(GateLayer::new(gate.clone()).layer(echo), get("/", &[])).await;
    assert_eq!((answer.header("x-echo"), answer.header("x-seen")), ("later", "yes"));
    assert_eq!(gate.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_outer_gate_sees_the_refusal_of_an_inner_one() {
    let counting = Counting::default();
    let inner =
        Refusing { rejection: Rejection::new(RejectionKind::NotFound, "hidden"), later: false };
    let stack = tower::ServiceBuilder::new()
        .layer(GateLayer::new(Some(counting.clone())))
        .layer(GateLayer::new(None::<Refusing>))
        .layer(GateLayer::new(inner))
        .service(service_fn(hello));
    let answer = Answer::read(stack.oneshot(get("/", &[])).await.unwrap()).await;
    assert_eq!((answer.status, answer.header("x-seen"), answer.reason()), (404, "yes", "hidden"));
    assert_eq!(counting.0.load(Ordering::Relaxed), 1);
}
