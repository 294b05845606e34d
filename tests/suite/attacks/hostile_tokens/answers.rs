//! What a caller with a hostile token sees: always the same, over HTTP and over gRPC.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use http::{HeaderValue, Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authz::{Rules, scope};
use tower_warden::client_address::PeerAddress;
use tower_warden::warden::Warden;

use super::victim::{Mode, Victim};
use super::{Hostile, LAB};
use crate::support::{Answer, TestBody, through};

const CHALLENGE: &str = r#"Bearer realm="api", error="invalid_token""#;
const PATH: &str = "/orders.v1.Orders/Get";

/// The whole stack in front of a service, for holders of a scope that good tokens have.
fn stack(victim: &Victim) -> Warden {
    Warden::builder()
        .authenticate(BearerAuthenticator::new(victim.validator(Mode::AccessTokensOnly)))
        .rules(Rules::builder().get(PATH, scope("orders:read")).grpc(PATH, scope("orders:read")))
        .insecure_without_rate_limits()
        .build()
        .unwrap()
}

/// A request with the token, if a header field can hold it.
fn request(method: &Method, token: &str) -> Option<Request<TestBody>> {
    let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).ok()?;
    let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000)));
    let request = Request::builder().method(method).uri(PATH).extension(peer);
    let request = request.header("authorization", value);
    let request = match *method {
        Method::POST => request.header("content-type", "application/grpc"),
        _ => request,
    };
    Some(request.body(TestBody::default()).unwrap())
}

/// Everything of an answer, but for what tells one request from another.
fn uniform(mut answer: Answer) -> (u16, String, String) {
    let id = answer.header("x-request-id").to_owned();
    assert_eq!(id.len(), 36, "{answer:?}");
    answer.headers.remove("x-request-id");
    let headers = format!("{:?}", answer.headers);
    (answer.status, headers, answer.text().replace(&id, "..."))
}

/// Sends every row, and checks that each answer is the one that `token` gets.
async fn all_get_the_answer_of(token: &str, method: Method) -> (u16, String, String) {
    let mut stacks = HashMap::new();
    let mut expected = None;
    let (mut count, mut unspeakable) = (0, 0);
    for (row, victim) in LAB.rows() {
        let warden: &Warden = stacks.entry(row.victim).or_insert_with(|| stack(victim));
        let send = |token: &str| request(&method, token).map(|request| through(warden, request));
        if expected.is_none() {
            expected = Some(uniform(send(token).unwrap().await));
        }
        let Some(sent) = send(&row.token) else {
            unspeakable += 1; // no header field can hold it
            continue;
        };
        let answer = sent.await;
        assert_eq!(answer.reason(), row.error.reason(), "{}", row.name);
        assert_eq!(Some(&uniform(answer)), expected.as_ref(), "{}", row.name);
        count += 1;
    }
    assert!(count >= 300 && unspeakable < 10, "{count} sent, {unspeakable} not");
    expected.unwrap()
}

#[tokio::test]
async fn b7_b9_no_hostile_token_can_be_told_from_another_by_its_answer() {
    let (status, headers, body) = all_get_the_answer_of("made.up.token", Method::GET).await;
    assert_eq!(status, 401);
    assert!(headers.contains(&format!("{CHALLENGE:?}")), "{headers}");
    assert!(
        headers.contains("no-store") && body.contains("The credentials are not valid."),
        "{body}"
    );
}

#[tokio::test]
async fn g3_no_hostile_token_can_be_told_from_another_over_grpc() {
    let (status, headers, body) = all_get_the_answer_of("made.up.token", Method::POST).await;
    assert_eq!((status, &*body), (200, ""));
    assert!(headers.contains(r#""grpc-status": "16""#), "{headers}");
    assert!(headers.contains(&format!("{CHALLENGE:?}")), "{headers}");
}

#[tokio::test]
async fn b7_a_good_token_gets_in_where_the_hostile_ones_do_not() {
    for victim in ["ES256", "RS256", "Ed25519", "any RSA"] {
        let victim = LAB.victims.of(victim);
        let request = request(&Method::GET, &victim.good()).unwrap();
        let answer = through(&stack(victim), request).await;
        assert_eq!((answer.status, answer.text()), (200, "inner"));
    }
}

/// What is no header field value at all (RFC 9110 5.5) is stopped by the server; what is one is refused by the stack.
#[tokio::test]
async fn b9_bytes_that_break_a_header_field_do_not_reach_the_handler() {
    let victim = LAB.victims.of("ES256");
    let router = Router::new().route(PATH, get(async || "inner"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = stack(victim).guard(router).into_make_service();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    let good = victim.good();
    let (start, end) = good.split_at(good.len() / 2);
    let mut statuses = Vec::new();
    for value in [
        good.clone(),
        format!("{start}\r\n {end}"), // a folded line (RFC 9112 5.2)
        format!("{start}\r\n\t{end}"),
        format!("{start}\n {end}"),
        format!("{start}\r{end}"),
        format!("{start}\0{end}"),
        format!("{start}\u{1}{end}"),
        format!("{start}\u{7f}{end}"),
        format!("{start}\u{e9}{end}"),
        format!("{good}\r\nAuthorization: Bearer {good}"),
        format!("{good}{}", "a".repeat(900_000)),
    ] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET {PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {value}\r\n\r\n"
        );
        let _ = socket.write_all(head.as_bytes()).await; // the server may hang up before the end
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(answer.ends_with("inner"), value == good, "{value:?}: {answer}");
        statuses.push(answer.get(9..12).unwrap_or_default().to_owned());
    }
    server.abort();
    // Where the server hangs up while the request is on its way, its answer may be lost.
    assert!(["431", ""].contains(&&*statuses.pop().unwrap()));
    assert_eq!(statuses, ["200", "400", "400", "400", "400", "400", "400", "400", "401", "400"]);
}

impl Hostile {
    /// What of the row the log may know, and the token.
    pub(crate) fn parts(&self) -> (&str, &str, &'static str) {
        (&self.name, &self.token, self.error.reason())
    }
}
