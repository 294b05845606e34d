//! What becomes of an answer, and of the fields that speak of its body.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, HeaderValue,
    TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, Response, StatusCode, response};

use super::Properties;
use super::asked::Asked;
use super::media_type::{MediaType, is_encoded};
use crate::rejection::Rejection;

/// The fields that hold for one sequence of bytes: another has another digest (RFC 9530) and another validator.
static OF_THE_BYTES: [HeaderName; 6] = [
    ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    ETAG,
    HeaderName::from_static("repr-digest"),
];

pub(super) enum Todo {
    Filter,
    /// As it is.
    Pass,
    /// Without a body, if it had one.
    PassHead,
    Withhold(&'static str),
}

/// Decides on an answer by its head.
pub(super) fn judge<B: http_body::Body>(
    asked: &Asked,
    head: &mut response::Parts,
    body: &B,
    unfiltered: &BTreeSet<String>,
) -> Todo {
    let status = head.status;
    if status.is_informational() || status.as_u16() >= 400 {
        return Todo::Pass;
    }
    if status == StatusCode::NO_CONTENT {
        return Todo::PassHead;
    }
    if status == StatusCode::NOT_MODIFIED {
        // They are those of the answer before it was filtered, which is told only who had it from here. It would be told
        // to everybody who asks for `*`, too.
        let known = head.headers.remove(ETAG).filter(|etag| asked.names(etag));
        forget_the_bytes(&mut head.headers);
        head.headers.extend(known.map(|etag| (ETAG, etag)));
        head.headers.remove(CONTENT_LENGTH);
        return Todo::PassHead;
    }
    let media_type = MediaType::of(&head.headers);
    if media_type.as_ref().is_some_and(|own| unfiltered.contains(own.as_str())) {
        return Todo::Pass;
    }
    if body.is_end_stream() || body.size_hint().exact() == Some(0) {
        if asked.method == Method::HEAD {
            forget_the_bytes(&mut head.headers);
            head.headers.remove(CONTENT_LENGTH);
        }
        return Todo::PassHead;
    }
    if status == StatusCode::PARTIAL_CONTENT || head.headers.contains_key(CONTENT_RANGE) {
        return Todo::Withhold("response_in_part");
    }
    if !media_type.is_some_and(|own| own.is_json()) {
        return Todo::Withhold("response_of_other_media_type");
    }
    if is_encoded(&head.headers) {
        return Todo::Withhold("response_encoded");
    }
    Todo::Filter
}

/// The answer with what the caller may see of its body.
pub(super) fn filtered(
    properties: &Properties,
    asked: &Asked,
    mut head: response::Parts,
    text: &Bytes,
) -> Result<Response<Bytes>, Rejection> {
    // A stream that turned out to be empty says nothing.
    let body = if text.is_empty() {
        Bytes::new()
    } else {
        match properties.disclose_json(asked.caller.as_ref(), text)? {
            Cow::Borrowed(_) => text.clone(),
            Cow::Owned(disclosed) => {
                forget_the_bytes(&mut head.headers);
                disclosed.into()
            }
        }
    };
    head.headers.remove(TRANSFER_ENCODING);
    head.headers.remove(TRAILER);
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if asked.caller.is_some() {
        keep_from_others(&mut head.headers);
    }
    Ok(Response::from_parts(head, body))
}

fn forget_the_bytes(headers: &mut HeaderMap) {
    for name in &OF_THE_BYTES {
        headers.remove(name);
    }
}

/// What one caller may see is nothing for a cache that others are served from (RFC 9111 5.2.2.7).
fn keep_from_others(headers: &mut HeaderMap) {
    let is_private = |value: &HeaderValue| {
        let directives = value.to_str().unwrap_or_default().split(',');
        let mut names = directives.map(str::trim);
        names.any(|name| {
            name.eq_ignore_ascii_case("private") || name.eq_ignore_ascii_case("no-store")
        })
    };
    if !headers.get_all(CACHE_CONTROL).iter().any(is_private) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
