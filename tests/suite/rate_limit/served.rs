//! Over a real HTTP connection.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower_warden::authz::{Rules, public};
use tower_warden::rate_limit::{Fields, Limit, Quota};
use tower_warden::testing::FakeClock;
use tower_warden::warden::Warden;

use super::read::fields;
use crate::support::Answer;

#[tokio::test]
async fn q1_q4_over_a_socket_the_fields_are_headers_and_the_refusal_a_document() {
    let clock = FakeClock::at_unix(0);
    let warden = Warden::builder()
        .rules(Rules::builder().get("/", public("test")))
        .limit_by_address(Quota::per_minute(2))
        .limit(Limit::by_address("daily", Quota::per_day(50)))
        .rate_limit_fields(Fields::draft_10().partition_keys([7; 16]).and_legacy_x_ratelimit())
        .retry_jitter(Duration::from_secs(2))
        .clock(clock.clone())
        .build()
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: http::Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let router = Router::new().route("/", get(async || "hello")).layer(warden);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let ask = async || {
        Answer::read(
            client.get(url.clone()).await.unwrap().map(|body| body.map_err(|e| e.to_string())),
        )
        .await
    };

    for left in [1, 0] {
        let answer = ask().await;
        assert_eq!((answer.status, answer.text()), (200, "hello"));
        let told = fields(&answer);
        assert_eq!(told[0], ("address".to_owned(), [2, 60, left, 60 - 30 * left]));
        assert_eq!((told[1].0.as_str(), told[1].1[2]), ("daily", 48 + left));
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
        assert!(answer.trailers.is_none());
    }
    let refused = ask().await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["address"]));
    assert_eq!(fields(&refused)[0].1, [2, 60, 0, 30]);
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((30..=32).contains(&after), "{after}");
    clock.advance(Duration::from_secs(after));
    assert_eq!(ask().await.status, 200, "as promised");
    server.abort();
}
