//! Behind a proxy, over a real socket: whoever connects from this machine is the sidecar, or a stranger.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower_warden::Warden;
use tower_warden::authn::client_certificate::ForwardedCertificates;
use tower_warden::authz::{Rules, authenticated};
use tower_warden::client_address::TrustedProxies;
use tower_warden::principal::Principal;
use tower_warden::rate_limit::Quota;
use tower_warden::testing::TestIssuer;

use super::{HASH, mesh};
use crate::support::Answer;

/// A warden that takes connections from this network for the sidecar's.
async fn serve(network: &str) -> (SocketAddr, JoinHandle<()>) {
    let proxies = TrustedProxies::x_forwarded_for([network]).unwrap();
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let warden = Warden::builder()
        .trust_issuer(issuer.trust())
        .authenticate(mesh())
        .forwarded_certificates(ForwardedCertificates::x_forwarded_client_cert(proxies))
        .limit_failed_authentication(Quota::per_minute(1).burst(2))
        .rules(Rules::builder().get("/whoami", authenticated()))
        .build()
        .unwrap();
    let whoami = async |who: Principal| who.subject().to_owned();
    let service = warden.guard(Router::new().route("/whoami", get(whoami)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let _ = axum::serve(listener, service.into_make_service()).await;
    });
    (address, serving)
}

async fn send(address: SocketAddr, headers: &[(&str, &str)]) -> Answer {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = Request::get("/whoami").header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = Answer::read(sender.send_request(request).await.unwrap()).await;
    connection.abort();
    answer
}

#[tokio::test]
async fn the_same_field_names_a_workload_from_the_sidecar_and_nobody_from_a_stranger() {
    let id = "spiffe://example.org/ns/shop/sa/cart";
    let field = format!("By=spiffe://example.org/me;Hash={HASH};Subject=\"\";URI={id}");
    for (network, expected) in [("127.0.0.0/8", (200, id)), ("10.0.0.0/8", (401, ""))] {
        let (address, serving) = serve(network).await;
        let answer = send(address, &[("x-forwarded-client-cert", &field)]).await;
        assert_eq!(answer.status, expected.0, "{network}");
        assert!(answer.text().starts_with(expected.1), "{}", answer.text());
        let twice = [("x-forwarded-client-cert", &*field), ("X-Forwarded-Client-Cert", &field)];
        let twice = send(address, &twice).await;
        assert_eq!(twice.status, if expected.0 == 200 { 400 } else { 401 }, "{network}");
        serving.abort();
    }
}

#[tokio::test]
async fn a_certificate_is_no_guess_and_goes_on_where_guessing_was_stopped() {
    let (address, serving) = serve("127.0.0.0/8").await;
    let field = format!("Hash={HASH};URI=spiffe://example.org/a");
    let certificate = ("x-forwarded-client-cert", &*field);
    let guess = ("authorization", "Bearer guess");
    let mut statuses = Vec::new();
    for headers in [&[guess][..], &[guess], &[guess], &[certificate], &[certificate, guess]] {
        statuses.push(send(address, headers).await.status);
    }
    assert_eq!(statuses, [401, 401, 429, 200, 429]);
    serving.abort();
}
