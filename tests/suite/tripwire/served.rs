//! axum behind a whole stack, over real sockets: what a client gets to see.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Redirect;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower_warden::authz::object::{Guard, Read};
use tower_warden::authz::{Rules, authenticated};

use super::{HIDDEN, MINE, Order, Policies, warden};

/// A running server; stops with the value.
struct Server {
    address: SocketAddr,
    /// Lets the stream at `/cut` go on.
    go_on: Arc<Notify>,
    _task: JoinSet<()>,
}

async fn start() -> Server {
    let serving = || authenticated().serving::<Order>();
    let go_on = Arc::new(Notify::new());
    let signal = go_on.clone();
    let router = Router::new()
        .route("/checked", get(checked))
        .route("/forgotten", get(async || "the order"))
        .route("/moved", get(async || Redirect::to("/the-order")))
        .route("/streamed", get(streamed))
        .route("/cut", get(move |orders| cut(orders, signal)))
        .route("/silent", get(silent))
        .route("/upgraded", get(upgraded))
        .route("/not-upgraded", get(upgraded_unchecked));
    let paths =
        ["checked", "forgotten", "moved", "streamed", "cut", "silent", "upgraded", "not-upgraded"];
    let rules = Rules::builder().object_policy::<Order>(Policies);
    let rules = paths.iter().fold(rules, |rules, path| rules.get(&format!("/{path}"), serving()));
    let service = warden(rules).build().unwrap().guard(router);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let _ = axum::serve(listener, service.into_make_service()).await;
    });
    Server { address, go_on, _task: task }
}

async fn checked(orders: Guard<Order>) -> &'static str {
    orders.check(Read, &MINE).await.unwrap();
    "the order"
}

/// Asks while it streams, before the first frame.
async fn streamed(orders: Guard<Order>) -> Body {
    let one = stream::once(async move {
        orders.check(Read, &MINE).await.unwrap();
        Ok::<_, Infallible>(Bytes::from("the "))
    });
    Body::from_stream(one.chain(stream::iter([Ok(Bytes::from("order"))])))
}

/// Goes on after a denial, once its first frame has arrived.
async fn cut(orders: Guard<Order>, go_on: Arc<Notify>) -> Body {
    orders.check(Read, &MINE).await.unwrap();
    let one = stream::iter([Ok::<_, Infallible>(Bytes::from("mine"))]);
    let two = stream::once(async move {
        go_on.notified().await;
        let _ = orders.check(Read, &HIDDEN).await;
        Ok(Bytes::from("of somebody else"))
    });
    Body::from_stream(one.chain(two))
}

/// Asked nobody, and says nothing.
async fn silent() -> Body {
    Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())
}

async fn upgraded(orders: Guard<Order>) -> Response<Body> {
    orders.check(Read, &MINE).await.unwrap();
    upgraded_unchecked().await
}

async fn upgraded_unchecked() -> Response<Body> {
    let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    answer.header("connection", "upgrade").header("upgrade", "loom").body(Body::empty()).unwrap()
}

impl Server {
    async fn ask(&self, method: &str, path: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: a\r\nx-later: ada\r\nupgrade: loom\r\nconnection: close, upgrade\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    /// All bytes of an HTTP/1 answer.
    async fn raw(&self, method: &str, path: &str) -> String {
        let mut text = String::new();
        let mut connection = self.ask(method, path).await;
        if path == "/upgraded" {
            // The connection stays open for the other protocol.
            let mut some = [0; 64];
            let read = connection.read(&mut some).await.unwrap();
            return String::from_utf8_lossy(&some[..read]).into_owned();
        }
        connection.read_to_string(&mut text).await.unwrap();
        text
    }
}

#[tokio::test]
async fn z3_over_http1_what_is_withheld_never_touches_the_wire() {
    let server = start().await;
    for (method, path, status, tells) in [
        ("GET", "/checked", 200, Some("the order")),
        ("HEAD", "/checked", 200, None),
        ("GET", "/forgotten", 500, None),
        ("HEAD", "/forgotten", 500, None),
        ("GET", "/moved", 500, None),
        ("GET", "/streamed", 200, Some("order\r\n0\r\n\r\n")),
        ("GET", "/upgraded", 101, None),
        ("GET", "/not-upgraded", 500, None),
    ] {
        let answer = server.raw(method, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
        match tells {
            Some(told) => assert!(answer.ends_with(told), "{method} {path}: {answer}"),
            None => assert!(!answer.contains("order"), "{method} {path}: {answer}"),
        }
    }
}

#[tokio::test]
async fn z4_over_http1_a_stream_that_is_cut_is_an_aborted_transfer() {
    let server = start().await;
    let mut connection = server.ask("GET", "/cut").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"mine\r\n") {
        assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
    }
    server.go_on.notify_one();
    connection.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!answer.contains("somebody else"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "it looks complete: {answer}");
}

#[tokio::test]
async fn z3_over_http1_a_held_answer_sends_nothing() {
    let server = start().await;
    let mut silent = server.ask("GET", "/silent").await;
    // Others are answered in the meantime.
    assert!(server.raw("GET", "/checked").await.ends_with("the order"));
    let mut byte = [0; 1];
    let read = tokio::time::timeout(Duration::from_millis(100), silent.read(&mut byte)).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn z3_z4_over_http2_streams_are_held_and_cut() {
    let server = start().await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let ask = |path| {
        let target = format!("http://{}{path}", server.address);
        let request = Request::get(target).header("x-later", "ada").body(Empty::<Bytes>::new());
        client.request(request.unwrap())
    };
    let streamed = ask("/streamed").await.unwrap();
    assert_eq!(streamed.into_body().collect().await.unwrap().to_bytes(), "the order");
    assert_eq!(ask("/forgotten").await.unwrap().status(), 500);

    let mut cut = ask("/cut").await.unwrap().into_body();
    let first = cut.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "mine");
    server.go_on.notify_one();
    let error = cut.frame().await.expect("not a good end").unwrap_err();
    assert!(format!("{error:?}").contains("Reset"), "{error:?}");
}
