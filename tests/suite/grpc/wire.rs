//! What goes over the wire.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http_body::Body as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower_warden::rate_limit::Quota;

use super::{GET, Running, some_key};

/// Calls a method with a plain HTTP/2 client.
pub(super) async fn raw(
    server: &Running,
    path: &str,
    headers: &[(&str, &str)],
    body: BoxBody<Bytes, Infallible>,
) -> Response<Incoming> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut request = http::Request::post(format!("http://{}{path}", server.address))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.request(request.body(body).unwrap()).await.unwrap()
}

/// One empty message: not compressed, of length 0.
pub(super) fn empty_message() -> BoxBody<Bytes, Infallible> {
    Full::from(&[0_u8; 5][..]).boxed()
}

#[tokio::test]
async fn g1_every_refusal_is_trailers_only_on_http_200() {
    let server = Running::with(|warden| warden.limit_by_principal(Quota::per_hour(1))).await;
    let (reader, other) = (server.reader(), server.bearer("eve"));
    let known = [("authorization", &*reader)];
    let spent = [("authorization", &*other)];
    raw(&server, GET, &spent, empty_message()).await;
    let key = some_key();
    for (path, headers, code) in [
        (GET, &[][..], "16"),
        (GET, &[("authorization", "Bearer made.up.token")], "16"),
        (GET, &[("authorization", &*reader), ("authorization", &*reader)], "3"),
        (GET, &[("authorization", &*reader), ("x-api-key", "acme_key")], "3"),
        (GET, &[("x-api-key", key.expose())], "14"),
        (GET, &spent, "8"),
        ("/orders.v1.Orders/%47et", &[], "3"),
        ("/orders.v1.Orders/Delete", &known, "7"),
    ] {
        let response = raw(&server, path, headers, empty_message()).await;
        assert_eq!(response.status(), 200, "{path} {headers:?}");
        let ended = response.body().is_end_stream();
        let (head, body) = response.into_parts();
        assert!(ended, "the header section ends the stream: {path} {headers:?}");
        let told = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(told("grpc-status"), code, "{path} {headers:?}");
        assert_eq!(told("content-type"), "application/grpc");
        assert!(!told("grpc-message").is_empty() && !told("x-request-id").is_empty());
        // Of the security headers only these two mean anything here, and HSTS needs TLS.
        assert_eq!(told("x-content-type-options"), "nosniff");
        for name in ["content-security-policy", "x-frame-options", "ratelimit", "ratelimit-policy"]
        {
            assert_eq!(told(name), "", "{name}");
        }
        let rest = body.collect().await.unwrap();
        assert!(rest.trailers().is_none());
        assert_eq!(rest.to_bytes().len(), 0);
    }
    assert_eq!(server.handler_calls(), 1, "the one call that spent eve's quota");
}

#[tokio::test]
async fn g1_a_refusal_does_not_wait_for_the_message() {
    let server = Running::start().await;
    let never = || BodyExt::boxed(StreamBody::new(stream::pending()));
    for path in [GET, "/orders.v1.Orders/List", "/orders.v1.Orders/Debug"] {
        let asked = raw(&server, path, &[], never());
        let response = tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
        assert!(response.headers().contains_key("grpc-status"), "{path}");
    }
    assert_eq!(server.handler_calls(), 0);
}

#[tokio::test]
async fn g3_the_rule_is_found_by_service_and_method_and_nothing_else() {
    let server = Running::start().await;
    let known = server.reader();
    for (path, code) in [
        (GET, "0"),
        ("/orders.v1.Orders/Debug", "7"), // the server has it, the rules do not
        ("/orders.v1.Orders/get", "7"),
        ("/orders.v1.orders/Get", "7"),
        ("/orders.v1.Orders/Get/", "7"),
        ("/Orders/Get", "7"),
        ("/orders.v1.Orders//Get", "3"),
        ("/orders.v1.Health/../orders.v1.Orders/Debug", "3"),
        ("/orders.v2.Orders/Get", "12"), // the rules have it, the server does not
    ] {
        let headers = [("authorization", &*known)];
        let response = raw(&server, path, &headers, empty_message()).await;
        assert_eq!(response.status(), 200, "{path}");
        let (head, body) = response.into_parts();
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
        let told = head.headers.get("grpc-status").or_else(|| trailers.get("grpc-status"));
        assert_eq!(told.unwrap(), code, "{path}");
    }
    assert_eq!(server.handler_calls(), 1);
}
