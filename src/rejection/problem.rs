//! Problem details for HTTP APIs (RFC 9457).

use std::sync::{Arc, LazyLock};

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
    if status == row.status {
        let begun = BEGUN.get(kind as usize).map_or(&[][..], |begun| begun);
        return respond(status, finished(begun, violated_policies, instance));
    }
    let (r#type, title) = (BLANK, phrase(status));
    let (code, detail) = (Some(row.code), Some(row.detail));
    let status_code = status.as_u16();
    write(
        status,
        &Problem { r#type, title, status: status_code, code, detail, instance, violated_policies },
    )
}

/// The documents of all kinds, in their order, up to what differs from one refusal to the next: most of a document is the
/// same each time, and need not be escaped again.
static BEGUN: LazyLock<[Vec<u8>; RejectionKind::ALL.len()]> = LazyLock::new(|| {
    RejectionKind::ALL.map(|kind| {
        let row = kind.row();
        let mut begun = json(&Problem {
            r#type: row.problem_type,
            title: row.title,
            status: row.status.as_u16(),
            code: Some(row.code),
            detail: Some(row.detail),
            instance: None,
            violated_policies: &[],
        });
        begun.pop(); // the brace
        begun
    })
});

/// A document with what belongs to this refusal alone.
fn finished(
    begun: &[u8],
    violated_policies: &[Arc<str>],
    instance: Option<CorrelationId>,
) -> Vec<u8> {
    const INSTANCE: &[u8] = b",\"instance\":";
    const POLICIES: &[u8] = b",\"violated-policies\":";
    // Exact where nothing is escaped, so that the text becomes a body without being copied.
    let instance_length = instance.map_or(0, |_| INSTANCE.len() + CorrelationId::JSON_LENGTH);
    let names: usize = violated_policies.iter().map(|policy| policy.len() + "\"\",".len()).sum();
    let policies_length = if names > 0 { POLICIES.len() + names + 1 } else { 0 };
    let length = begun.len() + instance_length + policies_length + 1;
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(begun);
    // Strings written into memory cannot fail.
    if let Some(instance) = instance {
        body.extend_from_slice(INSTANCE);
        let _ = serde_json::to_writer(&mut body, &instance);
    }
    if !violated_policies.is_empty() {
        body.extend_from_slice(POLICIES);
        let _ = serde_json::to_writer(&mut body, violated_policies);
    }
    body.push(b'}');
    body
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
    respond(status, json(problem))
}

fn json(problem: &Problem<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(384);
    // Writing constants, strings and a number into a Vec cannot fail; a body cut short would still be no leak.
    let _ = serde_json::to_writer(&mut body, problem);
    body
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_a_document_that_was_begun_before_is_the_one_that_is_written_at_once() {
        let policies: [Arc<str>; 2] = ["a \"quoted\" one".into(), "burst".into()];
        for kind in RejectionKind::ALL {
            for (instance, policies) in [
                (None, &[][..]),
                (Some(CorrelationId::fresh()), &[][..]),
                (None, &policies[..1]),
                (Some(CorrelationId::fresh()), &policies[..]),
            ] {
                let row = kind.row();
                let at_once = json(&Problem {
                    r#type: row.problem_type,
                    title: row.title,
                    status: row.status.as_u16(),
                    code: Some(row.code),
                    detail: Some(row.detail),
                    instance,
                    violated_policies: policies,
                });
                assert_eq!(response(kind, row.status, policies, instance).into_body(), at_once);
            }
        }
    }
}
