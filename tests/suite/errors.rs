//! What went wrong inside stays inside: sanitized errors, caught panics, correlation ids.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::Body as AxumBody;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, SERVER, SET_COOKIE};
use axum::routing::get as on_get;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;
use tower::buffer::BufferLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_warden::gate::{Gate, GateLayer, Verdict};
use tower_warden::rejection::{CorrelationId, Rejection, RejectionKind};
use tower_warden::sanitize::{SafeToShow, SanitizeLayer};

use crate::support::{Answer, Logs, TestBody, ask, get, request, through};

const SECRET: &str = "db-7.internal";
const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc")];

/// Asks an axum router behind the layer.
async fn ask_router(method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let router = axum::Router::new()
        .route("/fine", on_get(async || "fine"))
        .route("/own", on_get(async || (StatusCode::NOT_FOUND, "no order 7")))
        .route("/bare", on_get(async || StatusCode::CONFLICT))
        .route("/no-credentials", on_get(async || StatusCode::UNAUTHORIZED))
        .route(
            "/leaks",
            on_get(async || (StatusCode::INTERNAL_SERVER_ERROR, format!("no route to {SECRET}"))),
        )
        .route("/panics", on_get(panics));
    let request = request(method, path, headers).map(AxumBody::new);
    ask(SanitizeLayer::new().layer(router), request).await
}

async fn panics() -> &'static str {
    panic!("table orders_2 at {SECRET}\r\n2026-01-01T00:00:00Z  INFO forged \u{1b}[31m")
}

/// Asks a handler that answers with what `make` makes.
async fn ask_handler<B>(
    request: Request<TestBody>,
    make: impl Fn() -> Response<B> + Clone,
) -> Answer
where
    B: http_body::Body<Data = Bytes, Error = Infallible>,
{
    let handler = service_fn(move |_request: Request<TestBody>| {
        std::future::ready(Ok::<_, Infallible>(make()))
    });
    ask(SanitizeLayer::new().layer(handler), request).await
}

fn with_status(status: u16, body: &'static str) -> Response<TestBody> {
    Response::builder().status(status).body(TestBody::from(body)).unwrap()
}

/// A problem document that meets RFC 9457, for the status that was sent.
fn assert_problem(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status);
    let name_is_fine = |name: &str| {
        name == "violated-policies"
            || (name.len() > 2
                && name.starts_with(|char: char| char.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    };
    for name in problem.as_object().unwrap().keys() {
        assert!(name_is_fine(name), "{name}");
    }
    let problem_type = problem["type"].as_str().unwrap();
    if problem_type == "about:blank" {
        let phrase = StatusCode::from_u16(answer.status).unwrap().canonical_reason();
        assert!(phrase.is_none_or(|phrase| problem["title"] == phrase), "{problem}");
    } else {
        assert!(problem_type.starts_with("https://"), "{problem_type}");
        assert!(!problem["title"].as_str().unwrap().is_empty());
    }
    problem
}

fn assert_says_nothing(answer: &Answer, secret: &str) {
    let said = format!("{:?} {:?} {:?}", answer.headers, answer.trailers, answer.body);
    assert!(!said.contains(secret), "{said}");
}

/// Refuses everything for one reason.
#[derive(Clone, Copy, Debug)]
struct Closed(RejectionKind);

impl Gate for Closed {
    type Pass = ();

    fn admit(&self, _request: &mut request::Parts) -> Verdict<()> {
        Verdict::refuse(
            Rejection::new(self.0, "closed")
                .with_retry_after(Duration::from_secs(7))
                .with_violated_policy("burst".into())
                .with_source(SECRET),
        )
    }
}

#[tokio::test]
async fn e1_e2_every_refusal_is_a_problem_document_of_its_status() {
    for kind in RejectionKind::ALL {
        let stack = (SanitizeLayer::new(), GateLayer::new(Closed(kind)));
        let answer = through(&stack, get("/", &[])).await;
        assert_eq!(answer.status, kind.status().as_u16());
        assert_eq!(answer.rejection().unwrap().status(), kind.status());
        let problem = assert_problem(&answer);
        assert_eq!(problem["detail"], kind.detail());
        assert_eq!(problem["code"], kind.code());
        let instance = format!("urn:uuid:{}", answer.header("x-request-id"));
        assert_eq!(problem["instance"], instance);
        assert_says_nothing(&answer, SECRET);
    }
}

#[tokio::test]
async fn g1_g2_every_refusal_of_a_grpc_call_is_trailers_only() {
    let codes = [8, 3, 7, 8, 7, 16, 13, 16, 12, 5, 8, 8, 14, 16, 14, 3, 3];
    for (kind, code) in RejectionKind::ALL.into_iter().zip(codes) {
        let stack = (SanitizeLayer::new(), GateLayer::new(Closed(kind)));
        let answer = through(&stack, get("/", GRPC)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/grpc");
        assert_eq!(answer.header("grpc-status"), code.to_string(), "{kind:?}");
        assert_eq!(answer.header("grpc-message"), kind.detail());
        assert!(answer.body.is_empty() && answer.trailers.is_none());
        assert_says_nothing(&answer, SECRET);
    }
}

#[tokio::test]
async fn e1_a_failed_handler_keeps_its_status_and_nothing_else() {
    for status in [500, 501, 502, 503, 504, 507, 511, 599, 700, 999] {
        let logs = Logs::capture();
        let answer = ask_handler(get("/orders?token=t0k3n", &[]), || {
            let mut response = with_status(status, "no route to db-7.internal");
            let headers = response.headers_mut();
            for name in [CONTENT_TYPE, SERVER, SET_COOKIE, HeaderName::from_static("x-debug")] {
                headers.append(name, HeaderValue::from_static(SECRET));
            }
            headers.insert("content-length", HeaderValue::from_static("25"));
            headers.insert("content-encoding", HeaderValue::from_static("gzip"));
            headers.insert("x-request-id", HeaderValue::from_static(SECRET));
            headers.insert("www-authenticate", HeaderValue::from_static(SECRET));
            headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
            headers.insert(
                "access-control-allow-origin",
                HeaderValue::from_static("https://a.example"),
            );
            response
        })
        .await;
        assert_eq!(answer.status, status);
        let problem = assert_problem(&answer);
        let code = if status == 503 { "unavailable" } else { "internal_error" };
        assert_eq!(problem["code"], code);
        assert_says_nothing(&answer, SECRET);
        assert_eq!(answer.header("retry-after"), "7");
        assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
        assert_eq!(answer.headers.len(), 5, "{:?}", answer.headers);
        assert_eq!(answer.reason(), "handler_failed");

        let line = logs.text();
        let id = answer.header("x-request-id");
        for part in ["handler_failed", &format!("status={status}"), "path=\"/orders\"", id] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(!line.contains("t0k3n"), "{line}");
    }
}

#[tokio::test]
async fn e3_extensions_of_a_failure_go_too() {
    // A server may write a reason phrase out of an extension.
    #[derive(Clone)]
    struct ReasonPhrase;
    let answer = ask_handler(get("/", &[]), || {
        let mut response = with_status(500, "");
        response.extensions_mut().insert(ReasonPhrase);
        response
    })
    .await;
    assert!(answer.extensions.get::<ReasonPhrase>().is_none());
    assert_problem(&answer);
}

#[tokio::test]
async fn e3_what_is_marked_safe_to_show_is_shown() {
    let handler =
        async || (StatusCode::BAD_GATEWAY, Extension(SafeToShow), "The bank does not answer.");
    let router = axum::Router::new().route("/", on_get(handler));
    let request = get("/", &[]).map(AxumBody::new);
    let answer = ask(SanitizeLayer::new().layer(router), request).await;
    assert_eq!((answer.status, answer.text()), (502, "The bank does not answer."));
    assert!(!answer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn e3_what_is_marked_safe_to_show_is_shown_over_grpc() {
    let answer = ask_handler(get("/", GRPC), || {
        let mut response = grpc_stream("13", "The bank does not answer.");
        response.extensions_mut().insert(SafeToShow);
        response
    })
    .await;
    assert_eq!(answer.trailers.unwrap()["grpc-message"], "The bank does not answer.");
}

#[tokio::test]
async fn e3_a_panic_is_a_500_that_tells_the_log_alone() {
    for (headers, status) in [(&[][..], 500), (GRPC, 200)] {
        let logs = Logs::capture();
        let answer = ask_router(Method::GET, "/panics", headers).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.reason(), "handler_panicked");
        for secret in [SECRET, "orders_2", "forged"] {
            assert_says_nothing(&answer, secret);
        }
        if status == 200 {
            assert_eq!(answer.header("grpc-status"), "13");
        } else {
            assert_eq!(assert_problem(&answer)["code"], "internal_error");
        }
        let text = logs.text();
        assert!(text.contains("table orders_2 at db-7.internal"), "{text}");
        assert!(text.contains("handler_panicked") && text.contains(answer.header("x-request-id")));
    }
}

#[tokio::test]
async fn u3_what_failed_inside_cannot_forge_a_log_line() {
    for path in ["/panics", "/over-grpc"] {
        let logs = Logs::capture();
        if path == "/panics" {
            ask_router(Method::GET, path, &[]).await;
        } else {
            let message = "orders_2%0D%0A2026-01-01T00:00:00Z  INFO forged %1B[31m";
            ask_handler(get(path, GRPC), || grpc_stream("13", message)).await;
        }
        let text = logs.text();
        assert!(text.contains("forged"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.trim_end().contains(|char: char| char.is_control()), "{text:?}");
    }
}

#[tokio::test]
async fn e3_a_panic_in_call_itself_is_caught() {
    let handler = service_fn(|request: Request<TestBody>| {
        assert!(request.uri().path() != "/panics", "{SECRET}");
        std::future::ready(Ok::<_, Infallible>(with_status(200, "fine")))
    });
    let mut service = SanitizeLayer::new().layer(handler);
    for (path, status) in [("/fine", 200), ("/panics", 500), ("/fine", 200)] {
        let response = service.ready().await.unwrap().call(get(path, &[])).await.unwrap();
        let answer = Answer::read(response).await;
        assert_eq!(answer.status, status);
        assert_says_nothing(&answer, SECRET);
    }
}

#[tokio::test]
async fn e3_a_secret_in_a_failed_router_answer_goes_nowhere() {
    let answer = ask_router(Method::GET, "/leaks", &[]).await;
    assert_eq!(answer.status, 500);
    assert_problem(&answer);
    assert_says_nothing(&answer, SECRET);
}

#[tokio::test]
async fn e4_a_routers_own_404_and_405_are_problem_documents() {
    let absent = ask_router(Method::GET, "/absent", &[]).await;
    assert_eq!(absent.status, 404);
    assert_eq!(assert_problem(&absent)["code"], "not_found");
    let method = ask_router(Method::DELETE, "/fine", &[]).await;
    assert_eq!(method.status, 405);
    assert_eq!(assert_problem(&method)["code"], "method_not_allowed");
    assert_eq!(method.header("allow"), "GET,HEAD");
    assert_ne!(method.header("content-length"), "0");
}

#[tokio::test]
async fn e1_every_bare_client_error_is_a_problem_document() {
    for status in 400..500 {
        let answer = ask_handler(get("/", &[]), || {
            let mut response = with_status(status, "");
            response.headers_mut().insert("content-length", HeaderValue::from_static("0"));
            response.headers_mut().insert("content-range", HeaderValue::from_static("bytes */7"));
            response
        })
        .await;
        assert_eq!(answer.status, status);
        assert_problem(&answer);
        assert_eq!(answer.header("content-range"), "bytes */7");
        assert!(answer.all("content-length").is_empty());
        assert!(answer.rejection().is_none());
        // RFC 9110 15.5.2: a 401 without a challenge is no valid response.
        assert_eq!(answer.all("www-authenticate").len(), usize::from(status == 401));
    }
    let conflict = ask_router(Method::GET, "/bare", &[]).await;
    assert_eq!(assert_problem(&conflict)["title"], "Conflict");
    let unknown = ask_router(Method::GET, "/no-credentials", &[]).await;
    assert_eq!(assert_problem(&unknown)["code"], "unauthenticated");
}

#[tokio::test]
async fn e1_a_client_error_with_a_body_is_the_applications_own() {
    let answer = ask_router(Method::GET, "/own", &[]).await;
    assert_eq!((answer.status, answer.text()), (404, "no order 7"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn e3_what_went_well_is_left_alone() {
    for status in [100, 101, 103, 200, 201, 204, 206, 301, 304] {
        let answer = ask_handler(get("/", &[]), || with_status(status, "")).await;
        assert_eq!((answer.status, answer.body.len(), answer.headers.len()), (status, 0, 1));
    }
    let tunnel =
        ask_handler(request(Method::CONNECT, "a.example:443", &[]), || with_status(200, ""));
    assert_eq!(tunnel.await.headers.len(), 1);
    let fine = ask_router(Method::GET, "/fine", &[]).await;
    assert_eq!((fine.status, fine.text()), (200, "fine"));
}

#[tokio::test]
async fn e1_head_is_answered_like_get_without_a_body() {
    for path in ["/absent", "/leaks", "/panics"] {
        let got = ask_router(Method::GET, path, &[]).await;
        let head = ask_router(Method::HEAD, path, &[]).await;
        assert_eq!(head.status, got.status);
        assert_eq!(head.header("content-type"), "application/problem+json");
        assert_eq!(head.header("content-length"), got.body.len().to_string());
        assert!(head.body.is_empty());
    }
    // There is a body for GET: it is the application's own.
    let own = ask_router(Method::HEAD, "/own", &[]).await;
    assert_eq!(own.header("content-type"), "text/plain; charset=utf-8");
    // A gate further in wrote its refusal for any method.
    let stack = (SanitizeLayer::new(), GateLayer::new(Closed(RejectionKind::Forbidden)));
    let refused = through(&stack, request(Method::HEAD, "/", &[])).await;
    assert!(refused.body.is_empty() && refused.header("content-length").len() > 1);
}

#[tokio::test]
async fn e2_each_request_has_an_id_of_its_own_and_callers_do_not_choose_it() {
    let handler = service_fn(|request: Request<TestBody>| {
        assert!(!request.headers().contains_key("x-request-id"));
        let id = CorrelationId::of(request.extensions()).unwrap().to_string();
        let response = Response::builder()
            .header("x-request-id", "the handler's own")
            .body(TestBody::from(id));
        std::future::ready(Ok::<_, Infallible>(response.unwrap()))
    });
    let service = SanitizeLayer::new().layer(handler);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let forged = [("x-request-id", "forged"), ("x-request-id", "twice")];
        let answer = ask(service, get("/", &forged)).await;
        assert_eq!(answer.header("x-request-id"), answer.text());
        assert!(seen.insert(answer.text().to_owned()));
    }
}

#[tokio::test]
async fn e2_two_layers_agree_on_one_id() {
    let handler = service_fn(|request: Request<TestBody>| {
        let id = CorrelationId::of(request.extensions()).unwrap().to_string();
        std::future::ready(Ok::<_, Infallible>(Response::new(TestBody::from(id))))
    });
    let service = (SanitizeLayer::new(), SanitizeLayer::new()).layer(handler);
    let answer = ask(service, get("/", &[])).await;
    assert_eq!(answer.header("x-request-id"), answer.text());
}

/// What a gRPC handler answers: a message, then trailers.
fn grpc_stream(
    status: &'static str,
    message: &'static str,
) -> Response<impl http_body::Body<Data = Bytes, Error = Infallible>> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    trailers.insert("grpc-message", HeaderValue::from_static(message));
    trailers.insert("grpc-status-details-bin", HeaderValue::from_static("ZGItNw"));
    trailers.insert("x-debug-bin", HeaderValue::from_static("ZGItNw"));
    let frames = [Ok(Frame::data(Bytes::from_static(b"message"))), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// What a gRPC handler answers that fails at once: the status in the header section.
fn grpc_trailers_only(status: &'static str) -> Response<TestBody> {
    let mut response = with_status(200, "");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static(status));
    headers.insert("grpc-message", HeaderValue::from_static("no route to db-7.internal"));
    headers.insert("grpc-status-details-bin", HeaderValue::from_static("ZGItNw"));
    headers.insert("x-debug", HeaderValue::from_static(SECRET));
    response
}

#[tokio::test]
async fn e3_g1_a_grpc_failure_in_trailers_loses_its_texts() {
    for (status, kind) in [
        ("2", RejectionKind::Internal),
        ("13", RejectionKind::Internal),
        ("14", RejectionKind::Unavailable),
        ("15", RejectionKind::Internal),
    ] {
        let logs = Logs::capture();
        let answer = ask_handler(get("/orders.Orders/Get", GRPC), || {
            grpc_stream(status, "no route to db-7.internal")
        })
        .await;
        assert_eq!((answer.status, answer.text()), (200, "message"));
        let trailers = answer.trailers.as_ref().unwrap();
        assert_eq!(trailers["grpc-status"], status);
        assert_eq!(trailers["grpc-message"], kind.detail());
        assert_eq!(trailers.len(), 2);
        assert_says_nothing(&answer, SECRET);
        let line = logs.text();
        for part in
            ["handler_failed", "db-7.internal", "/orders.Orders/Get", answer.header("x-request-id")]
        {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}

#[tokio::test]
async fn e3_g1_a_grpc_failure_in_the_header_section_loses_its_texts() {
    for status in ["2", "13", "14", "15"] {
        let logs = Logs::capture();
        let answer = ask_handler(get("/", GRPC), || grpc_trailers_only(status)).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (200, status));
        assert_eq!(answer.header("content-type"), "application/grpc");
        // Content type, status, message and the id.
        assert_eq!(answer.headers.len(), 4, "{:?}", answer.headers);
        assert_says_nothing(&answer, SECRET);
        assert_eq!(answer.reason(), "handler_failed");
        assert!(logs.text().contains(SECRET));
    }
}

#[tokio::test]
async fn g2_a_grpc_answer_for_the_caller_stays_as_it_is() {
    for status in ["0", "3", "5", "7", "9", "16"] {
        let answer = ask_handler(get("/", GRPC), || grpc_stream(status, "no order 7")).await;
        assert_eq!(answer.trailers.as_ref().unwrap()["grpc-message"], "no order 7");
        assert_eq!(answer.trailers.unwrap().len(), 4);
        let answer = ask_handler(get("/", GRPC), || grpc_trailers_only(status)).await;
        assert_eq!(answer.header("x-debug"), SECRET);
    }
}

#[tokio::test]
async fn e3_a_caller_that_hides_its_protocol_learns_no_more() {
    // A gRPC service answers whatever the caller calls its own body.
    for headers in
        [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/grpc-web")]]
    {
        let stream = ask_handler(get("/", headers), || grpc_stream("13", SECRET)).await;
        assert_says_nothing(&stream, SECRET);
        let at_once = ask_handler(get("/", headers), || grpc_trailers_only("2")).await;
        assert_says_nothing(&at_once, SECRET);
    }
}

#[tokio::test]
async fn g1_a_routers_http_error_is_a_grpc_status_for_a_grpc_caller() {
    for (status, code) in [
        (400, "3"),
        (401, "16"),
        (403, "7"),
        (404, "12"),
        (405, "12"),
        (409, "3"),
        (413, "8"),
        (429, "8"),
        (500, "13"),
        (502, "13"),
        (503, "14"),
    ] {
        let answer = ask_handler(get("/", GRPC), || with_status(status, SECRET)).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (200, code), "{status}");
        assert_eq!(answer.header("content-type"), "application/grpc");
        assert!(answer.body.is_empty());
        assert_says_nothing(&answer, SECRET);
    }
}

#[tokio::test]
async fn e3_the_service_that_was_polled_ready_is_the_one_called() {
    let service = ServiceBuilder::new()
        .layer(SanitizeLayer::new())
        .layer(BufferLayer::<Request<TestBody>>::new(1))
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(async |_request: Request<TestBody>| {
            Ok::<_, Infallible>(with_status(502, SECRET))
        });
    for _ in 0..3 {
        let answer = ask(service.clone(), get("/", &[])).await;
        assert_eq!(answer.status, 502);
        assert_says_nothing(&answer, SECRET);
    }
}

#[tokio::test]
async fn e3_errors_of_the_inner_service_pass_through() {
    let failing = service_fn(async |_request: Request<TestBody>| {
        Err::<Response<TestBody>, _>(std::io::Error::other("connection lost"))
    });
    let error = SanitizeLayer::new().layer(failing).oneshot(get("/", &[])).await.unwrap_err();
    assert_eq!(error.to_string(), "connection lost");
}

#[tokio::test]
async fn e3_the_layer_fits_inside_a_router_too() {
    let router = axum::Router::new().route("/panics", on_get(panics)).layer(SanitizeLayer::new());
    for (path, status) in [("/panics", 500), ("/absent", 404)] {
        let request = get(path, &[]).map(AxumBody::new);
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let length = response.headers().get("content-length").cloned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!body.is_empty());
        assert!(length.is_none_or(|length| length == body.len().to_string()));
    }
}

#[tokio::test]
async fn e3_all_lines_of_a_field_that_stays_on_a_failure_stay() {
    let failing = service_fn(async |_: Request<TestBody>| {
        let response =
            Response::builder().status(502).header("vary", "origin").header("vary", "accept");
        Ok::<_, Infallible>(response.body(TestBody::from("leak")).unwrap())
    });
    let answer = ask(SanitizeLayer::new().layer(failing), get("/", &[])).await;
    assert_eq!((answer.status, answer.all("vary")), (502, vec!["origin", "accept"]));
}

#[tokio::test]
async fn b4_a_handlers_own_401_gets_a_challenge_and_keeps_its_body() {
    let own = |challenge: Option<&'static str>| {
        service_fn(move |_: Request<TestBody>| async move {
            let mut response = Response::builder().status(401);
            if let Some(challenge) = challenge {
                response = response.header("www-authenticate", challenge);
            }
            Ok::<_, Infallible>(response.body(TestBody::from("log in first")).unwrap())
        })
    };
    let answer = ask(SanitizeLayer::new().layer(own(None)), get("/", &[])).await;
    assert_eq!((answer.status, answer.text()), (401, "log in first"));
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="api""#);
    let answer =
        ask(SanitizeLayer::new().layer(own(Some("Custom realm=\"x\""))), get("/", &[])).await;
    assert_eq!(answer.header("www-authenticate"), "Custom realm=\"x\"");
}
