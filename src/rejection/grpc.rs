//! gRPC refusals: trailers-only, that is a status in the header section of an HTTP 200 response without a body
//! (gRPC over HTTP/2, "Responses").

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::RejectionKind;
use super::retry_info::{GRPC_STATUS_DETAILS, value as details_value};

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// "Percent-Encoded": everything but the visible ASCII characters and space, and the percent sign itself.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

pub(super) fn response(kind: RejectionKind, retry_delay: Option<Duration>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    // Anyone can put the content type of gRPC on a GET, and a cache would keep the 200 for everybody.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(GRPC_STATUS, HeaderValue::from_static(kind.row().grpc));
    response.headers_mut().insert(GRPC_MESSAGE, message(kind.detail()));
    if let Some(delay) = retry_delay {
        response.headers_mut().insert(GRPC_STATUS_DETAILS, details_value(kind, delay));
    }
    response
}

/// A status message as a header value.
pub(crate) fn message(text: &str) -> HeaderValue {
    let encoded = utf8_percent_encode(text, MESSAGE).to_string();
    HeaderValue::try_from(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g1_a_status_message_is_percent_encoded() {
        assert_eq!(message("plain text"), "plain text");
        assert_eq!(message("100 %\r\nß"), "100 %25%0D%0A%C3%9F");
    }
}
