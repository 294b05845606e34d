use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::{Held, Judged, TripwireBody, Watch};
use crate::authz::object::Checks;
use crate::gate::{Body, HttpResponse};
use crate::rejection::Protocol;

/// The service directly behind the gate of a [`RulesLayer`](crate::authz::RulesLayer), which alone puts it there.
#[derive(Clone, Copy, Debug)]
pub struct Tripwire<S> {
    inner: S,
}

impl<S> Tripwire<S> {
    pub(in crate::authz) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, ReqB> Service<Request<ReqB>> for Tripwire<S>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Response = Response<Body<TripwireBody<<S::Response as HttpResponse>::Body>>>;
    type Error = S::Error;
    type Future = TripwireFuture<S, ReqB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let checks = request.extensions().get::<Arc<Checks>>();
        let watch = checks
            .filter(|checks| checks.claim())
            .map(|checks| Watch::new(Arc::clone(checks), Protocol::of(request.headers())));
        TripwireFuture { state: State::Calling { future: self.inner.call(request), watch } }
    }
}

pin_project! {
    /// The future of a [`Tripwire`].
    pub struct TripwireFuture<S, ReqB>
    where
        S: Service<Request<ReqB>>,
        S::Response: HttpResponse,
    {
        #[pin]
        state: State<S::Future, <S::Response as HttpResponse>::Body>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        Calling { #[pin] future: F, watch: Option<Watch> },
        Held { held: Held<B> },
    }
}

impl<S, ReqB> Future for TripwireFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Output =
        Result<Response<Body<TripwireBody<<S::Response as HttpResponse>::Body>>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let held = match state.as_mut().project() {
                StateProjection::Calling { future, watch } => {
                    let (head, body) = ready!(future.poll(cx))?.split();
                    let answer = Response::from_parts(head, body);
                    match Watch::settle(watch.take(), answer) {
                        Judged::Leaves(answer) => return Poll::Ready(Ok(answer)),
                        Judged::Waits(held) => held,
                    }
                }
                StateProjection::Held { held } => return held.poll(cx).map(Ok),
            };
            state.set(State::Held { held });
        }
    }
}

impl<S, ReqB> fmt::Debug for TripwireFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TripwireFuture").finish_non_exhaustive()
    }
}
