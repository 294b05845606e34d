use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use tower::{Layer, Service};

use super::{Body, Gate, GateFuture, HttpResponse, Verdict};
use crate::rejection::{Rejection, Scene};

/// When callers may come back, unless who refuses knows better.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Turns any [`Gate`] into a tower layer. The library's own controls are layers by themselves.
#[derive(Clone, Copy, Debug)]
pub struct GateLayer<G> {
    gate: G,
}

impl<G: Gate> GateLayer<G> {
    /// A layer that lets through what `gate` admits.
    pub const fn new(gate: G) -> Self {
        Self { gate }
    }
}

impl<S, G: Gate> Layer<S> for GateLayer<G> {
    type Service = Gated<S, G>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(inner, self.gate.clone())
    }
}

/// A service behind a [`Gate`]: the only service in this crate that refuses requests.
#[derive(Clone, Copy, Debug)]
pub struct Gated<S, G> {
    inner: S,
    gate: G,
}

impl<S, G: Gate> Gated<S, G> {
    /// Puts `gate` in front of `inner`.
    pub const fn new(inner: S, gate: G) -> Self {
        Self { inner, gate }
    }
}

impl<S, G, ReqB> Service<Request<ReqB>> for Gated<S, G>
where
    S: Service<Request<ReqB>> + Clone,
    S::Response: HttpResponse,
    G: Gate,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Response = Response<Body<<S::Response as HttpResponse>::Body>>;
    type Error = S::Error;
    type Future = GateFuture<S, G::Pass, ReqB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        match self.gate.admit(&mut head) {
            Verdict::Ready(Ok(pass)) => {
                GateFuture::calling(self.inner.call(Request::from_parts(head, body)), pass)
            }
            Verdict::Ready(Err(rejection)) => {
                GateFuture::refused(refuse(rejection.by(self.gate.name()), &head))
            }
            Verdict::Pending(verdict) => {
                // The clone has not been polled ready, so it stays and the ready one goes into the future
                // (tower-service, "Be careful when cloning inner services").
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                GateFuture::deciding(verdict, ready, head, body, self.gate.name())
            }
        }
    }
}

/// Logs a refusal and renders it for the protocol that the caller speaks.
///
/// A 503 says when to come back, also where who refused did not (RFC 9110 15.6.4).
pub(crate) fn refuse(mut rejection: Rejection, head: &request::Parts) -> Response<Bytes> {
    if rejection.kind().status() == StatusCode::SERVICE_UNAVAILABLE
        && rejection.retry_after().is_none()
    {
        rejection = rejection.with_retry_after(RETRY_AFTER);
    }
    rejection.log(head);
    rejection.render(&Scene::of(head))
}
