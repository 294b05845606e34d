//! What becomes of an answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    TRANSFER_ENCODING, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Extensions, HeaderMap, Method, Response, StatusCode, response};

use super::asked::{Asked, X_REQUEST_ID};
use super::panicked::Panicked;
use super::{CONTROL, SafeToShow, SanitizedBody, grpc};
use crate::gate::Body;
use crate::rejection::{
    Challenges, GRPC_STATUS_DETAILS, Protocol, Rejection, RejectionKind, content_type,
    grpc_details_value, problem_of_status,
};

/// What becomes of an answer's body.
pub(crate) type Settled<B> = Body<SanitizedBody<B>>;

/// The fields of a failed response that stay; the module says why.
static KEPT_OF_FAILURES: [HeaderName; 16] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    CONTENT_SECURITY_POLICY,
    HeaderName::from_static("cross-origin-resource-policy"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    REFERRER_POLICY,
    RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY,
    VARY,
    X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// The fields that speak of the body which a problem document replaces.
static OF_THE_BODY: [HeaderName; 5] =
    [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];

/// Sanitizes what the inner service answered, and writes the id on it.
pub(super) fn settle<B>(asked: &Asked, response: Response<B>) -> Response<Settled<B>>
where
    B: http_body::Body<Data = Bytes>,
{
    let (mut head, body) = response.into_parts();
    let body = judge(asked, &mut head, body);
    head.headers.insert(X_REQUEST_ID, asked.id.to_header_value());
    Response::from_parts(head, body)
}

/// The answer when there is none, without the id.
pub(crate) fn after_panic<B>(asked: &Asked, panicked: Panicked) -> Response<Settled<B>> {
    let failure = Rejection::new(RejectionKind::Internal, "handler_panicked").with_source(panicked);
    let (mut head, ()) = Response::new(()).into_parts();
    let body = refuse(asked, failure, &mut head);
    Response::from_parts(head, body)
}

/// Changes the head of what the inner service answered, and gives the body that leaves with it. Writes no id.
pub(crate) fn judge<B>(asked: &Asked, head: &mut response::Parts, body: B) -> Settled<B>
where
    B: http_body::Body<Data = Bytes>,
{
    let status = head.status;
    if is_refusal(head) {
        return without_body_for_head(&asked.method, head, body);
    }
    if head.extensions.get::<SafeToShow>().is_some() {
        return untouched(body);
    }
    // Also what lies beyond 599, which clients treat as a server's failure (RFC 9110 15).
    if status.as_u16() >= 500 {
        let kind = RejectionKind::of_status(status).unwrap_or(RejectionKind::Internal);
        let failure = Rejection::new(kind, "handler_failed").with_status(status);
        return refuse(asked, failure, head);
    }
    if status.is_client_error() {
        if asked.protocol == Protocol::Grpc {
            let refusal = Rejection::new(grpc_kind(status), "handler_answered_http");
            return refuse(asked, refusal, head);
        }
        if says_nothing(&asked.method, head, &body) {
            return document(asked, head);
        }
        challenge(head);
        return untouched(body);
    }
    // The caller names its own protocol; what counts for the texts is what the handler answers in.
    if asked.protocol == Protocol::Grpc || speaks_grpc(&head.headers) {
        scrub(asked, head);
        return Body::inner(SanitizedBody::watched(body, asked.clone()));
    }
    untouched(body)
}

/// Whether this is a refusal as it was rendered. Middleware of an application may turn one into an answer of its own and
/// carry the extensions along.
fn is_refusal(head: &response::Parts) -> bool {
    head.extensions.get::<Rejection>().is_some_and(|rejection| {
        let over_grpc = head.status == StatusCode::OK && speaks_grpc(&head.headers);
        over_grpc || head.status == rejection.status()
    })
}

const fn untouched<B>(body: B) -> Settled<B> {
    Body::inner(SanitizedBody::untouched(body))
}

/// A handler's own 401 gets a challenge, should it have none (RFC 9110 15.5.2). Its body stays. An authentication layer,
/// which knows the schemes, has written them before.
fn challenge(head: &mut response::Parts) {
    if head.status == StatusCode::UNAUTHORIZED && !head.headers.contains_key(WWW_AUTHENTICATE) {
        for challenge in Challenges::fallback().plain() {
            head.headers.append(WWW_AUTHENTICATE, challenge);
        }
    }
}

/// Logs a failure and answers with its fixed texts and those of the handler's header fields that are safe.
fn refuse<B>(asked: &Asked, rejection: Rejection, head: &mut response::Parts) -> Settled<B> {
    let rejection = rejection.by(CONTROL);
    asked.log(&rejection);
    let (mut refusal, body) = rejection.render(&asked.scene()).into_parts();
    for (name, value) in &grpc::only(&head.headers, &KEPT_OF_FAILURES) {
        refusal.headers.append(name, value.clone());
    }
    *head = refusal;
    own(&asked.method, head, body)
}

/// Gives a bare 4xx the document of its status.
fn document<B>(asked: &Asked, head: &mut response::Parts) -> Settled<B> {
    let problem = if head.status == StatusCode::UNAUTHORIZED {
        // With a challenge, should there be none (RFC 9110 15.5.2).
        Rejection::new(RejectionKind::Unauthenticated, "").render(&asked.scene())
    } else {
        problem_of_status(head.status, asked.id)
    };
    for name in &OF_THE_BODY {
        head.headers.remove(name);
    }
    let (fields, body) = problem.into_parts();
    for (name, value) in &fields.headers {
        head.headers.entry(name).or_insert_with(|| value.clone());
    }
    own(&asked.method, head, body)
}

fn scrub(asked: &Asked, head: &mut response::Parts) {
    let content_type = head.headers.get(CONTENT_TYPE).cloned();
    if let Some(failure) = grpc::scrub(&mut head.headers, &KEPT_OF_FAILURES) {
        asked.log(&failure);
        let grpc = HeaderValue::from_static("application/grpc");
        head.headers.insert(CONTENT_TYPE, content_type.unwrap_or(grpc));
        if let Some(details) = retry_details(failure.kind(), &head.headers) {
            head.headers.insert(GRPC_STATUS_DETAILS, details);
        }
        head.extensions = Extensions::new();
        head.extensions.insert(failure);
    }
}

/// When to come back, where the handler said so, in details of our own making: of the handler's, a number is left.
fn retry_details(kind: RejectionKind, kept: &HeaderMap) -> Option<HeaderValue> {
    let seconds = kept.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    (kind == RejectionKind::Unavailable)
        .then(|| grpc_details_value(kind, Duration::from_secs(seconds)))
}

fn own<B>(method: &Method, head: &mut response::Parts, body: Bytes) -> Settled<B> {
    if method != Method::HEAD {
        return Body::own(body);
    }
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Body::own(Bytes::new())
}

/// A refusal from further in, which its gate wrote for any method.
fn without_body_for_head<B>(method: &Method, head: &mut response::Parts, body: B) -> Settled<B>
where
    B: http_body::Body<Data = Bytes>,
{
    match body.size_hint().exact() {
        Some(length) if method == Method::HEAD && length > 0 => {
            head.headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
            Body::own(Bytes::new())
        }
        _ => untouched(body),
    }
}

/// Whether a response has no body, and for HEAD, would have none for GET.
fn says_nothing(method: &Method, head: &response::Parts, body: &impl http_body::Body) -> bool {
    let empty = body.is_end_stream() || body.size_hint().exact() == Some(0);
    let length = head.headers.get(CONTENT_LENGTH);
    let had_one =
        head.headers.contains_key(CONTENT_TYPE) || length.is_some_and(|length| length != "0");
    empty && (method != Method::HEAD || !had_one)
}

/// Whether an answer is gRPC, or gRPC-Web, which says a failure in the header section in the same words.
pub(crate) fn speaks_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let content_type = content_type(headers).map_or(&[][..], HeaderValue::as_bytes);
    content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

/// What a bare HTTP status says to a gRPC caller. A router that has no route has no such method.
const fn grpc_kind(status: StatusCode) -> RejectionKind {
    match RejectionKind::of_status(status) {
        Some(RejectionKind::NotFound) => RejectionKind::MethodNotAllowed,
        Some(kind) => kind,
        None if status.as_u16() == 429 => RejectionKind::QuotaExceeded,
        None => RejectionKind::BadRequest,
    }
}
