use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Watch;
use super::watch::is_failure;
use crate::rejection::{GRPC_MESSAGE, GRPC_STATUS, Rejection, grpc_message};

pin_project! {
    /// The inner service's body; a stream behind a rule that serves objects ends where a check is denied.
    #[derive(Debug)]
    pub struct TripwireBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Plain { #[pin] body: B },
        Watched { body: Pin<Box<Watched<B>>> },
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

/// What a body gives when it is polled.
type Polled<E> = Poll<Option<Result<Frame<Bytes>, E>>>;

/// Why a body ended early: for a reason of its own, or because a check was denied after it had begun.
#[derive(Debug)]
#[non_exhaustive]
pub enum TripwireError<E> {
    /// The inner body's own.
    Inner(E),
    /// The handler went on after a check was denied: the rest of the stream does not leave.
    Cut,
}

/// No `Error` itself, because errors that are boxed already are none: bodies only need to become one.
impl<E: Into<Self>> From<TripwireError<E>> for BoxError {
    fn from(error: TripwireError<E>) -> Self {
        match error {
            TripwireError::Inner(error) => error.into(),
            TripwireError::Cut => "the stream was cut: an object check was denied".into(),
        }
    }
}

impl<B> TripwireBody<B> {
    pub(crate) const fn plain(body: B) -> Self {
        Self { kind: Kind::Plain { body } }
    }

    pub(super) const fn watched(body: Pin<Box<Watched<B>>>) -> Self {
        Self { kind: Kind::Watched { body } }
    }

    /// The inner service's body, where nothing is left to do with it.
    #[cfg(feature = "axum")]
    pub(crate) fn into_inner(self) -> Result<B, Self> {
        match self.kind {
            Kind::Plain { body } => Ok(body),
            kind @ Kind::Watched { .. } => Err(Self { kind }),
        }
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for TripwireBody<B> {
    type Data = Bytes;
    type Error = TripwireError<B::Error>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<Self::Error> {
        match self.project().kind.project() {
            KindProjection::Plain { body } => {
                body.poll_frame(cx).map(|frame| Some(frame?.map_err(TripwireError::Inner)))
            }
            KindProjection::Watched { body } => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Plain { body } => body.is_end_stream(),
            Kind::Watched { body } => body.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Plain { body } => body.size_hint(),
            Kind::Watched { body } => body.size_hint(),
        }
    }
}

pin_project! {
    /// A stream that is looked at frame by frame.
    #[derive(Debug)]
    pub(super) struct Watched<B> {
        // Dropped as soon as nothing more of it is to leave.
        #[pin]
        inner: Option<B>,
        // What came while the head was held: a frame, or the end.
        first: Option<Option<Frame<Bytes>>>,
        watch: Watch,
        speaks_grpc: bool,
    }
}

impl<B> Watched<B> {
    pub(super) const fn new(inner: B, watch: Watch, speaks_grpc: bool) -> Self {
        Self { inner: Some(inner), first: None, watch, speaks_grpc }
    }

    /// Whether there is nothing more to poll for.
    const fn is_over(&self) -> bool {
        self.inner.is_none()
    }
}

impl<B: http_body::Body<Data = Bytes>> Watched<B> {
    /// Takes in the first frame, and says whether it and the head before it may leave, or what leaves in their place.
    pub(super) fn poll_first(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Response<Bytes>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(Ok(())) };
        let polled = ready!(inner.poll_frame(cx));
        Poll::Ready(match polled.transpose() {
            Err(_) => Err(this.watch.failed()),
            Ok(Some(frame)) if *this.speaks_grpc && is_failure(&frame) => {
                *this.first = Some(Some(frame));
                Ok(())
            }
            Ok(first) => {
                let outcome = this.watch.conclude();
                *this.first = Some(first);
                outcome.map_err(|lapse| this.watch.refuse(lapse))
            }
        })
    }

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<TripwireError<B::Error>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let polled = match this.first.take() {
            Some(first) => first.map(Ok),
            None => ready!(inner.poll_frame(cx)),
        };
        let tells_of_failure = match &polled {
            Some(Ok(frame)) => *this.speaks_grpc && is_failure(frame),
            Some(Err(_)) => true,
            None => false,
        };
        if !tells_of_failure && let Err(lapse) = this.watch.conclude() {
            this.inner.set(None);
            let refusal = this.watch.cut(lapse);
            let end =
                if *this.speaks_grpc { Ok(trailers(&refusal)) } else { Err(TripwireError::Cut) };
            return Poll::Ready(Some(end));
        }
        if tells_of_failure || polled.is_none() {
            this.inner.set(None);
        }
        Poll::Ready(polled.map(|frame| frame.map_err(TripwireError::Inner)))
    }

    fn size_hint(&self) -> SizeHint {
        let Some(inner) = &self.inner else { return SizeHint::with_exact(0) };
        let mut hint = inner.size_hint();
        let first = self.first.iter().flatten().filter_map(Frame::data_ref);
        let ahead = first.map(|data| data.len() as u64).sum();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint.set_lower(hint.lower().saturating_add(ahead));
        hint
    }
}

/// The end of a gRPC stream that is cut.
fn trailers(refusal: &Rejection) -> Frame<Bytes> {
    let mut fields = HeaderMap::with_capacity(2);
    fields.insert(GRPC_STATUS, HeaderValue::from(refusal.kind().grpc_code()));
    fields.insert(GRPC_MESSAGE, grpc_message(refusal.kind().detail()));
    Frame::trailers(fields)
}
