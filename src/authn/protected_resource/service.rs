use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::Full;
use tower::Service;

use crate::rejection::{Rejection, RejectionKind, Scene};

/// Answers GET and HEAD with the metadata of a [`ProtectedResource`](super::ProtectedResource), whatever the path.
#[derive(Clone, Debug)]
pub struct MetadataService {
    document: Bytes,
}

impl MetadataService {
    pub(super) const fn new(document: Bytes) -> Self {
        Self { document }
    }

    fn answer(&self, with_body: bool) -> Response<Full<Bytes>> {
        let body = if with_body { self.document.clone() } else { Bytes::new() };
        let mut response = Response::new(Full::new(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.document.len()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        response
    }
}

impl<B> Service<Request<B>> for MetadataService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(match *request.method() {
            Method::GET => self.answer(true),
            Method::HEAD => self.answer(false),
            _ => {
                let (head, _) = request.into_parts();
                let rejection =
                    Rejection::new(RejectionKind::MethodNotAllowed, "method_not_allowed")
                        .with_header(ALLOW, HeaderValue::from_static("GET, HEAD"))
                        .by("protected_resource");
                rejection.log(&head);
                rejection.render(&Scene::of(&head)).map(Full::new)
            }
        }))
    }
}
