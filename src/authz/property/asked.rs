use std::fmt;

use bytes::Bytes;
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
    protocol: Protocol,
    id: Option<CorrelationId>,
}

impl Asked {
    pub(super) fn of(head: &request::Parts) -> Self {
        Self {
            caller: Principal::of(&head.extensions).cloned(),
            method: head.method.clone(),
            target: head.uri.path_and_query().cloned(),
            protocol: Protocol::of(&head.headers),
            id: CorrelationId::of(&head.extensions),
        }
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
