//! Security headers on every response, and none that tell of the software behind it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body::Frame;
use http_body_util::StreamBody;
use tower::{Layer, ServiceBuilder, service_fn};
use tower_warden::config::ConfigProblem;
use tower_warden::gate::{Gate, GateLayer, Verdict};
use tower_warden::rejection::{Rejection, RejectionKind};
use tower_warden::response_headers::{Hsts, ResponseHeadersLayer};
use tower_warden::sanitize::SanitizeLayer;

use crate::support::{Answer, TestBody, ask, get, request, through};

const HSTS: &str = "max-age=63072000; includeSubDomains";

const API: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", HSTS),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

const WEB: [(&str, &str); 12] = [
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'self'; script-src-attr 'none'; img-src 'self' data:; upgrade-insecure-requests",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), xr-spatial-tracking=()",
    ),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", HSTS),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-frame-options", "DENY"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];

fn pairs(answer: &Answer) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    pairs.sort_unstable();
    pairs
}

/// Sends a request through `layer` to a handler that sets these headers.
async fn with_handler_headers(
    layer: &ResponseHeadersLayer,
    request: Request<TestBody>,
    headers: &'static [(&'static str, &'static str)],
) -> Answer {
    let handler = service_fn(move |_request: Request<TestBody>| async move {
        let mut response = Response::new(TestBody::default());
        for (name, value) in headers {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        Ok::<_, Infallible>(response)
    });
    ask(layer.layer(handler), request).await
}

#[tokio::test]
async fn h1_the_api_preset_is_these_seven_headers() {
    let answer = through(&ResponseHeadersLayer::api().assume_https(), get("/", &[])).await;
    assert_eq!(pairs(&answer), API);
}

#[tokio::test]
async fn h2_the_web_preset_is_these_twelve_headers() {
    let answer = through(&ResponseHeadersLayer::web().assume_https(), get("/", &[])).await;
    assert_eq!(pairs(&answer), WEB);
}

#[tokio::test]
async fn h2_the_presets_pass_their_own_checks() {
    for (name, value) in API.iter().chain(&WEB) {
        if *name != "strict-transport-security" {
            let built = ResponseHeadersLayer::api_builder().header(name, value).build();
            assert!(built.is_ok(), "{built:?}");
        }
    }
    let embedding =
        ResponseHeadersLayer::web_builder().cross_origin_embedder_policy("require-corp").build();
    let answer = through(&embedding.unwrap(), get("/", &[])).await;
    assert_eq!(answer.header("cross-origin-embedder-policy"), "require-corp");
}

#[tokio::test]
async fn h3_hsts_is_not_sent_over_plain_http_not_even_the_handlers_own() {
    let layer = ResponseHeadersLayer::api();
    // The scheme and the forwarding headers are the caller's own words.
    let request = get(
        "https://api.example/",
        &[("x-forwarded-proto", "https"), ("forwarded", "proto=https")],
    );
    let answer =
        with_handler_headers(&layer, request, &[("strict-transport-security", HSTS)]).await;
    assert!(answer.all("strict-transport-security").is_empty());
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn h3_an_hsts_lifetime_under_a_year_is_refused() {
    let built = |hsts| ResponseHeadersLayer::api_builder().hsts(hsts).build();
    assert!(built(Hsts::new().max_age(Duration::from_secs(31_535_999))).is_err());
    let layer = built(Hsts::new().max_age(Duration::from_secs(31_536_000)).preload()).unwrap();
    let answer = through(&layer.assume_https(), get("/", &[])).await;
    let expected = "max-age=31536000; includeSubDomains; preload";
    assert_eq!(answer.header("strict-transport-security"), expected);
}

#[tokio::test]
async fn h4_a_header_of_the_handler_wins_but_for_two() {
    let layer = ResponseHeadersLayer::api().assume_https();
    let answer = with_handler_headers(
        &layer,
        get("/", &[]),
        &[
            ("cache-control", "max-age=60"),
            ("content-security-policy", "default-src 'self'"),
            ("content-security-policy", "img-src *"),
            ("strict-transport-security", "max-age=0"),
            ("strict-transport-security", "max-age=1"),
            ("x-content-type-options", "sniff"),
        ],
    )
    .await;
    assert_eq!(answer.header("cache-control"), "max-age=60");
    assert_eq!(answer.all("content-security-policy"), ["default-src 'self'", "img-src *"]);
    assert_eq!(answer.header("strict-transport-security"), HSTS);
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
}

/// Refuses everything for one reason.
#[derive(Clone, Copy, Debug)]
struct Closed(RejectionKind);

impl Gate for Closed {
    type Pass = ();

    fn admit(&self, _request: &mut request::Parts) -> Verdict<()> {
        Verdict::refuse(Rejection::new(self.0, "closed"))
    }
}

#[tokio::test]
async fn h4_refusals_carry_the_headers() {
    for kind in RejectionKind::ALL {
        let stack = ServiceBuilder::new()
            .layer(ResponseHeadersLayer::api().assume_https())
            .layer(GateLayer::new(Closed(kind)))
            .into_inner();
        let answer = through(&stack, get("/", &[])).await;
        assert_eq!(answer.status, kind.status().as_u16());
        for (name, value) in API {
            assert_eq!(answer.header(name), value, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn h4_a_routers_errors_and_panics_carry_the_headers() {
    let router = axum::Router::new()
        .route("/found", axum::routing::get(async || "found"))
        .route("/broken", axum::routing::get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/panics", axum::routing::get(broken));
    let service = ServiceBuilder::new()
        .layer(ResponseHeadersLayer::api().assume_https())
        .layer(SanitizeLayer::new())
        .service(router);
    for (method, path, status) in [
        (Method::GET, "/found", 200),
        (Method::GET, "/absent", 404),
        (Method::POST, "/found", 405),
        (Method::GET, "/broken", 500),
        (Method::GET, "/panics", 500),
    ] {
        let request = request(method, path, &[]).map(axum::body::Body::new);
        let answer = ask(service.clone(), request).await;
        assert_eq!(answer.status, status, "{path}");
        for (name, value) in API {
            assert_eq!(answer.header(name), value, "{path}");
        }
    }
}

async fn broken() -> StatusCode {
    panic!("broken")
}

#[tokio::test]
async fn h4_grpc_gets_hsts_and_nosniff_alone_and_keeps_its_trailers() {
    let trailers = HeaderMap::from_iter([
        ("grpc-status".parse().unwrap(), HeaderValue::from_static("0")),
        ("server".parse().unwrap(), HeaderValue::from_static("kept in trailers")),
    ]);
    let sent = trailers.clone();
    let handler = service_fn(move |_request: Request<TestBody>| {
        let frames = [
            Ok::<_, Infallible>(Frame::data(Bytes::from("message"))),
            Ok(Frame::trailers(sent.clone())),
        ];
        let body = StreamBody::new(futures_util::stream::iter(frames));
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let service = ResponseHeadersLayer::web().assume_https().layer(handler);
    let answer = ask(service, get("/", &[("content-type", "application/grpc")])).await;
    let expected = [("strict-transport-security", HSTS), ("x-content-type-options", "nosniff")];
    assert_eq!(pairs(&answer), expected);
    assert_eq!(answer.trailers, Some(trailers));
}

#[tokio::test]
async fn h5_headers_that_tell_of_the_software_are_removed() {
    const TELLING: [(&str, &str); 8] = [
        ("server", "nginx/1.2"),
        ("server", "twice"),
        ("x-powered-by", "Express"),
        ("x-aspnet-version", "4"),
        ("$wsep", ""),
        ("x-envoy-upstream-service-time", "7"),
        ("x-varnish", "7"),
        ("content-type", "text/plain"),
    ];
    for content_type in ["application/json", "application/grpc"] {
        let request = get("/", &[("content-type", content_type)]);
        let answer = with_handler_headers(&ResponseHeadersLayer::api(), request, &TELLING).await;
        for (name, _) in &TELLING[..7] {
            assert!(answer.all(name).is_empty(), "{name}");
        }
        assert_eq!(answer.header("content-type"), "text/plain");
    }
    let keeping = ResponseHeadersLayer::api_builder().insecure_keep("Server").build().unwrap();
    let answer = with_handler_headers(&keeping, get("/", &[]), &TELLING).await;
    assert_eq!(answer.all("server"), ["nginx/1.2", "twice"]);
    assert!(answer.all("x-powered-by").is_empty());
}

#[test]
fn h5_every_problem_of_a_build_is_told_with_its_header() {
    let error = ResponseHeadersLayer::api_builder()
        .content_security_policy("default-src self; script-src unsafe-inline; script-src *")
        .referrer_policy("no-referer")
        .permissions_policy("camera 'none'")
        .cross_origin_embedder_policy("on")
        .hsts(Hsts::new().max_age(Duration::from_secs(60)))
        .header("x-frame-options", "ALLOW-FROM https://a.example")
        .header("x-custom", "a\r\nset-cookie: b")
        .header("not a name", "a")
        .header("content-length", "0")
        .header("strict-transport-security", "max-age=1")
        .header("x-content-type-options", "sniff")
        .header("server", "mine")
        .without("x-custom-two")
        .without("Strict-Transport-Security")
        .without("x-content-type-options")
        .insecure_keep("x-frame-options")
        .build()
        .unwrap_err();
    let culprits: Vec<_> = error.problems().iter().map(ConfigProblem::culprit).collect();
    assert_eq!(
        culprits,
        [
            "content-security-policy",
            "content-security-policy",
            "content-security-policy",
            "referrer-policy",
            "permissions-policy",
            "cross-origin-embedder-policy",
            "x-frame-options",
            "x-custom",
            "header \"not a name\"",
            "content-length",
            "strict-transport-security",
            "x-content-type-options",
            "x-custom-two",
            "strict-transport-security",
            "x-content-type-options",
            "x-frame-options",
            "strict-transport-security",
            "server",
        ],
        "{error}"
    );
    assert!(!error.to_string().contains('\r'));
}

#[tokio::test]
async fn h5_a_builder_changes_one_header_and_leaves_the_rest() {
    let layer = ResponseHeadersLayer::api_builder()
        .content_security_policy("default-src 'none'; sandbox")
        .header("X-Custom", "own")
        .without("Cache-Control")
        .build();
    let answer = through(&layer.unwrap().assume_https(), get("/", &[])).await;
    assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(answer.header("x-custom"), "own");
    assert!(answer.all("cache-control").is_empty());
    assert_eq!(answer.headers.len(), 7);
}

#[tokio::test]
async fn h4_what_is_called_insecure_is_the_only_way_to_lose_nosniff_and_hsts() {
    let layer = ResponseHeadersLayer::api_builder()
        .insecure_without_hsts()
        .insecure_without_nosniff()
        .build();
    let own: &[_] = &[("strict-transport-security", "max-age=1"), ("x-content-type-options", "x")];
    let answer = with_handler_headers(&layer.unwrap().assume_https(), get("/", &[]), own).await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=1");
    assert_eq!(answer.header("x-content-type-options"), "x");
}
