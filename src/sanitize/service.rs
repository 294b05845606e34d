use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::{Layer, Service};

use super::asked::Asked;
use super::panicked::Panicked;
use super::{SanitizeFuture, SanitizedBody};
use crate::gate::Body;
use crate::rejection::CorrelationId;

/// Sanitizes failures, catches panics and gives correlation ids. The outermost layer but for
/// [`ResponseHeadersLayer`](crate::response_headers::ResponseHeadersLayer).
#[derive(Clone, Copy, Debug, Default)]
pub struct SanitizeLayer(());

impl SanitizeLayer {
    /// The layer; there is nothing to configure.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for SanitizeLayer {
    type Service = Sanitized<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Sanitized { inner }
    }
}

/// A service whose failures are not told outside.
#[derive(Clone, Copy, Debug)]
pub struct Sanitized<S> {
    inner: S,
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Sanitized<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: http_body::Body<Data = Bytes>,
{
    type Response = Response<Body<SanitizedBody<ResB>>>;
    type Error = S::Error;
    type Future = SanitizeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let given = CorrelationId::of(&head.extensions);
        let asked = Asked::of(&mut head, given);
        head.extensions.insert(asked.id);
        let request = Request::from_parts(head, body);
        // The request is moved in and lost with a panic; what the service itself keeps is for its owner to judge, as
        // with any service that returned an error.
        match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
            Ok(future) => SanitizeFuture::calling(future, asked),
            Err(payload) => SanitizeFuture::panicked(Panicked::new(payload.as_ref()), asked),
        }
    }
}
