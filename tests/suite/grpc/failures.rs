//! What went wrong inside stays inside.

use futures_util::StreamExt;
use tonic::{Code, Status};
use tower_warden::rejection::{Rejection, RejectionKind};

use super::mill::{FINE, PANICS, loom};
use super::{Running, SECRET, field, with};
use crate::orders_v1::ListRequest;
use crate::support::Logs;

#[tokio::test]
async fn e3_a_panic_is_internal_and_says_nothing() {
    let logs = Logs::capture();
    let server = Running::start().await;
    let failed = server.get(PANICS).await.unwrap_err();
    assert_eq!(failed.code(), Code::Internal);
    assert_eq!(failed.message(), "The server failed to handle the request.");
    assert!(!format!("{failed:?}").contains(SECRET), "{failed:?}");
    let text = logs.text();
    assert!(text.contains(SECRET) && text.contains("handler_panicked"), "{text}");
    assert!(text.contains(field(failed.metadata(), "x-request-id")), "{text}");
    assert_eq!(server.get(FINE).await.unwrap().owner, "ada", "the server goes on");
}

#[tokio::test]
async fn e3_a_failed_handlers_message_details_and_metadata_stay_inside() {
    let logs = Logs::capture();
    let server = Running::start().await;
    for code in [Code::Unknown, Code::Internal, Code::Unavailable, Code::DataLoss] {
        let failed = server.get(i32::from(code).try_into().unwrap()).await.unwrap_err();
        assert_eq!(failed.code(), code);
        assert!(!format!("{failed:?}").contains(SECRET), "{failed:?}");
        assert!(failed.details().is_empty(), "{failed:?}");
        for name in ["x-table", "x-trace-bin"] {
            assert!(!failed.metadata().contains_key(name), "{name}");
        }
        let id = field(failed.metadata(), "x-request-id");
        assert!(!id.is_empty() && logs.text().contains(id), "{id}");
    }
    assert!(logs.text().contains(SECRET), "{}", logs.text());

    // What a handler says to its callers, it says.
    let told = server.get(Code::InvalidArgument as u64).await.unwrap_err();
    assert_eq!(told.code(), Code::InvalidArgument);
    assert_eq!(told.message(), format!("no route to {SECRET}"));
    assert_eq!(told.details(), SECRET.as_bytes());
}

#[tokio::test]
async fn e3_a_failure_after_a_streamed_message_stays_inside_too() {
    let logs = Logs::capture();
    let server = Running::start().await;
    let known = server.reader();
    let end = async |how: &str| {
        let request = with(&[("authorization", &*known), ("x-end", how)], ListRequest {});
        let mut stream = server.orders().list(request).await.unwrap().into_inner();
        assert_eq!(stream.next().await.unwrap().unwrap(), loom("ada"));
        stream.next().await.unwrap().unwrap_err()
    };
    let failed = end("leaks").await;
    assert_eq!(failed.code(), Code::Internal);
    assert_eq!(failed.message(), "The server failed to handle the request.");
    assert!(failed.details().is_empty() && failed.metadata().is_empty(), "{failed:?}");
    assert!(logs.text().contains(SECRET), "{}", logs.text());

    let told = end("speaks").await;
    assert_eq!((told.code(), told.message()), (Code::Aborted, "The list changed."));
}

#[test]
fn a_refusal_of_a_handlers_own_leaves_its_reason_in_the_log() {
    let logs = Logs::capture();
    let status = Status::from(Rejection::new(RejectionKind::NotFound, "order_of_somebody_else"));
    assert_eq!((status.code(), status.message()), (Code::NotFound, "There is nothing here."));
    let log = logs.text();
    assert!(log.contains("order_of_somebody_else") && log.contains("handler"), "{log}");
    assert!(!log.contains("method") && !log.contains("path"), "{log}");
}
