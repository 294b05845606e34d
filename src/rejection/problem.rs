//! Problem details for HTTP APIs (RFC 9457).

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use super::{CorrelationId, RejectionKind};

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<CorrelationId>,
    // The member's name is the rate limit draft's own (section 5), hyphen and all.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    violated_policies: &'a [Arc<str>],
}

pub(super) fn response(
    kind: RejectionKind,
    violated_policies: &[Arc<str>],
    instance: Option<CorrelationId>,
) -> Response<Bytes> {
    let row = kind.row();
    let problem = Problem {
        r#type: row.problem_type,
        title: row.title,
        status: row.status.as_u16(),
        code: row.code,
        detail: row.detail,
        instance,
        violated_policies,
    };
    let mut body = Vec::with_capacity(256);
    // Writing constants, strings and a number into a Vec cannot fail; a body cut short would still be no leak.
    let _ = serde_json::to_writer(&mut body, &problem);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = row.status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
