use http::uri::PathAndQuery;
use http::{HeaderName, Method, Request};

use crate::rejection::{CorrelationId, Protocol, Rejection, Scene};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is remembered of a request until its answer is there.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: CorrelationId,
    pub(super) protocol: Protocol,
    pub(super) method: Method,
    target: Option<PathAndQuery>,
}

impl Asked {
    /// Gives the request its id, unless a layer further out did.
    pub(super) fn of<B>(request: &mut Request<B>) -> Self {
        let id = CorrelationId::of(request.extensions()).unwrap_or_else(|| {
            let id = CorrelationId::fresh();
            request.extensions_mut().insert(id);
            id
        });
        Self {
            id,
            protocol: Protocol::of(request.headers()),
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
        }
    }

    pub(super) const fn scene(&self) -> Scene<'static> {
        Scene::afterwards(self.protocol, Some(self.id))
    }

    pub(super) fn log(&self, rejection: &Rejection) {
        let path = self.target.as_ref().map_or("", PathAndQuery::path);
        rejection.log_request(&self.method, path, Some(self.id));
    }
}
