use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, request};
use pin_project_lite::pin_project;
use tower::Service;

use super::GuardedBody;
use super::passage::{Awaited, Passage, Step};
use crate::authz::tripwire::{Held as HeldAnswer, Judged, TripwireBody, Watch};
use crate::gate::{Body, HttpResponse};
use crate::sanitize::Panicked;

pin_project! {
    /// The future of a [`super::Guarded`] service.
    pub struct GuardedFuture<S, ReqB>
    where
        S: Service<Request<ReqB>>,
        S::Response: HttpResponse,
    {
        #[pin]
        state: State<S, ReqB, S::Future, <S::Response as HttpResponse>::Body>,
        passage: Passage,
        answered: bool,
    }
}

pin_project! {
    #[project = StateProjection]
    pub(super) enum State<S, ReqB, F, B> {
        Waiting { awaited: Awaited, held: Option<Box<Held<S, ReqB>>> },
        Calling { #[pin] future: F },
        Streaming { answer: HeldAnswer<B> },
        Refused { response: Option<Response<Bytes>> },
        Panicked { panicked: Option<Panicked> },
    }
}

/// The ready service, and the request that waits to go on to it. Boxed, for it is large and most requests never wait.
pub(super) struct Held<S, ReqB> {
    ready: S,
    head: request::Parts,
    body: ReqB,
}

impl<S, ReqB, F, B> State<S, ReqB, F, B> {
    pub(super) const fn calling(future: F) -> Self {
        Self::Calling { future }
    }

    pub(super) const fn refused(response: Response<Bytes>) -> Self {
        Self::Refused { response: Some(response) }
    }

    pub(super) const fn panicked(panicked: Panicked) -> Self {
        Self::Panicked { panicked: Some(panicked) }
    }

    pub(super) fn waiting(awaited: Awaited, ready: S, head: request::Parts, body: ReqB) -> Self {
        Self::Waiting { awaited, held: Some(Box::new(Held { ready, head, body })) }
    }
}

impl<S, ReqB> GuardedFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
{
    pub(super) const fn new(
        state: State<S, ReqB, S::Future, <S::Response as HttpResponse>::Body>,
        passage: Passage,
    ) -> Self {
        Self { state, passage, answered: false }
    }
}

const POLLED_AFTER_READY: &str = "GuardedFuture polled after it was ready";

/// What came of a request, where nothing panicked.
type Outcome<S, ReqB> = Result<
    Response<Body<TripwireBody<<<S as Service<Request<ReqB>>>::Response as HttpResponse>::Body>>>,
    <S as Service<Request<ReqB>>>::Error,
>;

impl<S, ReqB> State<S, ReqB, S::Future, <S::Response as HttpResponse>::Body>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    fn advance(
        mut self: Pin<&mut Self>,
        passage: &mut Passage,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Outcome<S, ReqB>, Panicked>> {
        loop {
            let next = match self.as_mut().project() {
                StateProjection::Waiting { awaited, held } => {
                    let resolved = ready!(Pin::new(awaited).poll(cx));
                    let mut waiting = held.take().expect(POLLED_AFTER_READY);
                    match passage.resume(resolved, &mut waiting.head) {
                        Step::Admitted => {
                            let Held { mut ready, head, body } = *waiting;
                            Self::calling(ready.call(Request::from_parts(head, body)))
                        }
                        Step::Refused(response) => Self::refused(response),
                        Step::Waiting(awaited) => Self::Waiting { awaited, held: Some(waiting) },
                    }
                }
                StateProjection::Calling { future } => {
                    let (head, body) = match ready!(future.poll(cx)) {
                        Ok(answer) => answer.split(),
                        Err(error) => return Poll::Ready(Ok(Err(error))),
                    };
                    match Watch::settle(passage.watch(), Response::from_parts(head, body)) {
                        Judged::Leaves(answer) => return Poll::Ready(Ok(Ok(answer))),
                        Judged::Waits(answer) => Self::Streaming { answer },
                    }
                }
                StateProjection::Streaming { answer } => {
                    return answer.poll(cx).map(|answer| Ok(Ok(answer)));
                }
                StateProjection::Refused { response } => {
                    let refusal = response.take().expect(POLLED_AFTER_READY);
                    return Poll::Ready(Ok(Ok(refusal.map(Body::own))));
                }
                StateProjection::Panicked { panicked } => {
                    return Poll::Ready(Err(panicked.take().expect(POLLED_AFTER_READY)));
                }
            };
            self.set(next);
        }
    }
}

impl<S, ReqB> Future for GuardedFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<GuardedBody<<S::Response as HttpResponse>::Body>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        assert!(!*this.answered, "{POLLED_AFTER_READY}");
        let passage = this.passage;
        // A future that panicked is not polled again: it goes away with this one.
        let mut advanced = Poll::Pending;
        let caught = catch_unwind(AssertUnwindSafe(|| advanced = this.state.advance(passage, cx)));
        let outcome = match caught {
            Ok(()) => ready!(advanced),
            Err(payload) => Err(Panicked::new(payload.as_ref())),
        };
        *this.answered = true;
        Poll::Ready(match outcome {
            Ok(answered) => answered.map(|response| passage.answer(response)),
            Err(panicked) => Ok(passage.answer_panic(panicked)),
        })
    }
}

impl<S, ReqB> fmt::Debug for GuardedFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedFuture").finish_non_exhaustive()
    }
}
