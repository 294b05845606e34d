//! What all modules of the suite share: a trivial inner service, one-line calls, log capture.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::sync::Once;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, request};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, Service, ServiceExt};
use tower_warden::authn::{Attempt, Authenticator};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rejection::{Challenge, Rejection, RejectionKind};

/// The body of test requests and of the trivial service's responses.
pub(crate) type TestBody = Full<Bytes>;

/// A service that answers 200 `inner` and echoes nothing.
pub(crate) async fn hello(_request: Request<TestBody>) -> Result<Response<TestBody>, Infallible> {
    Ok(Response::new(TestBody::from("inner")))
}

/// A request without a body. Header names and values as given.
pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<TestBody> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(TestBody::default()).unwrap()
}

/// A GET request without a body.
pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Request<TestBody> {
    request(Method::GET, path, headers)
}

/// Sends one request through `layer` in front of [`hello`].
pub(crate) async fn through<L, B>(layer: &L, request: Request<TestBody>) -> Answer
where
    L: Layer<tower::util::BoxCloneService<Request<TestBody>, Response<TestBody>, Infallible>>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    listen();
    let inner = tower::util::BoxCloneService::new(tower::service_fn(hello));
    ask(layer.layer(inner), request).await
}

/// Sends one request to `service`.
pub(crate) async fn ask<S, ReqB, B>(service: S, request: Request<ReqB>) -> Answer
where
    S: Service<Request<ReqB>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    listen();
    Answer::read(service.oneshot(request).await.unwrap()).await
}

/// A response read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) extensions: http::Extensions,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn read<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            trailers,
            extensions: head.extensions,
            body: collected.to_bytes(),
        }
    }

    /// The single value of a header, or an empty text when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} more than once: {:?}", self.headers);
        first
    }

    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The private reason of the refusal, which only the log may know.
    pub(crate) fn reason(&self) -> &'static str {
        self.rejection().map_or("", Rejection::reason)
    }

    pub(crate) fn rejection(&self) -> Option<&Rejection> {
        self.extensions.get()
    }
}

thread_local! {
    /// What the current thread logs while somebody captures it.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// One subscriber for the whole suite, there before anything is logged. (One for each test, set and unset while others
/// run, would now and then find that nobody listens: whether a place in the code is heard is remembered process-wide.)
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt().with_ansi(false).with_writer(|| Writer).init();
    });
}

/// Collects what the current thread logs until it is dropped.
pub(crate) struct Logs(());

impl Logs {
    pub(crate) fn capture() -> Self {
        listen();
        LINES.set(Some(Vec::new()));
        Self(())
    }

    #[expect(clippy::unused_self, reason = "only who captures may read")]
    pub(crate) fn text(&self) -> String {
        LINES.with_borrow(|lines| String::from_utf8(lines.clone().unwrap_or_default()).unwrap())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| {
            lines.iter_mut().for_each(|lines| lines.extend_from_slice(bytes));
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A scheme that has to wait for its answer: `x-later: <subject>` is good, `bad` is not, and `panic` panics.
#[derive(Debug)]
pub(crate) struct Later(Challenge);

impl Later {
    pub(crate) fn new() -> Self {
        Self(Challenge::new("Later", "api").unwrap())
    }
}

impl Authenticator for Later {
    fn challenge(&self) -> &Challenge {
        &self.0
    }

    fn credential_header(&self) -> HeaderName {
        HeaderName::from_static("x-later")
    }

    fn is_presented(&self, request: &request::Parts) -> bool {
        request.headers.contains_key("x-later")
    }

    fn authenticate(&self, request: &request::Parts) -> Attempt {
        let subject = request.headers["x-later"].to_str().unwrap().to_owned();
        assert_ne!(subject, "panic at once");
        Attempt::pending(async move {
            tokio::task::yield_now().await;
            assert_ne!(subject, "panic");
            if subject == "bad" {
                return Err(Rejection::new(RejectionKind::InvalidCredentials, "later_but_bad"));
            }
            Ok(Principal::builder("later", subject, PrincipalKind::User, "Later").build())
        })
    }
}
