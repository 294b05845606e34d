//! Concurrency and bandwidth over real connections: axum and tonic, streams, and clients that go away.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower::ServiceBuilder;
use tower_warden::client_address::ClientAddressLayer;
use tower_warden::rate_limit::Quota;
use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
use tower_warden::rate_limit::concurrency::ConcurrencyLimitLayer;

use crate::orders_v1::orders_client::OrdersClient;
use crate::orders_v1::orders_server::{Orders, OrdersServer};
use crate::orders_v1::{
    CreateRequest, DebugRequest, DebugResponse, DeleteRequest, DeleteResponse, GetRequest,
    ListRequest, Order, UpdateRequest,
};

/// Waits for what another task is about to do.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen within ten seconds");
}

struct Axum {
    address: SocketAddr,
    go_on: Arc<Notify>,
    places: ConcurrencyLimitLayer,
    _task: JoinSet<()>,
}

/// A stream of two pieces, the second when it is told to go on.
async fn slow(go_on: Arc<Notify>) -> Body {
    let one = stream::iter([Ok::<_, Infallible>(Bytes::from("one "))]);
    let two = stream::once(async move {
        go_on.notified().await;
        Ok(Bytes::from("two"))
    });
    Body::from_stream(one.chain(two))
}

async fn start() -> Axum {
    let go_on = Arc::new(Notify::new());
    let signal = go_on.clone();
    let places = ConcurrencyLimitLayer::by_address("streams", 1).build().unwrap();
    let bytes = BandwidthLimitLayer::by_address("bytes", Quota::per_hour(10_000)).build().unwrap();
    let limits = ServiceBuilder::new()
        .layer(ClientAddressLayer::default())
        .layer(places.clone())
        .layer(bytes);
    let router = Router::new()
        .route("/slow", get(move || slow(signal)))
        .route("/large", get(async || vec![b'x'; 20_000]))
        .route("/small", get(async || "small"))
        .layer(limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let _ = axum::serve(listener, service).await;
    });
    Axum { address, go_on, places, _task: task }
}

impl Axum {
    async fn ask(&self, method: &str, path: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    async fn answer(&self, method: &str, path: &str) -> String {
        let mut text = String::new();
        self.ask(method, path).await.read_to_string(&mut text).await.unwrap();
        text
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.answer(method, path).await[9..12].parse().unwrap()
    }
}

/// Reads until the text has come.
async fn read_until(connection: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        assert_ne!(connection.read_buf(&mut read).await.unwrap(), 0, "{read:?}");
    }
}

#[tokio::test]
async fn over_a_socket_a_stream_holds_its_place_to_the_end() {
    let server = start().await;
    let mut slow = server.ask("GET", "/slow").await;
    read_until(&mut slow, "one ").await;
    let refused = server.answer("GET", "/small").await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    server.go_on.notify_one();
    read_until(&mut slow, "two").await;
    until(|| server.places.in_flight() == 0).await;
    assert_eq!(server.status("GET", "/small").await, 200);
}

#[tokio::test]
async fn over_a_socket_a_client_that_goes_away_gives_its_place_back() {
    let server = start().await;
    for _ in 0..3 {
        let mut slow = server.ask("GET", "/slow").await;
        read_until(&mut slow, "one ").await;
        assert_eq!(server.places.in_flight(), 1);
        drop(slow);
        until(|| server.places.in_flight() == 0).await;
    }
    assert_eq!(server.status("GET", "/small").await, 200);
}

#[tokio::test]
async fn over_a_socket_the_bytes_of_an_answer_are_charged_but_not_those_of_head() {
    let server = start().await;
    for (method, status) in
        [("HEAD", 200), ("HEAD", 200), ("GET", 200), ("HEAD", 429), ("GET", 429)]
    {
        assert_eq!(server.status(method, "/large").await, status, "{method}");
        until(|| server.places.in_flight() == 0).await;
    }
}

/// Lists one order, and the next one when it is told to go on.
struct Shop(Arc<Notify>);

#[tonic::async_trait]
impl Orders for Shop {
    type ListStream = BoxStream<'static, Result<Order, Status>>;

    async fn get(&self, _: Request<GetRequest>) -> Result<Response<Order>, Status> {
        Ok(Response::new(Order::default()))
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<Self::ListStream>, Status> {
        let go_on = self.0.clone();
        let one = stream::iter([Ok(Order::default())]);
        let two = stream::once(async move {
            go_on.notified().await;
            Err(Status::aborted("The list changed."))
        });
        Ok(Response::new(one.chain(two).boxed()))
    }

    async fn create(&self, _: Request<CreateRequest>) -> Result<Response<Order>, Status> {
        Err(Status::failed_precondition("not now"))
    }

    async fn update(&self, _: Request<UpdateRequest>) -> Result<Response<Order>, Status> {
        panic!("moody")
    }

    async fn delete(&self, _: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        Ok(Response::new(DeleteResponse {}))
    }

    async fn debug(&self, _: Request<DebugRequest>) -> Result<Response<DebugResponse>, Status> {
        Ok(Response::new(DebugResponse::default()))
    }
}

#[tokio::test]
async fn over_grpc_a_stream_holds_its_place_until_its_trailers() {
    let go_on = Arc::new(Notify::new());
    let places = ConcurrencyLimitLayer::by_address("streams", 1).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder()
        .layer(ClientAddressLayer::default())
        .layer(places.clone())
        .add_service(OrdersServer::new(Shop(go_on.clone())));
    let mut task = JoinSet::new();
    task.spawn(async move {
        let _ = server.serve_with_incoming(TcpIncoming::from(listener)).await;
    });
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await;
    let orders = OrdersClient::new(channel.unwrap());
    let free = || until(|| places.in_flight() == 0);

    let mut list = orders.clone().list(ListRequest::default()).await.unwrap().into_inner();
    assert!(list.message().await.unwrap().is_some());
    let refused = orders.clone().get(GetRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    go_on.notify_one();
    assert_eq!(list.message().await.unwrap_err().code(), Code::Aborted, "its own trailers");
    free().await;

    let mut list = orders.clone().list(ListRequest::default()).await.unwrap().into_inner();
    assert!(list.message().await.unwrap().is_some());
    drop(list);
    free().await;

    assert!(orders.clone().create(CreateRequest::default()).await.is_err());
    free().await;
    assert!(orders.clone().update(UpdateRequest::default()).await.is_err());
    free().await;
    orders.clone().get(GetRequest::default()).await.unwrap();
}
