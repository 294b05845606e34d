use std::fmt;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;

use crate::authn::AuthenticateLayer;
use crate::authz::RulesLayer;
use crate::client_address::ClientAddressLayer;
use crate::gate::Gated;
use crate::rate_limit::RateLimitLayer;
use crate::response_headers::ResponseHeadersLayer;
use crate::sanitize::Sanitized;

/// A service behind a [`Warden`](super::Warden). Name it as the type of a field or of a return value.
#[derive(Clone)]
pub struct Guarded<S>(Stack<S>);

/// The stack, from the outermost control inwards.
type Stack<S> = Gated<Sanitized<Admission<S>>, ResponseHeadersLayer>;
type Admission<S> = Gated<Throttled<Identified<S>>, ClientAddressLayer>;
type Throttled<S> = Gated<Gated<S, Option<RateLimitLayer>>, Option<RateLimitLayer>>;
type Identified<S> = Gated<Gated<Gated<S, RulesLayer>, Option<RateLimitLayer>>, AuthenticateLayer>;

impl<S> Guarded<S> {
    pub(super) const fn new(stack: Stack<S>) -> Self {
        Self(stack)
    }
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    Stack<S>: Service<Request<B>>,
{
    type Response = <Stack<S> as Service<Request<B>>>::Response;
    type Error = <Stack<S> as Service<Request<B>>>::Error;
    type Future = <Stack<S> as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request)
    }
}

impl<S> fmt::Debug for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}
