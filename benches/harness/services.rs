use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};

/// The body of requests and responses.
type Plain = Full<Bytes>;

/// The trivial inner service: an empty 200.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bare;

impl Service<Request<Plain>> for Bare {
    type Response = Response<Plain>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Plain>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<Plain>) -> Self::Future {
        ready(Ok(Response::new(Plain::default())))
    }
}

/// What makes a GET request with these headers, the same each time. The headers are made once: a server has parsed
/// them before any control runs.
pub(crate) fn get<B: Default>(
    path: &'static str,
    headers: &[(&'static str, &str)],
) -> impl Fn() -> Request<B> + use<B> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).expect("the case's request is well formed").into_parts();
    move || Request::from_parts(head.clone(), B::default())
}

/// Runs requests through `service`, reading each response to its end. Panics when an answer is not `expected`: figures
/// for something else than what the case says would be worse than none.
pub(crate) fn service<S, ReqB, ResB>(
    mut service: S,
    request: impl Fn() -> Request<ReqB> + 'static,
    expected: u16,
) -> impl FnMut(u64) + 'static
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + 'static,
    S::Error: fmt::Debug,
    ReqB: 'static,
    ResB: http_body::Body,
    ResB::Error: fmt::Debug,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime on one thread needs nothing that can be missing");
    move |requests| {
        runtime.block_on(async {
            for _ in 0..requests {
                let ready = service.ready().await.expect("the case's service stays ready");
                let response =
                    ready.call(black_box(request())).await.expect("refusals are responses");
                assert_eq!(response.status(), expected);
                let mut body = pin!(response.into_body());
                while let Some(frame) = body.frame().await {
                    drop(black_box(frame.expect("bodies are in memory")));
                }
            }
        });
    }
}

/// Runs a plain function.
pub(crate) fn function<T>(mut function: impl FnMut() -> T + 'static) -> impl FnMut(u64) + 'static {
    move |requests| {
        for _ in 0..requests {
            black_box(function());
        }
    }
}
