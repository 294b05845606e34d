//! A server that terminates TLS itself and asks clients for a certificate: tokio-rustls, hyper, axum.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tower::ServiceExt;
use tower_warden::Warden;
use tower_warden::authn::client_certificate::ClientCertificate;
use tower_warden::authn::mesh::MeshAuthenticator;
use tower_warden::authz::{Rules, authenticated};
use tower_warden::client_address::{PeerAddress, SecureTransport};
use tower_warden::principal::Principal;
use tower_warden::testing::TestIssuer;

use super::{bound_to, signer};
use crate::certificates::{Authority, Identity};
use crate::support::Answer;

/// Stops serving when it is dropped.
struct Server {
    address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    async fn start(authority: &Authority, signer: &TestIssuer) -> Self {
        let warden = Warden::builder()
            .trust_issuer(signer.trust())
            .authenticate(MeshAuthenticator::new(["example.org"]).unwrap())
            .rules(Rules::builder().get("/whoami", authenticated()))
            .build()
            .unwrap();
        let whoami = async |who: Principal| format!("{} {}", who.scheme(), who.subject());
        let service = warden.guard(Router::new().route("/whoami", get(whoami)));
        let acceptor = TlsAcceptor::from(Arc::new(authority.server()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (acceptor, service) = (acceptor.clone(), service.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                    let certificate = shown.map(|der| ClientCertificate::from_der(der.to_vec()));
                    let service =
                        service.map_request(move |request: Request<hyper::body::Incoming>| {
                            let mut request = request.map(Body::new);
                            request.extensions_mut().insert(PeerAddress(peer));
                            request.extensions_mut().insert(SecureTransport);
                            if let Some(certificate) = certificate.clone() {
                                request.extensions_mut().insert(certificate);
                            }
                            request
                        });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let service = TowerToHyperService::new(service);
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, serving: serving.abort_handle() }
    }

    async fn ask(
        &self,
        authority: &Authority,
        identity: Option<&Identity>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let connector = TlsConnector::from(Arc::new(authority.client(identity)));
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::get("/whoami").header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        let answer = Answer::read(response).await;
        connection.abort();
        answer
    }
}

#[tokio::test]
async fn p18_the_certificate_of_a_real_handshake_is_what_counts() {
    let (signer, authority) = (signer(), Authority::new());
    let server = Server::start(&authority, &signer).await;
    let (own, other) = (authority.issue(&[]), authority.issue(&[]));
    let token = bound_to(&signer, &own);
    let field = own.client_cert();
    let xfcc = format!("Hash={}", own.hash());
    let token = ("authorization", &*token);
    for (shown, headers, expected) in [
        (Some(&own), vec![token], 200),
        (Some(&other), vec![token], 401),
        (None, vec![token], 401),
        (None, vec![token, ("client-cert", &field)], 401),
        (
            Some(&other),
            vec![token, ("client-cert", &field), ("x-forwarded-client-cert", &xfcc)],
            401,
        ),
    ] {
        let answer = server.ask(&authority, shown, &headers).await;
        assert_eq!(answer.status, expected, "{headers:?}");
        let expected_text = if expected == 200 { "Bearer ada" } else { "" };
        assert!(answer.text().starts_with(expected_text), "{}", answer.text());
        assert!(answer.headers.contains_key("strict-transport-security"));
    }
}

#[tokio::test]
async fn a_workload_is_known_by_the_certificate_of_a_real_handshake() {
    let (signer, authority) = (signer(), Authority::new());
    let server = Server::start(&authority, &signer).await;
    let cart = authority.issue(&["spiffe://example.org/ns/shop/sa/cart"]);
    let evil = authority.issue(&["spiffe://evil.example/ns/shop/sa/cart"]);
    let plain = format!("Bearer {}", signer.token("ada").sign());

    let answer = server.ask(&authority, Some(&cart), &[]).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "ClientCertificate spiffe://example.org/ns/shop/sa/cart")
    );
    let answer = server.ask(&authority, Some(&cart), &[("authorization", &plain)]).await;
    assert_eq!((answer.status, answer.text()), (200, "Bearer ada"));
    assert_eq!(server.ask(&authority, Some(&evil), &[]).await.status, 401);
    let anonymous = server.ask(&authority, None, &[]).await;
    assert_eq!(
        (anonymous.status, anonymous.all("www-authenticate")),
        (401, vec![r#"Bearer realm="api""#, r#"ClientCertificate realm="api""#])
    );
}
