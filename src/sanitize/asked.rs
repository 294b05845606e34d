use std::fmt;

use http::uri::PathAndQuery;
use http::{HeaderName, Method, request};

use crate::rejection::{CorrelationId, Protocol, Rejection, Scene};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is remembered of a request until its answer is there.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) id: CorrelationId,
    pub(crate) protocol: Protocol,
    pub(super) method: Method,
    target: Option<PathAndQuery>,
}

impl Asked {
    /// Remembers a request under the id that it was given further out, or under a new one.
    ///
    /// What the caller itself calls it could forge the log of another request.
    pub(crate) fn of(head: &mut request::Parts, given: Option<CorrelationId>) -> Self {
        // Looked at before it is looked up: hardly any request has one, and comparing names costs less than hashing one.
        if head.headers.keys().any(|name| *name == X_REQUEST_ID) {
            head.headers.remove(X_REQUEST_ID);
        }
        Self {
            id: given.unwrap_or_else(CorrelationId::fresh),
            protocol: Protocol::of(&head.headers),
            method: head.method.clone(),
            target: head.uri.path_and_query().cloned(),
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
    use http::Request;

    use super::*;
    use crate::sanitize::SanitizedBody;

    #[test]
    fn u3_the_debug_form_of_a_body_has_no_query() {
        let (mut head, ()) = Request::get("/orders?token=t0k3n").body(()).unwrap().into_parts();
        let asked = Asked::of(&mut head, None);
        let id = asked.id.to_string();
        let body = SanitizedBody::watched((), asked);
        let text = format!("{body:?}");
        assert!(!text.contains("t0k3n"), "{text}");
        assert!(text.contains(&id));
    }
}
