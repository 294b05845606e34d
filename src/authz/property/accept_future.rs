use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{TRAILER, TRANSFER_ENCODING};
use http::{Request, Response, request};
use pin_project_lite::pin_project;
use tower::Service;

#[cfg(feature = "axum")]
use super::Properties;
#[cfg(feature = "axum")]
use super::accept_layer::require_json;
use super::accept_layer::{Settings, refused};
use super::collect::{Collect, NotCollected};
use super::{AcceptError, Write};
use crate::gate::{Body, HttpResponse};
use crate::principal::Principal;
use crate::rejection::{Rejection, RejectionKind};

pin_project! {
    /// The future of a [`super::Accepting`] service.
    pub struct AcceptFuture<S, ReqB>
    where
        S: Service<Request<Body<ReqB>>>,
    {
        #[pin]
        state: State<S, ReqB, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, ReqB, F> {
        Calling { #[pin] future: F },
        Collecting { #[pin] collect: Collect<ReqB>, waiting: Option<Box<Waiting<S>>> },
    }
}

/// What waits for the body.
struct Waiting<S> {
    ready: S,
    head: request::Parts,
    write: Result<Write, Rejection>,
    settings: Settings,
}

impl<S, ReqB> AcceptFuture<S, ReqB>
where
    S: Service<Request<Body<ReqB>>>,
{
    pub(super) const fn calling(future: S::Future) -> Self {
        Self { state: State::Calling { future } }
    }

    pub(super) fn collecting(
        ready: S,
        head: request::Parts,
        body: ReqB,
        settings: Settings,
    ) -> Self {
        let write = settings.write_of(&head);
        let limit = settings.properties.body_limit();
        let waiting = Some(Box::new(Waiting { ready, head, write, settings }));
        Self { state: State::Collecting { collect: Collect::new(body, limit), waiting } }
    }
}

impl<S, ReqB> Future for AcceptFuture<S, ReqB>
where
    S: Service<Request<Body<ReqB>>>,
    S::Response: HttpResponse,
    ReqB: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<Body<<S::Response as HttpResponse>::Body>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const POLLED_AFTER_READY: &str = "AcceptFuture polled after it was ready";
        let mut state = self.project().state;
        loop {
            let calling = match state.as_mut().project() {
                StateProjection::Calling { future } => {
                    let (head, body) = ready!(future.poll(cx))?.split();
                    return Poll::Ready(Ok(Response::from_parts(head, Body::inner(body))));
                }
                StateProjection::Collecting { collect, waiting } => {
                    // Also where the head is bad: a body that turns out to be empty is none.
                    let collected = ready!(collect.poll(cx));
                    let Waiting { mut ready, mut head, write, settings } =
                        *waiting.take().expect(POLLED_AFTER_READY);
                    match judge(&settings, &head, write, collected) {
                        Ok(body) => {
                            head.headers.remove(TRAILER);
                            head.headers.remove(TRANSFER_ENCODING);
                            State::Calling {
                                future: ready.call(Request::from_parts(head, Body::own(body))),
                            }
                        }
                        Err(rejection) => {
                            return Poll::Ready(Ok(refused(rejection, &head).map(Body::own)));
                        }
                    }
                }
            };
            state.set(calling);
        }
    }
}

/// The body, where it may be handed on.
fn judge(
    settings: &Settings,
    head: &request::Parts,
    write: Result<Write, Rejection>,
    collected: Result<Bytes, NotCollected>,
) -> Result<Bytes, Rejection> {
    let body = collected.map_err(not_received)?;
    if body.is_empty() {
        return Ok(body); // there is nothing to write in it
    }
    settings.check(write?, Principal::of(&head.extensions), &body)?;
    Ok(body)
}

/// The JSON body of a request, for an extractor.
#[cfg(feature = "axum")]
pub(crate) async fn received<B>(
    properties: &Properties,
    write: Write,
    head: &request::Parts,
    body: B,
) -> Result<Bytes, Rejection>
where
    B: http_body::Body<Data = Bytes>,
{
    require_json(&head.headers, write)?;
    Collect::new(body, properties.body_limit()).await.map_err(not_received)
}

fn not_received(why: NotCollected) -> Rejection {
    match why {
        NotCollected::Failed => Rejection::new(RejectionKind::BadRequest, "body_broke_off"),
        NotCollected::TooLarge => AcceptError::TooLarge.into(),
    }
}

impl<S, ReqB> fmt::Debug for AcceptFuture<S, ReqB>
where
    S: Service<Request<Body<ReqB>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptFuture").finish_non_exhaustive()
    }
}
