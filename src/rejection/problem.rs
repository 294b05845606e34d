//! Problem details for HTTP APIs (RFC 9457).

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::kind::BLANK;
use super::{CorrelationId, RejectionKind};

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<CorrelationId>,
    // The member's name is the rate limit draft's own (section 5), hyphen and all.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    violated_policies: &'a [Arc<str>],
}

/// The document of a refusal. A status that is not the kind's own brings its phrase as the title.
pub(super) fn response(
    kind: RejectionKind,
    status: StatusCode,
    violated_policies: &[Arc<str>],
    instance: Option<CorrelationId>,
) -> Response<Bytes> {
    let row = kind.row();
    let (r#type, title) =
        if status == row.status { (row.problem_type, row.title) } else { (BLANK, phrase(status)) };
    let (code, detail) = (Some(row.code), Some(row.detail));
    write(
        status,
        &Problem {
            r#type,
            title,
            status: status.as_u16(),
            code,
            detail,
            instance,
            violated_policies,
        },
    )
}

/// The document that says no more than a status does.
pub(crate) fn of_status(status: StatusCode, instance: CorrelationId) -> Response<Bytes> {
    let kind = RejectionKind::of_status(status);
    let problem = Problem {
        r#type: BLANK,
        title: phrase(status),
        status: status.as_u16(),
        code: kind.map(RejectionKind::code),
        detail: kind.map(RejectionKind::detail),
        instance: Some(instance),
        violated_policies: &[],
    };
    write(status, &problem)
}

/// The status phrase: the title of a problem whose type says no more than the status (RFC 9457 4.2.1).
fn phrase(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or(if status.is_client_error() {
        "Client Error"
    } else {
        "Server Error"
    })
}

fn write(status: StatusCode, problem: &Problem<'_>) -> Response<Bytes> {
    let mut body = Vec::with_capacity(256);
    // Writing constants, strings and a number into a Vec cannot fail; a body cut short would still be no leak.
    let _ = serde_json::to_writer(&mut body, problem);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
