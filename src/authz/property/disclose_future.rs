use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, response};
use pin_project_lite::pin_project;
use tower::Service;

use super::answer::{self, Todo};
use super::asked::Asked;
use super::collect::{Collect, NotCollected};
use super::disclose_layer::Settings;
use crate::gate::{Body, HttpResponse};
use crate::rejection::{Rejection, RejectionKind};

pin_project! {
    /// The future of a [`super::Disclosing`] service.
    pub struct DiscloseFuture<S, ReqB>
    where
        S: Service<Request<ReqB>>,
        S::Response: HttpResponse,
    {
        #[pin]
        state: State<S::Future, <S::Response as HttpResponse>::Body>,
        asked: Asked,
        settings: Arc<Settings>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        Calling { #[pin] future: F },
        Collecting { #[pin] collect: Collect<B>, head: Option<Box<response::Parts>> },
    }
}

impl<S, ReqB> DiscloseFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
{
    pub(super) const fn new(future: S::Future, asked: Asked, settings: Arc<Settings>) -> Self {
        Self { state: State::Calling { future }, asked, settings }
    }
}

impl<S, ReqB> Future for DiscloseFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<Body<<S::Response as HttpResponse>::Body>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const POLLED_AFTER_READY: &str = "DiscloseFuture polled after it was ready";
        let mut this = self.project();
        let Settings { properties, unfiltered } = &**this.settings;
        loop {
            let collect = match this.state.as_mut().project() {
                StateProjection::Calling { future } => {
                    let (mut head, body) = ready!(future.poll(cx))?.split();
                    match answer::judge(this.asked, &mut head, &body, unfiltered) {
                        Todo::Filter => {
                            let head = Some(Box::new(head));
                            State::Collecting {
                                collect: Collect::new(body, properties.body_limit()),
                                head,
                            }
                        }
                        Todo::Pass => {
                            return Poll::Ready(Ok(Response::from_parts(head, Body::inner(body))));
                        }
                        Todo::PassHead => {
                            return Poll::Ready(Ok(Response::from_parts(
                                head,
                                Body::own(Bytes::new()),
                            )));
                        }
                        Todo::Withhold(reason) => {
                            let rejection = Rejection::new(RejectionKind::Internal, reason);
                            return Poll::Ready(Ok(this.asked.withhold(rejection).map(Body::own)));
                        }
                    }
                }
                StateProjection::Collecting { collect, head } => {
                    let collected = ready!(collect.poll(cx));
                    let head = *head.take().expect(POLLED_AFTER_READY);
                    let filtered = collected
                        .map_err(withheld)
                        .and_then(|text| answer::filtered(properties, this.asked, head, &text));
                    let response =
                        filtered.unwrap_or_else(|rejection| this.asked.withhold(rejection));
                    return Poll::Ready(Ok(response.map(Body::own)));
                }
            };
            this.state.set(collect);
        }
    }
}

fn withheld(why: NotCollected) -> Rejection {
    let reason = match why {
        NotCollected::Failed => "response_broke_off",
        NotCollected::TooLarge => "response_too_large",
    };
    Rejection::new(RejectionKind::Internal, reason)
}

impl<S, ReqB> fmt::Debug for DiscloseFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscloseFuture").field("asked", &self.asked).finish_non_exhaustive()
    }
}
