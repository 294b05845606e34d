//! Limits of a whole stack, over real sockets: what clients of axum and tonic get to see.

use axum::http::HeaderMap;
use axum::routing::{get, post};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tower_warden::Warden;
use tower_warden::authz::{Rules, public};
use tower_warden::rate_limit::{Key, Limit, Quota};

use crate::grpc::{Running, with};
use crate::orders_v1::GetRequest;

#[tokio::test]
async fn q12_q14_behind_axum_failed_log_ins_are_counted_and_exports_cost_more() {
    let account = Key::from_async_fn("account", |head: &http::request::Parts| {
        let account = head.headers.get("x-account").and_then(|name| name.to_str().ok());
        let account = account.map(str::to_owned);
        async move { Ok::<_, std::io::Error>(account) }
    });
    let log_ins = Limit::new("log-in", Key::all_of([Key::address(), account]), Quota::per_hour(2))
        .only_routes(["POST /login"])
        .charge_when(|answer| answer.status == StatusCode::UNAUTHORIZED);
    let exports = Limit::by_address("exports", Quota::per_hour(30))
        .except_routes(["POST /login"])
        .cost_of_route("GET /exports", 20);
    let rules = Rules::builder()
        .post("/login", public("everybody logs in"))
        .get("/exports", public("for everybody"))
        .get("/", public("for everybody"));
    let warden = Warden::builder().rules(rules).limit(log_ins).limit(exports).build().unwrap();
    let router = axum::Router::new()
        .route("/", get(async || "home"))
        .route("/exports", get(async || "all of it"))
        .route(
            "/login",
            post(async |headers: HeaderMap| match headers["x-password"].to_str() {
                Ok("right") => StatusCode::OK,
                _ => StatusCode::UNAUTHORIZED,
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = warden.guard(router).into_make_service();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    let ask = async |request: &str, fields: &str| {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer["HTTP/1.1 ".len()..][..3].parse::<u16>().unwrap()
    };
    let log_in = async |account: &str, password: &str| {
        ask("POST /login", &format!("x-account: {account}\r\nx-password: {password}\r\n")).await
    };
    for (account, password, status) in [
        ("ada", "right", 200),
        ("ada", "right", 200),
        ("ada", "right", 200),
        ("ada", "a", 401),
        ("ada", "b", 401),
        ("ada", "c", 429),
        ("ada", "right", 429),
        ("bob", "right", 200),
    ] {
        assert_eq!(log_in(account, password).await, status, "{account} {password}");
    }
    let exports =
        [ask("GET /exports", "").await, ask("GET /exports", "").await, ask("GET /", "").await];
    assert_eq!(exports, [200, 429, 200]);
    server.abort();
}

#[tokio::test]
async fn q12_q14_behind_tonic_failed_calls_are_counted_by_the_client() {
    let failures =
        Limit::new("failures", Key::all_of([Key::principal(), Key::route()]), Quota::per_hour(2))
            .only_routes(["/orders.v1.Orders/Get"])
            .charge_when(|answer| {
                answer.headers.get("grpc-status").is_some_and(|code| code == "9")
            });
    let service = Running::with(|warden| warden.limit(failures)).await;
    let reader = service.reader();
    let mut codes = Vec::new();
    for id in [0, 0, 0, 9, 5, 9, 0] {
        let request = with(&[("authorization", &reader)], GetRequest { id });
        let answer = service.orders().get(request).await;
        codes.push(answer.map_or_else(|status| status.code(), |_| Code::Ok));
    }
    let fails = Code::FailedPrecondition;
    assert_eq!(
        codes,
        [Code::Ok, Code::Ok, Code::Ok, fails, Code::NotFound, fails, Code::ResourceExhausted]
    );
}
