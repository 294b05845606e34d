use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// A response body: the inner service's own, or one that a control wrote instead.
    #[derive(Debug)]
    pub struct Body<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Own { #[pin] body: Full<Bytes> },
    }
}

impl<B> Body<B> {
    /// The inner service's body, untouched.
    pub const fn inner(body: B) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    /// A body written by a control.
    pub fn own(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Own { body: Full::new(bytes.into()) } }
    }

    /// The inner service's body, where this is one.
    #[cfg(feature = "axum")]
    pub(crate) fn into_inner(self) -> Result<B, Self> {
        match self.kind {
            Kind::Inner { body } => Ok(body),
            kind @ Kind::Own { .. } => Err(Self { kind }),
        }
    }
}

/// An empty body: what layers that answer by themselves ask for, such as tower-http's for CORS.
impl<B> Default for Body<B> {
    fn default() -> Self {
        Self::own(Bytes::new())
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for Body<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { body } => body.poll_frame(cx),
            KindProjection::Own { body } => body.poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Own { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Own { body } => body.size_hint(),
        }
    }
}
