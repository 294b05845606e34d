use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, response};

use super::TripwireBody;
use super::body::Watched;
use crate::gate::Body;

/// An answer that waits for the first frame of its body: what streams may be checked while it streams.
///
/// In boxes, for it is large and futures nest: most answers never wait.
pub(crate) struct Held<B> {
    answer: Option<(Box<response::Parts>, WatchedBody<B>)>,
}

type WatchedBody<B> = Pin<Box<Watched<B>>>;

impl<B: http_body::Body<Data = Bytes>> Held<B> {
    pub(super) fn new(head: response::Parts, body: Watched<B>) -> Self {
        Self { answer: Some((Box::new(head), Box::pin(body))) }
    }

    /// The answer, or the one in its place, once the first frame is there.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Body<TripwireBody<B>>>> {
        const POLLED_AFTER_READY: &str = "held answer polled after it was ready";
        let (_, body) = self.answer.as_mut().expect(POLLED_AFTER_READY);
        let outcome = ready!(body.as_mut().poll_first(cx));
        let (head, body) = self.answer.take().expect(POLLED_AFTER_READY);
        Poll::Ready(match outcome {
            Ok(()) => released(*head, body),
            Err(refusal) => refusal.map(Body::own),
        })
    }
}

/// The answer with its body watched.
pub(super) fn released<B>(
    head: response::Parts,
    body: WatchedBody<B>,
) -> Response<Body<TripwireBody<B>>> {
    Response::from_parts(head, Body::inner(TripwireBody::watched(body)))
}
