//! Answers whose bodies come piece by piece, from a handler that does what the request's path says.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tower::Service;
use tower_warden::client_address::ClientAddress;

use crate::support::{TestBody, get};

/// A body of frames, which may fail.
pub(super) type Frames = StreamBody<BoxStream<'static, Result<Frame<Bytes>, &'static str>>>;

/// Failure of the service itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// So many bytes.
pub(super) fn data(bytes: usize) -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(Bytes::from(vec![b'x'; bytes])))
}

/// Answers as the path says.
pub(super) async fn answer(request: Request<TestBody>) -> Result<Response<Frames>, Broken> {
    let trailers =
        || Ok(Frame::trailers(HeaderMap::from_iter([(http::header::ETAG, "a".parse().unwrap())])));
    let frames = match request.uri().path() {
        "/fails" => return Err(Broken),
        "/panics" => panic!("moody"),
        "/hangs" => std::future::pending().await,
        "/empty" => vec![],
        "/breaks" => vec![data(600), Err("broken"), data(600)],
        "/trailers" => vec![data(600), trailers()],
        _ => vec![data(600), data(600)],
    };
    Ok(Response::new(StreamBody::new(stream::iter(frames).boxed())))
}

/// A request from this address.
pub(super) fn from(address: &str, path: &str) -> Request<TestBody> {
    let mut request = get(path, &[]);
    request.extensions_mut().insert(ClientAddress::new(address.parse().unwrap()));
    request
}

/// Panics in `call` itself, before there is a future.
#[derive(Clone, Debug)]
pub(super) struct PanicsAtOnce;

impl Service<Request<TestBody>> for PanicsAtOnce {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<TestBody>) -> Self::Future {
        panic!("at once")
    }
}
