//! A server with a certificate that nobody trusts by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs, version};

/// Answers every request with the same JSON, until it is dropped.
pub(crate) struct HttpsServer {
    port: u16,
    certificate: String,
    asked: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl HttpsServer {
    /// A server on this machine, whose certificate is of its own making and for `name`.
    pub(crate) async fn start(name: &str, body: String) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
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
        let asked = Arc::<AtomicUsize>::default();
        let mut task = JoinSet::new();
        task.spawn(serve(listener, acceptor, body, Arc::clone(&asked)));
        Self { port, certificate: certificate.pem(), asked, _task: task }
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Its certificate (PEM).
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// How many requests came; a connection that the client broke off is none.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    body: String,
    asked: Arc<AtomicUsize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        match stream.read(&mut [0; 4_096]).await {
            Ok(1..) => asked.fetch_add(1, Ordering::SeqCst),
            _ => continue, // the client went away
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _the_client_may_go_away = stream.write_all((head + &body).as_bytes()).await;
        let _the_client_may_go_away = stream.shutdown().await;
    }
}
