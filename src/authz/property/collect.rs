use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use pin_project_lite::pin_project;

/// Why a body is not there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotCollected {
    /// It broke off.
    Failed,
    TooLarge,
}

pin_project! {
    /// Reads a body to its end, up to a number of bytes. Trailers are left out: they speak of the body as it was.
    pub(super) struct Collect<B> {
        #[pin]
        body: B,
        limit: usize,
        // Most bodies come in one piece, which needs no copy.
        first: Bytes,
        all: BytesMut,
    }
}

impl<B> Collect<B> {
    pub(super) fn new(body: B, limit: usize) -> Self {
        Self { body, limit, first: Bytes::new(), all: BytesMut::new() }
    }
}

impl<B: http_body::Body<Data = Bytes>> Future for Collect<B> {
    type Output = Result<Bytes, NotCollected>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.body.size_hint().lower() > *this.limit as u64 {
            return Poll::Ready(Err(NotCollected::TooLarge));
        }
        while let Some(frame) = ready!(this.body.as_mut().poll_frame(cx)) {
            let Ok(frame) = frame else { return Poll::Ready(Err(NotCollected::Failed)) };
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > *this.limit - this.first.len() - this.all.len() {
                return Poll::Ready(Err(NotCollected::TooLarge));
            }
            if this.first.is_empty() && this.all.is_empty() {
                *this.first = data;
            } else {
                this.all.extend_from_slice(this.first);
                this.first.clear();
                this.all.extend_from_slice(&data);
            }
        }
        let all = std::mem::take(this.all);
        Poll::Ready(Ok(if all.is_empty() { std::mem::take(this.first) } else { all.freeze() }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn collected(pieces: &[&'static str], limit: usize) -> Result<Bytes, NotCollected> {
        let frames = pieces.iter().map(|piece| match *piece {
            "broken" => Err(()),
            piece => Ok(Frame::data(Bytes::from_static(piece.as_bytes()))),
        });
        let body = StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()));
        Collect::new(body, limit).now_or_never().unwrap()
    }

    #[test]
    fn a_body_is_read_up_to_its_limit() {
        for (pieces, limit, expected) in [
            (&[][..], 0, Ok("")),
            (&["", "abc", ""], 3, Ok("abc")),
            (&["a", "b", "c"], 3, Ok("abc")),
            (&["ab", "cd"], 3, Err(NotCollected::TooLarge)),
            (&["abcd"], 3, Err(NotCollected::TooLarge)),
            (&["a", "broken"], 3, Err(NotCollected::Failed)),
        ] {
            assert_eq!(collected(pieces, limit), expected.map(Bytes::from), "{pieces:?}");
        }
    }

    #[test]
    fn a_body_that_says_that_it_is_too_large_is_not_read() {
        let full = Full::new(Bytes::from_static(b"abcd"));
        assert_eq!(Collect::new(full, 3).now_or_never(), Some(Err(NotCollected::TooLarge)));
    }
}
