//! Behind a whole stack, over real sockets: types through extractors, and handlers that know nothing behind the layers.

use std::net::SocketAddr;

use axum::extract::FromRef;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower_warden::authz::property::{AcceptLayer, DiscloseLayer, Disclosed, PropertiesOf};
use tower_warden::authz::{Rules, authenticated, public};
use tower_warden::frameworks::axum::Refusal;
use tower_warden::frameworks::axum::properties::{Accepted, Disclosure, Proposed};
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use super::{ISSUER, order};

#[derive(Serialize)]
struct Order {
    id: u64,
    item: String,
    email: &'static str,
    password: &'static str,
    owner_issuer: &'static str,
    owner: &'static str,
}

#[derive(Deserialize)]
struct NewOrder {
    item: String,
    #[serde(default)]
    is_admin: bool,
}

#[derive(Deserialize)]
struct OrderChange {
    item: Option<String>,
}

#[derive(Clone)]
struct Declared {
    order: PropertiesOf<Order>,
    new: PropertiesOf<NewOrder>,
    change: PropertiesOf<OrderChange>,
}

impl FromRef<Declared> for PropertiesOf<Order> {
    fn from_ref(declared: &Declared) -> Self {
        declared.order.clone()
    }
}

impl FromRef<Declared> for PropertiesOf<NewOrder> {
    fn from_ref(declared: &Declared) -> Self {
        declared.new.clone()
    }
}

impl FromRef<Declared> for PropertiesOf<OrderChange> {
    fn from_ref(declared: &Declared) -> Self {
        declared.change.clone()
    }
}

fn adas(item: &str) -> Order {
    let (item, email) = (item.to_owned(), "jane@example.com");
    Order { id: 7, item, email, password: "s3cret", owner_issuer: ISSUER, owner: "ada" }
}

async fn show(orders: Disclosure<Order>) -> Result<Disclosed, Refusal> {
    orders.of(&adas("a loom"))
}

async fn list(orders: Disclosure<Order>) -> Result<Disclosed, Refusal> {
    orders.of_list(&[adas("a loom"), adas("a sieve")])
}

async fn place(
    orders: Disclosure<Order>,
    Accepted(new): Accepted<NewOrder>,
) -> Result<Disclosed, Refusal> {
    orders.of(&adas(&format!("{}, admin: {}", new.item, new.is_admin)))
}

async fn change(
    orders: Disclosure<Order>,
    proposed: Proposed<OrderChange>,
) -> Result<Disclosed, Refusal> {
    let change = proposed.to(&adas("a loom"))?;
    orders.of(&adas(&change.item.unwrap_or_default()))
}

/// A handler that binds and answers whatever there is.
async fn careless(body: Option<Json<Value>>) -> impl IntoResponse {
    let bound = body.map_or(Value::Null, |Json(body)| body["item"].clone());
    Json(json!({"id": 7, "item": bound, "password": "s3cret", "is_admin": true}))
}

/// The service, until it is dropped.
struct Served {
    address: SocketAddr,
    issuer: TestIssuer,
    _task: JoinSet<()>,
}

impl Served {
    async fn start() -> Self {
        let issuer = TestIssuer::new(ISSUER, "https://api.example");
        let rules = Rules::builder()
            .any("/orders", authenticated())
            .any("/orders/{id}", authenticated())
            .get("/public", public("shop window"))
            .any("/careless", authenticated());
        let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
        let behind_layers = get(careless)
            .post(careless)
            .layer((DiscloseLayer::new(&order()), AcceptLayer::create(&order())));
        let router = Router::new()
            .route("/orders", get(list).post(place))
            .route("/orders/{id}", get(show).patch(change))
            .route("/public", get(show))
            .route("/careless", behind_layers)
            .with_state(Declared { order: order().of(), new: order().of(), change: order().of() });
        let service = warden.guard(router);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let _ = axum::serve(listener, service.into_make_service()).await;
        });
        Self { address, issuer, _task: task }
    }

    fn head(&self, line: &str, subject: &str) -> String {
        let token = self.issuer.token(subject).claim("tenant", "acme").sign();
        let credential = if subject.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        format!("{line} HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n{credential}")
    }

    /// Status and body, of a request with a JSON body.
    async fn send(&self, line: &str, subject: &str, body: &str) -> (u16, String) {
        let head = self.head(line, subject);
        let about = if body.is_empty() {
            String::new()
        } else {
            format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
        };
        self.exchange(&[&format!("{head}{about}\r\n{body}")]).await
    }

    /// What the server answers to these pieces, sent one after another.
    async fn exchange(&self, pieces: &[&str]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in pieces {
            // The server may have answered already.
            let _ = stream.write_all(piece.as_bytes()).await;
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        let mut buffer = [0; 4_096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
        }
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }
}

#[tokio::test]
async fn z11_answers_over_a_socket_hold_what_the_caller_may_see() {
    let served = Served::start().await;
    let shown = |item| format!(r#"{{"id":7,"item":"{item}","email":"jane@example.com"}}"#);
    for (line, subject, expected) in [
        ("GET /orders/7", "ada", shown("a loom")),
        ("GET /orders/7", "bob", r#"{"id":7,"item":"a loom"}"#.to_owned()),
        (
            "GET /orders",
            "bob",
            r#"[{"id":7,"item":"a loom"},{"id":7,"item":"a sieve"}]"#.to_owned(),
        ),
        ("GET /public", "", r#"{"id":7}"#.to_owned()),
        ("GET /public", "ada", shown("a loom")),
        ("GET /careless", "ada", r#"{"id":7,"item":null}"#.to_owned()),
        ("HEAD /careless", "ada", String::new()),
        ("HEAD /orders/7", "ada", String::new()),
    ] {
        assert_eq!(served.send(line, subject, "").await, (200, expected), "{line} {subject}");
    }
}

#[tokio::test]
async fn z12_bodies_over_a_socket_write_only_what_the_caller_may_write() {
    let served = Served::start().await;
    for (line, subject, body, status) in [
        ("POST /orders", "bob", r#"{"item":"x"}"#, 200),
        ("POST /orders", "bob", r#"{"item":"x","is_admin":true}"#, 400),
        ("POST /orders", "bob", r#"{"item":"x","\u0069s_admin":true}"#, 400),
        ("POST /orders", "bob", r#"{"item":"x","IsAdmin":true}"#, 400),
        ("POST /orders", "bob", r#"{"item":"x","item":"y"}"#, 400),
        ("POST /orders", "bob", r#"{"item":7}"#, 400),
        ("POST /orders", "bob", "", 415),
        ("POST /orders", "", r#"{"item":"x"}"#, 401),
        ("PATCH /orders/7", "ada", r#"{"item":"x"}"#, 200),
        ("PATCH /orders/7", "bob", r#"{"item":"x"}"#, 400),
        ("PATCH /orders/7", "ada", r#"{"item":"x","owner":"eve"}"#, 400),
        ("POST /careless", "bob", r#"{"item":"x"}"#, 200),
        ("POST /careless", "bob", r#"{"item":"x","is_admin":true}"#, 400),
        ("POST /careless", "bob", r#"[{"item":"x"}]"#, 400),
    ] {
        let (answered, text) = served.send(line, subject, body).await;
        assert_eq!(answered, status, "{line} {subject} {body}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("is_admin"), "{line}: {text}");
    }
    let written = served.send("POST /careless", "bob", r#"{"item":"x"}"#).await.1;
    assert_eq!(written, r#"{"id":7,"item":"x"}"#);
}

#[tokio::test]
async fn z12_a_body_in_single_bytes_is_read_like_any_other() {
    let served = Served::start().await;
    for (body, status) in
        [(r#"{"item":"slow"}"#, 200), (r#"{"is_admin":1}"#, 400), (r#"{"item":1}}"#, 400)]
    {
        for line in ["POST /careless", "POST /orders"] {
            let head = served.head(line, "bob")
                + "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut pieces = vec![head];
            pieces.extend(body.chars().map(|byte| format!("1\r\n{byte}\r\n")));
            pieces.push("0\r\n\r\n".to_owned());
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            assert_eq!(served.exchange(&pieces).await.0, status, "{line} {body}");
        }
    }
}

#[tokio::test]
async fn z12_ten_megabytes_without_a_length_are_cut_off() {
    let served = Served::start().await;
    for line in ["POST /careless", "POST /orders"] {
        let head = served.head(line, "bob")
            + "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"item\":\"\r\n";
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let mut pieces = vec![head.as_str()];
        pieces.extend(std::iter::repeat_n(chunk.as_str(), 160));
        assert_eq!(served.exchange(&pieces).await.0, 413, "{line}");
    }
}
