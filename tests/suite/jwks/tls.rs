//! Which servers the client that comes along talks to.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tower_warden::authn::jwks::RemoteKeys;
use tower_warden::http_client::{FetchError, HttpClient, Limits, ReqwestClient};
use tower_warden::testing::TestIssuer;

use super::{AUDIENCE, Scenery, guard, seconds, status};
use crate::https_server::HttpsServer;

#[tokio::test]
async fn k2_keys_come_from_a_server_that_is_who_it_says() {
    let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
    let server = HttpsServer::start("localhost", signer.jwks()).await;
    let foreign = HttpsServer::start("localhost", String::new()).await;
    let address = server.address("/jwks");
    let trusting = |pem: &str| ReqwestClient::builder().root_certificates(pem).build().unwrap();

    for stranger in [ReqwestClient::new().unwrap(), trusting(foreign.certificate())] {
        let keys = RemoteKeys::at(&address).client(stranger).build().unwrap();
        assert!(keys.load().await.is_err());
        assert_eq!(status(&guard("https://issuer.example", keys), &signer).await, 503);
    }
    let keys = RemoteKeys::at(&address).client(trusting(server.certificate())).build().unwrap();
    keys.load().await.unwrap();
    assert_eq!(status(&guard("https://issuer.example", keys), &signer).await, 200);
}

#[tokio::test]
async fn k2_a_certificate_for_another_name_is_refused() {
    let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
    let server = HttpsServer::start("issuer.example", signer.jwks()).await;
    let client = ReqwestClient::builder().root_certificates(server.certificate());
    let keys = RemoteKeys::at(&server.address("/jwks")).client(client.build().unwrap());
    assert!(keys.build().unwrap().load().await.is_err());
}

#[tokio::test]
async fn k2_the_client_asks_over_plain_http_only_where_it_may() {
    let scene = Scenery::set().await;
    let limits = Limits::new(seconds(5), 1_000);
    let ask = |client: ReqwestClient, scheme: &str| {
        let address = scene.server.jwks_uri().replacen("http", scheme, 1);
        client.send(Request::get(address).body(Bytes::new()).unwrap(), limits)
    };
    let careful = || ReqwestClient::new().unwrap();
    let allowing = || ReqwestClient::builder().insecure_allow_loopback_http().build().unwrap();
    assert_eq!(ask(allowing(), "http").await.unwrap().status(), 200);
    assert!(matches!(ask(careful(), "http").await, Err(FetchError::Failed(_))));
    // No TLS there, and no way back to plain HTTP.
    assert!(matches!(ask(allowing(), "https").await, Err(FetchError::Failed(_))));
    assert_eq!(scene.server.fetches(), 1);
}

/// A server whose queue of connections is full does not answer at all, as one does that a firewall swallows.
#[tokio::test]
async fn k5_a_connection_that_does_not_come_up_ends_long_before_the_request_would() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = socket.listen(1).unwrap(); // which accepts nobody
    let address = server.local_addr().unwrap();
    let mut queue = Vec::new();
    let is_full = async |queue: &mut Vec<TcpStream>| {
        let tried = timeout(Duration::from_millis(200), TcpStream::connect(address)).await;
        tried.map(|connected| queue.push(connected.unwrap())).is_err()
    };
    while !is_full(&mut queue).await {}

    let client = ReqwestClient::builder()
        .insecure_allow_loopback_http()
        .connect_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let request = Request::get(format!("http://{address}/jwks")).body(Bytes::new()).unwrap();
    let answer = client.send(request, Limits::new(seconds(3_600), 1_000));
    let answer =
        timeout(seconds(20), answer).await.expect("the limit of an hour is not what counts");
    assert!(matches!(answer, Err(FetchError::TimedOut | FetchError::Failed(_))), "{answer:?}");
}
