use std::fmt;

use http::uri::PathAndQuery;
use http::{HeaderName, Method, Request};

use crate::rejection::{CorrelationId, Protocol, Rejection, Scene};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is remembered of a request until its answer is there.
#[derive(Clone)]
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
        rejection.log_request(Some((&self.method, path)), Some(self.id));
    }
}

/// Without the target: a query may hold credentials, and this is part of public bodies.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::SanitizedBody;

    #[test]
    fn u3_the_debug_form_of_a_body_has_no_query() {
        let mut request = Request::get("/orders?token=t0k3n").body(()).unwrap();
        let body = SanitizedBody::watched((), Asked::of(&mut request));
        let text = format!("{body:?}");
        assert!(!text.contains("t0k3n"), "{text}");
        assert!(text.contains(&CorrelationId::of(request.extensions()).unwrap().to_string()));
    }
}
