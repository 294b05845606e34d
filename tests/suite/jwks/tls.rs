//! Which servers the client that comes along talks to.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs, version};
use tower_warden::authn::jwks::RemoteKeys;
use tower_warden::http_client::{FetchError, HttpClient, Limits, ReqwestClient};
use tower_warden::testing::TestIssuer;

use super::{AUDIENCE, Scenery, guard, seconds, status};

/// A server with a certificate of its own for `name`, which answers every request with `body`. Its port and certificate.
async fn https(name: &str, body: String) -> (u16, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _the_client_may_go_away = stream.read(&mut [0; 4_096]).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _the_client_may_go_away = stream.write_all((head + &body).as_bytes()).await;
            let _the_client_may_go_away = stream.shutdown().await;
        }
    });
    (port, certificate.pem())
}

#[tokio::test]
async fn k2_keys_come_from_a_server_that_is_who_it_says() {
    let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
    let (port, certificate) = https("localhost", signer.jwks()).await;
    let (_, foreign) = https("localhost", String::new()).await;
    let address = format!("https://localhost:{port}/jwks");
    let trusting = |pem: &str| ReqwestClient::builder().root_certificates(pem).build().unwrap();

    for stranger in [ReqwestClient::new().unwrap(), trusting(&foreign)] {
        let keys = RemoteKeys::at(&address).client(stranger).build().unwrap();
        assert!(keys.load().await.is_err());
        assert_eq!(status(&guard("https://issuer.example", keys), &signer).await, 503);
    }
    let keys = RemoteKeys::at(&address).client(trusting(&certificate)).build().unwrap();
    keys.load().await.unwrap();
    assert_eq!(status(&guard("https://issuer.example", keys), &signer).await, 200);
}

#[tokio::test]
async fn k2_a_certificate_for_another_name_is_refused() {
    let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
    let (port, certificate) = https("issuer.example", signer.jwks()).await;
    let client = ReqwestClient::builder().root_certificates(certificate).build().unwrap();
    let keys = RemoteKeys::at(&format!("https://localhost:{port}/jwks")).client(client);
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
