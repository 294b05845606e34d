//! An endpoint that fails in every way it can: 503, never 401, never in.

use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use tower_warden::http_client::{HttpClient, Limits, ResponseFuture};
use tower_warden::testing::FakeClock;

use super::server::{HyperClient, Reply, Server};
use super::{NOW, TOKEN, active, builder, judge, layer, reason, send, validator};
use crate::support::{Logs, get, through};

const JSON: &str = "application/json";

fn raw(status: u16, content_type: &'static str, body: &'static str) -> Reply {
    Reply::Raw(status, content_type, Bytes::from_static(body.as_bytes()))
}

fn huge() -> Reply {
    let body = format!(r#"{{"active":true,"sub":"ada","x":"{}"}}"#, "a".repeat(64 * 1024));
    Reply::Raw(200, JSON, body.into())
}

#[tokio::test]
async fn i6_whatever_the_endpoint_does_wrong_is_503_and_remembered_by_nobody() {
    let yes = r#"{"active":true,"sub":"ada","aud":"https://api.example"}"#;
    let server = Server::answering(Reply::Stall).await;
    for client in [HyperClient::default(), HyperClient::sloppy()] {
        let within = |timeout| {
            let validator = builder(&server)
                .http_client(client.clone())
                .timeout(timeout)
                .circuit_breaker(1000, Duration::from_secs(1));
            layer(validator.build().unwrap())
        };
        let (impatient, layer) =
            (within(Duration::from_millis(50)), within(Duration::from_secs(30)));
        for (reply, reason) in [
            (raw(500, JSON, yes), "introspection_status"),
            (raw(503, JSON, yes), "introspection_status"),
            (raw(429, JSON, yes), "introspection_status"),
            (raw(201, JSON, yes), "introspection_status"),
            (raw(204, JSON, ""), "introspection_status"),
            (raw(302, JSON, yes), "introspection_status"),
            (raw(404, JSON, yes), "introspection_status"),
            (raw(400, JSON, yes), "introspection_request_refused"),
            (
                raw(400, JSON, r#"{"error":"unsupported_token_type"}"#),
                "introspection_request_refused",
            ),
            (raw(400, JSON, r#"{"error":"invalid_client"}"#), "introspection_credentials_refused"),
            (raw(401, JSON, r#"{"active":false}"#), "introspection_credentials_refused"),
            (raw(403, JSON, r#"{"active":false}"#), "introspection_credentials_refused"),
            (raw(200, "text/html", yes), "introspection_content_type"),
            (raw(200, "application/jsonp", yes), "introspection_content_type"),
            (raw(200, "application/token-introspection+jwt", yes), "introspection_content_type"),
            (
                raw(200, JSON, "<html>down for maintenance</html>"),
                "introspection_response_malformed",
            ),
            (raw(200, JSON, "{\"active\":true"), "introspection_response_malformed"),
            (raw(200, JSON, "\u{feff}{\"active\":true}"), "introspection_response_malformed"),
            (huge(), "introspection_response_too_large"),
            (Reply::Close, "introspection_unreachable"),
            (Reply::Stall, "introspection_timeout"),
            (Reply::Drip, "introspection_timeout"),
        ] {
            server.reply(reply);
            let in_time = if reason == "introspection_timeout" { &impatient } else { &layer };
            let answer = send(in_time, TOKEN).await;
            assert_eq!((answer.status, answer.reason()), (503, reason));
            assert_eq!(answer.header("retry-after"), "5", "{reason}");
            assert!(answer.all("www-authenticate").is_empty());
        }
        server.reply(raw(200, "Application/JSON; charset=utf-8", yes));
        assert_eq!(send(&layer, TOKEN).await.status, 200, "no failure was remembered");
    }
}

#[tokio::test]
async fn i6_our_own_bad_credentials_are_an_error_in_the_log() {
    let logs = Logs::capture();
    let server = Server::answering(raw(401, JSON, r#"{"error":"invalid_client"}"#)).await;
    assert_eq!(send(&layer(validator(&server)), TOKEN).await.status, 503);
    let text = logs.text();
    assert!(text.contains("ERROR"), "{text}");
    assert!(text.contains("refuses this service's credentials: 401"), "{text}");
    server.reply(raw(400, JSON, r#"{"error":"unsupported_token_type"}"#));
    assert_eq!(send(&layer(validator(&server)), TOKEN).await.status, 503);
    assert!(logs.text().contains("refuses the request: unsupported_token_type"));
}

#[tokio::test]
async fn i6_an_endpoint_that_keeps_failing_is_left_alone_and_what_is_remembered_stays_good() {
    let logs = Logs::capture();
    let server = Server::answering(Reply::Json(active())).await;
    let clock = FakeClock::at_unix(NOW);
    let validator = builder(&server).clock(clock.clone()).build().unwrap();
    let layer = layer(validator);
    assert_eq!(send(&layer, TOKEN).await.status, 200);
    server.reply(raw(500, JSON, "{}"));
    for number in 0..5 {
        assert_eq!(send(&layer, &format!("t{number}")).await.reason(), "introspection_status");
    }
    assert_eq!(server.calls(), 6);
    clock.advance(Duration::from_secs(4));
    for number in 0..20 {
        let answer = send(&layer, &format!("t{number}")).await;
        assert_eq!((answer.status, answer.reason()), (503, "introspection_circuit_open"));
        assert_eq!(answer.header("retry-after"), "6");
    }
    assert_eq!(send(&layer, TOKEN).await.status, 200);
    assert_eq!(server.calls(), 6, "nobody asked");

    clock.advance(Duration::from_secs(6));
    assert_eq!(send(&layer, "probe").await.reason(), "introspection_status");
    assert_eq!(send(&layer, "other").await.reason(), "introspection_circuit_open");
    assert_eq!(server.calls(), 7, "one call found out");

    server.reply(Reply::Json(active()));
    clock.advance(Duration::from_secs(10));
    for token in ["probe", "other", "third"] {
        assert_eq!(send(&layer, token).await.status, 200);
    }
    assert!(logs.text().contains("left alone") && logs.text().contains("is back"));
}

#[tokio::test]
async fn i6_one_odd_token_does_not_shut_the_others_out() {
    let server = Server::answering(Reply::Json(active())).await;
    server.script(
        |question| {
            if question.body.contains("token=odd") { huge() } else { Reply::Json(active()) }
        },
    );
    let validator = validator(&server);
    for _ in 0..20 {
        assert_eq!(reason(&validator, "odd").await, "introspection_response_too_large");
    }
    assert_eq!(reason(&validator, TOKEN).await, "admitted");
}

#[tokio::test]
async fn i6_a_server_that_goes_away_in_the_middle_of_traffic() {
    let server = Server::answering(Reply::Json(active())).await;
    let layer = layer(validator(&server));
    assert_eq!(send(&layer, "known").await.status, 200);
    drop(server);
    for _ in 0..10 {
        let (known, other) = tokio::join!(send(&layer, "known"), send(&layer, "unknown"));
        assert_eq!((known.status, other.status), (200, 503));
    }
}

/// A client that panics: at once, or when it is waited for.
#[derive(Debug)]
struct Panics {
    at_once: bool,
}

impl HttpClient for Panics {
    fn send(&self, _: Request<Bytes>, _: Limits) -> ResponseFuture {
        assert!(!self.at_once, "a bug in the client");
        Box::pin(async { panic!("a bug in the client") })
    }
}

#[tokio::test]
async fn i6_a_client_that_panics_fails_its_call_and_nothing_else() {
    let server = Server::answering(Reply::Json(active())).await;
    for at_once in [true, false] {
        let validator = builder(&server)
            .http_client(Panics { at_once })
            .circuit_breaker(3, Duration::from_secs(9))
            .build()
            .unwrap();
        let layer = layer(validator.clone());
        let both = join_all([send(&layer, TOKEN), send(&layer, TOKEN)]).await;
        for answer in both {
            assert_eq!((answer.status, answer.reason()), (503, "introspection_client_panicked"));
        }
        assert!(judge(&validator, TOKEN).await.is_err());
        assert!(judge(&validator, TOKEN).await.is_err());
        assert_eq!(reason(&validator, TOKEN).await, "introspection_circuit_open");
    }
}

/// A client that answers something else than it was asked.
#[derive(Debug)]
struct Lies;

impl HttpClient for Lies {
    fn send(&self, _: Request<Bytes>, _: Limits) -> ResponseFuture {
        let two_types = http::Response::builder()
            .header("content-type", JSON)
            .header("content-type", "text/html")
            .body(Bytes::from_static(
                br#"{"active":true,"sub":"ada","aud":"https://api.example"}"#,
            ));
        Box::pin(ready(Ok(two_types.unwrap())))
    }
}

#[tokio::test]
async fn i6_two_content_types_are_none() {
    let server = Server::answering(Reply::Stall).await;
    let validator = builder(&server).http_client(Lies).build().unwrap();
    assert_eq!(reason(&validator, TOKEN).await, "introspection_content_type");
}

#[tokio::test]
async fn i6_over_grpc_a_bad_token_is_16_and_an_endpoint_that_is_down_14() {
    let server = Server::answering(Reply::Json(serde_json::json!({"active": false}))).await;
    let layer = layer(validator(&server));
    let grpc = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", "application/grpc"), ("authorization", &*bearer)];
        let answer = through(&layer, get("/orders.v1.Orders/Get", &headers)).await;
        (answer.status, answer.header("grpc-status").to_owned())
    };
    assert_eq!(grpc("inactive").await, (200, "16".to_owned()));
    server.reply(raw(500, JSON, "{}"));
    assert_eq!(grpc("unknown").await, (200, "14".to_owned()));
    server.reply(Reply::Json(active()));
    assert_eq!(grpc("good").await, (200, String::new()));
}
