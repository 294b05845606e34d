use std::error::Error;
use std::fmt;

use crate::rejection::{CorrelationId, Protocol, Rejection, RejectionKind};

/// A check that did not allow what the handler asked for: return it, with `?`.
///
/// It becomes the response of an axum handler and the `Status` of a tonic one: 404 or 403 as the policy decided, 503 where
/// something that the policy asks is down, 403 where the policy failed otherwise. It was logged when the check was made,
/// once, with what was asked.
#[derive(Clone)]
pub struct Denied(Box<Inner>);

#[derive(Clone)]
struct Inner {
    rejection: Rejection,
    asker: Asker,
}

/// What rendering a denial, or the tripwire's answer, needs to know of the request, which is gone when the handler returns it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) protocol: Protocol,
    pub(crate) correlation_id: Option<CorrelationId>,
}

impl Asker {
    /// Nobody: a job without a request.
    pub(super) const NOBODY: Self = Self { protocol: Protocol::Http, correlation_id: None };
}

impl Denied {
    /// Logs the rejection.
    pub(super) fn new(rejection: Rejection, asker: Asker) -> Self {
        let rejection = rejection.by("guard");
        rejection.log_request(None, asker.correlation_id);
        Self(Box::new(Inner { rejection, asker }))
    }

    /// Why, and what the caller may know of it.
    #[must_use]
    pub fn rejection(&self) -> &Rejection {
        &self.0.rejection
    }

    /// What the caller may know.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.0.rejection.kind()
    }

    /// The response for the caller, with the rejection in its extensions: in the protocol that the extractor of axum found
    /// the caller to speak, and for a guard that was made otherwise in HTTP.
    #[must_use]
    pub fn into_http(self) -> http::Response<bytes::Bytes> {
        let Inner { rejection, asker } = *self.0;
        rejection.render(&crate::rejection::Scene::afterwards(asker.protocol, asker.correlation_id))
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.rejection.fmt(f)
    }
}

impl fmt::Debug for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Denied").field(&self.0.rejection).finish()
    }
}

impl Error for Denied {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.rejection.source()
    }
}
