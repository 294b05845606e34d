use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, request};
use pin_project_lite::pin_project;
use tower::Service;

use super::{Body, HttpResponse, Pass, PendingVerdict, refuse};

pin_project! {
    /// The future of a [`super::Gated`] service.
    pub struct GateFuture<S, P, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        #[pin]
        state: State<S, P, ReqB, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, P, ReqB, F> {
        Deciding { verdict: PendingVerdict<P>, waiting: Option<Box<Waiting<S, ReqB>>> },
        Calling { #[pin] future: F, pass: Option<P> },
        Refused { response: Option<Response<Bytes>> },
    }
}

/// What waits for a pending verdict: the ready service, and the request for it.
///
/// Boxed, for it is large and futures nest: most requests never wait, and would move its size about at every layer.
struct Waiting<S, ReqB> {
    ready: S,
    head: request::Parts,
    body: ReqB,
    control: &'static str,
}

impl<S, P, ReqB> GateFuture<S, P, ReqB>
where
    S: Service<Request<ReqB>>,
{
    pub(super) const fn calling(future: S::Future, pass: P) -> Self {
        Self { state: State::Calling { future, pass: Some(pass) } }
    }

    pub(super) const fn refused(response: Response<Bytes>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(super) fn deciding(
        verdict: PendingVerdict<P>,
        ready: S,
        head: request::Parts,
        body: ReqB,
        control: &'static str,
    ) -> Self {
        Self {
            state: State::Deciding {
                verdict,
                waiting: Some(Box::new(Waiting { ready, head, body, control })),
            },
        }
    }
}

impl<S, P, ReqB> Future for GateFuture<S, P, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    P: Pass,
{
    type Output = Result<Response<Body<<S::Response as HttpResponse>::Body>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const POLLED_AFTER_READY: &str = "GateFuture polled after it was ready";
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Deciding { verdict, waiting } => {
                    let outcome = ready!(verdict.as_mut().poll(cx));
                    let Waiting { mut ready, mut head, body, control } =
                        *waiting.take().expect(POLLED_AFTER_READY);
                    match outcome {
                        Ok(mut pass) => {
                            pass.on_request(&mut head);
                            let future = ready.call(Request::from_parts(head, body));
                            State::Calling { future, pass: Some(pass) }
                        }
                        Err(rejection) => {
                            let response = refuse(rejection.by(control), &head);
                            State::Refused { response: Some(response) }
                        }
                    }
                }
                StateProjection::Calling { future, pass } => {
                    let (mut head, body) = ready!(future.poll(cx))?.split();
                    pass.take().expect(POLLED_AFTER_READY).on_response(&mut head);
                    return Poll::Ready(Ok(Response::from_parts(head, Body::inner(body))));
                }
                StateProjection::Refused { response } => {
                    return Poll::Ready(Ok(response
                        .take()
                        .expect(POLLED_AFTER_READY)
                        .map(Body::own)));
                }
            };
            state.set(next);
        }
    }
}

impl<S, P, ReqB> fmt::Debug for GateFuture<S, P, ReqB>
where
    S: Service<Request<ReqB>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateFuture").finish_non_exhaustive()
    }
}
