//! CORS, around a whole stack.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, Response};
use tower::{Layer, service_fn};
use tower_warden::authz::{Rules, public};
use tower_warden::client_address::PeerAddress;
use tower_warden::cors::{Cors, CorsBuilder};
use tower_warden::warden::Warden;

use crate::support::{Answer, TestBody, ask};

const OURS: &str = "https://app.example";

async fn send(cors: CorsBuilder, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let warden =
        Warden::builder().rules(Rules::builder().get("/", public("demo"))).build().unwrap();
    let guarded = warden.guard(Router::new().route("/", get(async || "inner")));
    let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000)));
    let mut request = Request::builder().method(method).uri(path).extension(peer);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ask(cors.build().unwrap().layer(guarded), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn c3_only_listed_origins_may_read_and_none_is_reflected() {
    let cors = || Cors::builder().origin(OURS);
    let ours = send(cors(), Method::GET, "/", &[("origin", OURS)]).await;
    assert_eq!((ours.status, ours.header("access-control-allow-origin")), (200, OURS));
    assert_eq!(ours.header("access-control-allow-credentials"), "");
    assert!(ours.all("vary").join(",").contains("origin"));
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
        "https://APP.example",
        "*",
    ] {
        let theirs = send(cors(), Method::GET, "/", &[("origin", origin)]).await;
        assert_eq!(theirs.header("access-control-allow-origin"), "", "{origin}");
        assert!(theirs.all("vary").join(",").contains("origin"), "{origin}");
    }
}

#[tokio::test]
async fn c3_scripts_may_read_what_a_refusal_tells() {
    let refused =
        send(Cors::builder().origin(OURS), Method::GET, "/other", &[("origin", OURS)]).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, OURS));
    let exposed = refused.header("access-control-expose-headers");
    for name in [
        "www-authenticate",
        "dpop-nonce",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-request-id",
    ] {
        assert!(exposed.contains(name), "{name} is not in {exposed}");
    }
    let legacy = http::HeaderName::from_static("x-ratelimit-remaining");
    assert!(!exposed.contains(legacy.as_str()), "{exposed}");
    let cors = Cors::builder().origin(OURS).response_header(legacy.clone());
    let refused = send(cors, Method::GET, "/other", &[("origin", OURS)]).await;
    let exposed = refused.header("access-control-expose-headers");
    assert!(exposed.contains(legacy.as_str()) && exposed.contains("dpop-nonce"), "{exposed}");
}

#[tokio::test]
async fn c3_a_preflight_request_is_answered_without_credentials_and_by_the_list() {
    let headers = [("origin", OURS), ("access-control-request-method", "DELETE")];
    let preflight =
        send(Cors::builder().origin(OURS).with_credentials(), Method::OPTIONS, "/", &headers).await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, OURS));
    assert_eq!(preflight.header("access-control-allow-credentials"), "true");
    assert!(!preflight.header("access-control-allow-methods").contains("TRACE"));
    assert!(!preflight.header("access-control-allow-headers").contains('*'));
}

#[test]
fn c3_a_list_that_is_no_list_is_refused_with_every_culprit() {
    let error = Cors::builder().origin("*").origin("null").origin(OURS).build().unwrap_err();
    assert_eq!(error.problems().len(), 2, "{error}");
    assert!(Cors::builder().build().is_err());
}

#[tokio::test]
async fn c3_the_layer_goes_around_a_stack_without_axum_too() {
    let inner = service_fn(async |_: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(TestBody::from("inner")))
    });
    let warden =
        Warden::builder().rules(Rules::builder().get("/", public("demo"))).build().unwrap();
    let mut request = crate::support::get("/", &[("origin", OURS)]);
    request.extensions_mut().insert(PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000))));
    let answer =
        ask(Cors::builder().origin(OURS).build().unwrap().layer(warden.layer(inner)), request)
            .await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, OURS));
}
