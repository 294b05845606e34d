//! Refusals over gRPC, asked for by a real tonic client over a real socket.

use std::convert::Infallible;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tower::{Layer, service_fn};
use tower_warden::rate_limit::Quota;
use tower_warden::sanitize::SanitizeLayer;
use tower_warden::testing::FakeClock;

use super::GRPC;
use crate::grpc::{Running, with};
use crate::orders_v1::{GetRequest, health_client::HealthClient};
use crate::support::{TestBody, ask, get};

/// google/rpc/status.proto.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// google/protobuf/any.proto.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// google/rpc/error_details.proto.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Span>,
}

/// google/protobuf/duration.proto.
#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// When the details of a status say to come back. They repeat its code and message, and hold nothing else.
fn retry_delay(status: &Status) -> Span {
    let told = RpcStatus::decode(status.details()).unwrap();
    assert_eq!(told.code, status.code() as i32);
    assert_eq!(told.message, status.message());
    let [any] = &told.details[..] else { panic!("{told:?}") };
    assert_eq!(any.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    RetryInfo::decode(&any.value[..]).unwrap().retry_delay.unwrap()
}

#[tokio::test]
async fn g2_q2_a_spent_quota_is_resource_exhausted_with_the_time_to_come_back() {
    let clock = FakeClock::at_unix(0);
    let running = Running::with(|warden| {
        let quota = Quota::per_minute(7).burst(1); // one back every 60/7 = 8.571428572 s
        warden.limit_by_address(quota).clock(clock.clone())
    });
    let server = running.await;
    let health = || HealthClient::new(server.channel());
    let ask = async || health().check(crate::orders_v1::HealthRequest {}).await;
    let up = ask().await.unwrap();
    assert!(
        up.metadata().get("ratelimit").is_none() && up.metadata().get("ratelimit-policy").is_none()
    );
    let refused = ask().await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let delay = retry_delay(&refused);
    assert_eq!((delay.seconds, delay.nanos), (8, 571_428_572));
    assert_eq!(refused.metadata().get("retry-after").unwrap(), "9");
    assert!(refused.metadata().get("ratelimit").is_none());

    clock.advance(Duration::new(8, 571_428_571));
    assert_eq!(ask().await.unwrap_err().code(), Code::ResourceExhausted, "a nanosecond early");
    clock.advance(Duration::from_nanos(1));
    assert!(ask().await.is_ok(), "as promised");
}

#[tokio::test]
async fn g2_q2_jitter_is_told_to_the_nanosecond() {
    let running = Running::with(|warden| {
        let warden = warden.limit_by_address(Quota::per_minute(1)).clock(FakeClock::at_unix(0));
        warden.retry_jitter(Duration::from_millis(900))
    });
    let server = running.await;
    let mut delays = std::collections::HashSet::new();
    for call in 0..6 {
        let ask =
            HealthClient::new(server.channel()).check(crate::orders_v1::HealthRequest {}).await;
        if call > 0 {
            let delay = retry_delay(&ask.unwrap_err());
            assert!(delay.seconds == 60 && delay.nanos <= 900_000_000, "{delay:?}");
            delays.insert(delay.nanos);
        }
    }
    assert!(delays.len() > 1, "{delays:?}");
}

#[tokio::test]
async fn g2_unavailable_says_when_to_come_back_in_words_of_our_own_alone() {
    let server = Running::start().await;
    let key = crate::grpc::some_key();
    let request = with(&[("x-api-key", key.expose())], GetRequest { id: 0 });
    let refused = server.orders().get(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(retry_delay(&refused), Span { seconds: 7, nanos: 0 }, "a key store that is down");

    // The handler's own statuses, with details that tell of the inside.
    for code in [Code::Unavailable, Code::Internal] {
        let refused = server.get(code as u64).await.unwrap_err();
        assert_eq!((refused.code(), refused.details()), (code, &[][..]), "not let through");
    }
    // A handler that refuses with a `Rejection` has nothing to say about a time.
    let absent = server.get(5).await.unwrap_err();
    assert_eq!((absent.code(), absent.details()), (Code::NotFound, &[][..]));
}

#[tokio::test]
async fn g2_of_a_failed_handlers_details_the_time_alone_is_left() {
    for (code, after, told) in [
        (Code::Unavailable, "3", true),
        (Code::Unavailable, "soon", false),
        (Code::Unavailable, "-3", false),
        (Code::Internal, "3", false),
    ] {
        let failing = service_fn(move |_: http::Request<TestBody>| async move {
            let metadata = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(after))]);
            let metadata = MetadataMap::from_headers(metadata);
            let details = bytes::Bytes::from_static(b"db-7");
            let status = Status::with_details_and_metadata(code, "db-7", details, metadata);
            Ok::<_, Infallible>(status.into_http::<TestBody>())
        });
        let answer = ask(SanitizeLayer::new().layer(failing), get("/", &[GRPC])).await;
        let status = Status::from_header_map(&answer.headers).unwrap();
        assert_eq!(status.code(), code);
        assert!(!format!("{status:?}").contains("db-7"), "{status:?}");
        if told {
            assert_eq!(retry_delay(&status), Span { seconds: 3, nanos: 0 });
        } else {
            assert!(status.details().is_empty(), "{status:?}");
        }
    }
}
