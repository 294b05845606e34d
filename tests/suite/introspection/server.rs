//! An authorization server whose answers the test writes, and a client for it.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_warden::http_client::{FetchError, HttpClient, Limits, ResponseFuture};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What the server does with a question.
#[derive(Clone)]
pub(super) enum Reply {
    /// 200 with this as JSON.
    Json(Value),
    /// This status, content type and body.
    Raw(u16, &'static str, Bytes),
    /// Never answers.
    Stall,
    /// Closes the connection.
    Close,
    /// Sends its head and one byte, and no more.
    Drip,
    /// Waits for a permit, then answers with this as JSON.
    Held(Arc<Semaphore>, Value),
}

/// What the server was asked last.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

type Script = Box<dyn Fn(&Question) -> Reply + Send>;

struct State {
    calls: AtomicUsize,
    last: Mutex<Option<Question>>,
    script: Mutex<Script>,
}

/// Runs until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// A server that answers every question alike.
    pub(super) async fn answering(reply: Reply) -> Self {
        let script: Script = Box::new(move |_| reply.clone());
        let state = State {
            calls: AtomicUsize::new(0),
            last: Mutex::new(None),
            script: Mutex::new(script),
        };
        let state = Arc::new(state);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&state)));
        Self { address, state, _tasks: tasks }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}/introspect", self.address)
    }

    /// From now on the server answers like this.
    pub(super) fn reply(&self, reply: Reply) {
        self.script(move |_| reply.clone());
    }

    /// From now on the answer depends on the question.
    pub(super) fn script(&self, script: impl Fn(&Question) -> Reply + Send + 'static) {
        *self.state.script.lock().unwrap() = Box::new(script);
    }

    pub(super) fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }

    pub(super) fn last(&self) -> Question {
        self.state.last.lock().unwrap().clone().unwrap()
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        let service = hyper::service::service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { answer(&state, request).await.ok_or("closed") }
        });
        connections.spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Option<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let question = Question {
        method: head.method,
        target: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let reply = (state.script.lock().unwrap())(&question);
    *state.last.lock().unwrap() = Some(question);
    state.calls.fetch_add(1, Ordering::SeqCst);
    let response = |status, content_type, body| {
        let response = Response::builder().status(status).header("content-type", content_type);
        Some(response.body(body).unwrap())
    };
    let whole = |bytes: Bytes| Full::new(bytes).boxed_unsync();
    let json = |value: &Value| response(200, "application/json", whole(value.to_string().into()));
    match reply {
        Reply::Json(value) => json(&value),
        Reply::Raw(status, content_type, body) => response(status, content_type, whole(body)),
        Reply::Stall => pending().await,
        Reply::Close => None,
        Reply::Drip => {
            let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"{")))]);
            let body = StreamBody::new(futures_util::StreamExt::chain(first, stream::pending()));
            response(200, "application/json", body.boxed_unsync())
        }
        Reply::Held(gate, value) => {
            gate.acquire().await.unwrap().forget();
            json(&value)
        }
    }
}

/// An HTTP client on hyper.
#[derive(Clone, Debug)]
pub(super) struct HyperClient {
    client: Client<HttpConnector, Full<Bytes>>,
    keeps_to_limits: bool,
}

impl Default for HyperClient {
    fn default() -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, keeps_to_limits: true }
    }
}

impl HyperClient {
    /// A client that reads without end and waits without end.
    pub(super) fn sloppy() -> Self {
        Self { keeps_to_limits: false, ..Self::default() }
    }
}

impl HttpClient for HyperClient {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> ResponseFuture {
        let call = self.client.request(request.map(Full::new));
        let longest = if self.keeps_to_limits { limits.body } else { usize::MAX };
        let call = async move {
            let (head, body) = call.await.map_err(failed)?.into_parts();
            let body = Limited::new(body, longest).collect().await.map_err(|error| {
                let too_large = error.is::<http_body_util::LengthLimitError>();
                if too_large { FetchError::TooLarge } else { FetchError::Failed(error) }
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        if self.keeps_to_limits {
            let timed = tokio::time::timeout(limits.total, call);
            Box::pin(async move { timed.await.unwrap_or(Err(FetchError::TimedOut)) })
        } else {
            Box::pin(call)
        }
    }
}

fn failed(error: impl Error + Send + Sync + 'static) -> FetchError {
    FetchError::Failed(Box::new(error))
}
