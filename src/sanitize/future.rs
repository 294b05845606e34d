use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use http::Response;
use pin_project_lite::pin_project;

use super::SanitizedBody;
use super::answer::{after_panic, settle};
use super::asked::{Asked, X_REQUEST_ID};
use super::panicked::Panicked;
use crate::gate::Body;

pin_project! {
    /// The future of a [`super::Sanitized`] service.
    pub struct SanitizeFuture<F> {
        #[pin]
        state: State<F>,
        asked: Option<Asked>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling { #[pin] future: CatchUnwind<AssertUnwindSafe<F>> },
        Panicked { panicked: Option<Panicked> },
    }
}

impl<F: Future> SanitizeFuture<F> {
    pub(super) fn calling(future: F, asked: Asked) -> Self {
        // A future that panicked is not polled again: it goes away with this one.
        let future = AssertUnwindSafe(future).catch_unwind();
        Self { state: State::Calling { future }, asked: Some(asked) }
    }

    pub(super) const fn panicked(panicked: Panicked, asked: Asked) -> Self {
        Self { state: State::Panicked { panicked: Some(panicked) }, asked: Some(asked) }
    }
}

impl<F, ResB, E> Future for SanitizeFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    ResB: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<Body<SanitizedBody<ResB>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const POLLED_AFTER_READY: &str = "SanitizeFuture polled after it was ready";
        let this = self.project();
        let outcome: Result<_, Panicked> = match this.state.project() {
            StateProjection::Calling { future } => ready!(future.poll(cx))
                .map_err(|payload: Box<dyn Any + Send>| Panicked::new(payload.as_ref())),
            StateProjection::Panicked { panicked } => {
                Err(panicked.take().expect(POLLED_AFTER_READY))
            }
        };
        let asked = this.asked.take().expect(POLLED_AFTER_READY);
        Poll::Ready(match outcome {
            Ok(answer) => answer.map(|response| settle(&asked, response)),
            Err(panicked) => {
                let mut settled = after_panic(&asked, panicked);
                settled.headers_mut().insert(X_REQUEST_ID, asked.id.to_header_value());
                Ok(settled)
            }
        })
    }
}

impl<F> fmt::Debug for SanitizeFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SanitizeFuture").finish_non_exhaustive()
    }
}
