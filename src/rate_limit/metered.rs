use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::Service;

use super::bandwidth::Counter;
use super::concurrency::Place;
use crate::gate::HttpResponse;

/// What a gate leaves in the extensions of an answer, for the [`Metered`] service around it to find.
///
/// Dropping it ends what it stands for: a place is free again, the rest of the bytes is charged.
#[derive(Clone, Debug)]
pub(super) enum Meter {
    Place(#[expect(dead_code, reason = "held until it is dropped")] Arc<Place>),
    Bytes(Arc<Counter>),
}

impl Meter {
    fn passed(&self, bytes: usize) {
        match self {
            Self::Place(_) => {}
            Self::Bytes(counter) => counter.passed(bytes),
        }
    }
}

/// The service around a gate that has something to do until the answer's body has ended: a gate does not see bodies.
///
/// Only the layers of this module put it there.
#[derive(Clone, Copy, Debug)]
pub struct Metered<S> {
    inner: S,
}

impl<S> Metered<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, ReqB> Service<Request<ReqB>> for Metered<S>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Response = Response<MeteredBody<<S::Response as HttpResponse>::Body>>;
    type Error = S::Error;
    type Future = MeteredFuture<S, ReqB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        MeteredFuture { future: self.inner.call(request) }
    }
}

pin_project! {
    /// The future of a [`Metered`] service.
    pub struct MeteredFuture<S, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        #[pin]
        future: S::Future,
    }
}

impl<S, ReqB> Future for MeteredFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<MeteredBody<<S::Response as HttpResponse>::Body>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut head, body) = ready!(self.project().future.poll(cx))?.split();
        let meter = head.extensions.remove();
        Poll::Ready(Ok(Response::from_parts(head, MeteredBody::new(body, meter))))
    }
}

impl<S, ReqB> fmt::Debug for MeteredFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The inner service's body, untouched, and what lasts as long as it does.
    #[derive(Debug)]
    pub struct MeteredBody<B> {
        #[pin]
        inner: B,
        meter: Option<Meter>,
    }
}

impl<B: http_body::Body<Data = Bytes>> MeteredBody<B> {
    fn new(inner: B, meter: Option<Meter>) -> Self {
        // A server does not poll a body that has ended already.
        let meter = meter.filter(|_| !inner.is_end_stream());
        Self { inner, meter }
    }
}

/// A body that no request is counted for: what layers that answer by themselves ask for.
impl<B: Default> Default for MeteredBody<B> {
    fn default() -> Self {
        Self { inner: B::default(), meter: None }
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for MeteredBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(meter) = this.meter {
            let has_ended = match &polled {
                Some(Ok(frame)) => {
                    meter.passed(frame.data_ref().map_or(0, Bytes::len));
                    this.inner.is_end_stream()
                }
                Some(Err(_)) | None => true,
            };
            if has_ended {
                *this.meter = None;
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
