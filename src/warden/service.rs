use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

use super::GuardedFuture;
use super::controls::Controls;
use super::future::State;
use super::passage::{Passage, Step};
use crate::authz::tripwire::TripwireBody;
use crate::gate::{Body, HttpResponse};
use crate::sanitize::{Panicked, SanitizedBody};

/// A service behind a [`Warden`](super::Warden). Name it as the type of a field or of a return value.
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    controls: Arc<Controls>,
}

/// The body of an answer from a [`Guarded`] service.
pub type GuardedBody<B> = Body<SanitizedBody<Body<TripwireBody<B>>>>;

impl<S> Guarded<S> {
    pub(super) const fn new(inner: S, controls: Arc<Controls>) -> Self {
        Self { inner, controls }
    }
}

impl<S, ReqB> Service<Request<ReqB>> for Guarded<S>
where
    S: Service<Request<ReqB>> + Clone,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Response = Response<GuardedBody<<S::Response as HttpResponse>::Body>>;
    type Error = S::Error;
    type Future = GuardedFuture<S, ReqB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let mut passage = Passage::begin(Arc::clone(&self.controls), &mut head);
        let inner = &mut self.inner;
        // The request is moved in and lost with a panic; what the service itself keeps is for its owner to judge, as
        // with any service that returned an error.
        let state = catch_unwind(AssertUnwindSafe(|| match passage.admit(&mut head) {
            Step::Admitted => State::calling(inner.call(Request::from_parts(head, body))),
            Step::Refused(response) => State::refused(response),
            Step::Waiting(awaited) => {
                // The clone has not been polled ready, so it stays and the ready one goes into the future
                // (tower-service, "Be careful when cloning inner services").
                let clone = inner.clone();
                State::waiting(awaited, mem::replace(inner, clone), head, body)
            }
        }));
        let state =
            state.unwrap_or_else(|payload| State::panicked(Panicked::new(payload.as_ref())));
        GuardedFuture::new(state, passage)
    }
}

impl<S> fmt::Debug for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}
