//! Answers that tell too little, too much, or that others get to see.

use std::convert::Infallible;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_warden::authz::{PolicyError, Rules, RulesLayer, any_of, check_async, public, role};
use tower_warden::gate::GateLayer;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rejection::{Rejection, RejectionKind};
use tower_warden::response_headers::ResponseHeadersLayer;
use tower_warden::sanitize::SanitizeLayer;
use tower_warden::warden::Warden;

use super::{send, with_api_key};
use crate::support::{Logs, TestBody, ask, get as on_get, hello, request};

const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// The status of a gRPC refusal is 200, which a shared cache may store for everybody who asks for the same page.
#[tokio::test]
async fn b13_a_grpc_content_type_does_not_make_a_refusal_cacheable() {
    let (builder, _) = with_api_key();
    let warden =
        builder.rules(Rules::builder().get("/app.js", public("a script"))).build().unwrap();
    let router = Router::new().route("/app.js", get(async || "run()"));
    let poison = Request::get("/app.js").header(GRPC.0, GRPC.1).header("x-api-key", "garbage");
    let answer = send(&warden, &router, poison).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, "16"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// The copy that a cache keeps would lack them for everybody.
#[tokio::test]
async fn h4_a_grpc_content_type_does_not_take_the_security_headers_off_a_page() {
    let router = Router::new().route("/", get(async || Html("<h1>hello</h1>")));
    let service = ResponseHeadersLayer::web().layer(router);
    let request = on_get("/", &[GRPC]).map(axum::body::Body::new);
    let answer = ask(service, request).await;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert!(answer.header("content-security-policy").contains("script-src 'self'"));
}

#[tokio::test]
async fn e3_a_grpc_content_type_does_not_bring_a_handlers_500_out() {
    let (builder, _) = with_api_key();
    let warden = builder.rules(Rules::builder().any("/", public("all"))).build().unwrap();
    let leak = async || (StatusCode::INTERNAL_SERVER_ERROR, "no table orders at db-7");
    let router = Router::new().route("/", get(leak).post(leak));
    for value in
        ["application/grpc", "application/grpc+proto", "application/grpc-web", "APPLICATION/GRPC;"]
    {
        for method in ["GET", "POST", "HEAD"] {
            let request = Request::builder().method(method).uri("/").header("content-type", value);
            let answer = send(&warden, &router, request).await;
            assert!(!answer.text().contains("db-7"), "{method} {value}: {answer:?}");
            assert!(
                answer.status == 500 || answer.header("grpc-status") == "13",
                "{method} {value}"
            );
        }
    }
}

/// Middleware of an application may turn one response into another and carry its extensions along.
#[tokio::test]
async fn e3_a_refusal_that_became_a_handlers_failure_is_sanitized_again() {
    let handler = service_fn(async |_request: Request<TestBody>| {
        let mut response = Response::new(TestBody::from("at order.rs:7: no route to db-7"));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        let refusal = Rejection::new(RejectionKind::Forbidden, "not_the_owner");
        response.extensions_mut().insert(refusal);
        Ok::<_, Infallible>(response)
    });
    let answer = ask(SanitizeLayer::new().layer(handler), on_get("/", &[])).await;
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("db-7"), "{}", answer.text());
}

#[tokio::test]
async fn b4_a_401_where_no_scheme_is_configured_has_a_challenge() {
    let warden = Warden::builder().rules(Rules::builder().get("/", public("all"))).build().unwrap();
    let router = Router::new().route("/", get(async |_: Principal| "hello"));
    let answer = send(&warden, &router, Request::get("/")).await;
    assert_eq!((answer.status, answer.all("www-authenticate").len()), (401, 1));
}

#[tokio::test]
async fn b5_a_challenge_names_no_parameter_twice() {
    use tower_warden::rejection::Challenge;
    let challenge = || Challenge::new("Bearer", "api").unwrap();
    assert!(challenge().with_parameter("resource_metadata", "https://api.example").is_ok());
    for twice in ["realm", "REALM", "error", "scope", "error_description"] {
        // Error and scope are added to a refusal.
        assert!(challenge().with_parameter(twice, "x").is_err(), "{twice}");
    }
}

#[tokio::test]
async fn u3_a_check_that_fails_cannot_forge_a_log_line() {
    let logs = Logs::capture();
    let failing = check_async("owner", |principal, _| {
        let told = format!("no such owner: {}", principal.subject());
        async move { Err::<bool, _>(PolicyError::new(told)) }
    });
    let rules = Rules::builder().get("/", any_of([failing, role("admin")])).build().unwrap();
    let eve = Principal::builder(
        "i",
        "eve\n2026-01-01 INFO granted \u{1b}[31m",
        PrincipalKind::User,
        "Bearer",
    );
    let mut request = on_get("/", &[]);
    request.extensions_mut().insert(eve.build());
    let answer = ask(RulesLayer::new(rules).layer(service_fn(hello)), request).await;
    assert_eq!(answer.status, 403);
    let text = logs.text();
    assert!(text.contains("no such owner"), "{text}");
    assert!(text.lines().all(|line| !line.starts_with("2026-01-01 INFO")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn u3_neither_method_nor_path_nor_query_can_forge_or_leak_into_the_log() {
    let (builder, _) = with_api_key();
    let warden = builder.rules(Rules::builder().get("/", public("all"))).build().unwrap();
    let logs = Logs::capture();
    for (method, uri) in [
        ("GET", "/%0d%0aINFO%20forged?api_key=s3cret"),
        ("X-FORGED", "/?token=s3cret"),
        ("GET", "/a\u{e9}?s3cret"),
    ] {
        send(&warden, &Router::new(), Request::builder().method(method).uri(uri)).await;
    }
    let text = logs.text();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

/// A gate inside a router refuses with the router's other answers around it.
#[tokio::test]
async fn e3_a_second_sanitizing_layer_changes_nothing() {
    #[derive(Clone)]
    struct No;
    impl tower_warden::gate::Gate for No {
        type Pass = ();
        fn admit(&self, _: &mut http::request::Parts) -> tower_warden::gate::Verdict<()> {
            tower_warden::gate::Verdict::refuse(Rejection::new(RejectionKind::NotFound, "no"))
        }
    }
    let service = ServiceBuilder::new()
        .layer(SanitizeLayer::new())
        .layer(SanitizeLayer::new())
        .layer(GateLayer::new(No))
        .service(service_fn(hello));
    for method in [http::Method::GET, http::Method::HEAD] {
        let answer = ask(service.clone(), request(method.clone(), "/", &[])).await;
        assert_eq!((answer.status, answer.all("x-request-id").len()), (404, 1), "{method}");
        assert_eq!(answer.body.is_empty(), method == http::Method::HEAD);
    }
}
