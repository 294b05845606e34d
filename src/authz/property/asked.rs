use std::fmt;

use bytes::Bytes;
use http::header::{HeaderValue, IF_NONE_MATCH};
use http::uri::PathAndQuery;
use http::{Method, Response, request};

use super::CONTROL;
use crate::principal::Principal;
use crate::rejection::{CorrelationId, Protocol, Rejection, Scene};

/// What is remembered of a request until its answer is there.
pub(super) struct Asked {
    pub(super) caller: Option<Principal>,
    pub(super) method: Method,
    target: Option<PathAndQuery>,
    /// The answers that the caller has already: `If-None-Match`.
    has: Vec<HeaderValue>,
    protocol: Protocol,
    id: Option<CorrelationId>,
}

impl Asked {
    pub(super) fn of(head: &request::Parts) -> Self {
        Self {
            caller: Principal::of(&head.extensions).cloned(),
            method: head.method.clone(),
            target: head.uri.path_and_query().cloned(),
            has: head.headers.get_all(IF_NONE_MATCH).iter().cloned().collect(),
            protocol: Protocol::of(&head.headers),
            id: CorrelationId::of(&head.extensions),
        }
    }

    /// Whether the caller named this validator itself (RFC 9110 13.1.2); `*` names none.
    pub(super) fn names(&self, etag: &HeaderValue) -> bool {
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
        let etag = text(etag);
        let opaque = etag.strip_prefix("W/").unwrap_or(&etag);
        let is_one = opaque.len() > 1 && opaque.starts_with('"') && opaque.ends_with('"');
        is_one && self.has.iter().any(|list| text(list).contains(opaque))
    }

    /// Logs why an answer is withheld, and writes the one that goes out in its place.
    pub(super) fn withhold(&self, rejection: Rejection) -> Response<Bytes> {
        let rejection = rejection.by(CONTROL);
        let path = self.target.as_ref().map_or("", PathAndQuery::path);
        rejection.log_request(Some((&self.method, path)), self.id);
        rejection.render(&Scene::afterwards(self.protocol, self.id))
    }
}

/// Without the target: a query may hold credentials.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("id", &self.id).finish_non_exhaustive()
    }
}
