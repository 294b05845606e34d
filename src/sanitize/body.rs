use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use super::asked::Asked;
use super::grpc;

pin_project! {
    /// The inner service's body; where it speaks gRPC, trailers that tell of a failure lose their texts.
    ///
    /// Data frames, and the trailers of a call that went well, pass through untouched.
    #[derive(Debug)]
    pub struct SanitizedBody<B> {
        #[pin]
        inner: B,
        // In a box, for it is large and most bodies are not watched.
        watched: Option<Box<Asked>>,
    }
}

impl<B> SanitizedBody<B> {
    pub(super) const fn untouched(inner: B) -> Self {
        Self { inner, watched: None }
    }

    pub(super) fn watched(inner: B, asked: Asked) -> Self {
        Self { inner, watched: Some(Box::new(asked)) }
    }

    /// The inner service's body, where nothing is left to do with it.
    #[cfg(feature = "axum")]
    pub(crate) fn into_inner(self) -> Result<B, Self> {
        if self.watched.is_none() { Ok(self.inner) } else { Err(self) }
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for SanitizedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut polled = ready!(this.inner.poll_frame(cx));
        if let Some(asked) = this.watched
            && let Some(Ok(frame)) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
            && let Some(failure) = grpc::scrub(trailers, &[])
        {
            asked.log(&failure);
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
