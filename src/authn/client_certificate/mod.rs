//! The certificate that a client showed in its TLS handshake: from the server that terminates TLS, or from a proxy that
//! did so for it.
//!
//! Whoever terminates TLS has checked the certificate. Its digest is what tokens are bound to (RFC 8705 3), and a name in it
//! is what a caller in a [mesh](super::mesh) is known by.
//!
//! # Rules
//!
//! 1. A server that terminates TLS itself puts a [`ClientCertificate`] into the extensions of every request of a
//!    connection that came with a certificate.
//! 2. A proxy says so in one header field, `Client-Cert` (RFC 9440) or Envoy's `x-forwarded-client-cert`:
//!    [`ForwardedCertificates`] says which one, and which proxies are believed. Nobody is believed by default.
//! 3. With [`ForwardedCertificates`], those fields and `Client-Cert-Chain` are removed from every request: a stranger's
//!    unread, a proxy's once the chosen one was read. Handlers find the certificate in the request's extensions.
//! 4. On a connection from a listed proxy, the certificate of the connection is the proxy's own and never counts as the
//!    client's.
//! 5. Of several elements of `x-forwarded-client-cert` the last one counts, which the proxy next to us wrote. What stands
//!    left of it may be a client's own writing, and is not read.
//! 6. A listed proxy's field that is malformed, that comes more than once, or whose `Hash` is not that of its `Cert`
//!    refuses the request with 400.
//!
//! # What is not checked
//!
//! The certificate: its chain, dates, use and revocation are for the TLS acceptor, or for the proxy, which has to remove
//! the fields that clients send (RFC 9440 4; Envoy's `forward_client_cert_details: SANITIZE_SET` or `APPEND_FORWARD`, and
//! neither `FORWARD_ONLY` nor `ALWAYS_FORWARD_ONLY`, which hand on what clients wrote). A certificate that expires or is
//! revoked while its connection is open counts until that ends.
//!
//! # Deployment caveat
//!
//! The certificate is that of whoever connected to the proxy next to us. Where that is another proxy, as with a gateway in
//! front of a sidecar, it is the gateway's, and a token bound to the certificate of a client outside is refused.
//!
//! Envoy writes names of a certificate into `x-forwarded-client-cert` as they are. Let it send the certificate too
//! (`set_current_client_cert_details: { cert: true, uri: true }`): names are then read from the certificate. An authority that
//! signs names with quotes, commas or semicolons in them lets its holders write into the field all the same.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::net::SocketAddr;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use serde_json::json;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::authn::AuthenticateLayer;
//! use tower_warden::authn::bearer::BearerAuthenticator;
//! use tower_warden::authn::client_certificate::{ClientCertificate, ForwardedCertificates};
//! use tower_warden::authn::jwt::JwtValidator;
//! use tower_warden::client_address::{PeerAddress, TrustedProxies};
//! use tower_warden::testing::TestIssuer;
//!
//! let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let bearer = BearerAuthenticator::new(JwtValidator::new(issuer.trust()?));
//! let proxies = TrustedProxies::forwarded(["10.0.0.0/8"])?;
//! let layer = AuthenticateLayer::new(bearer).forwarded_certificates(ForwardedCertificates::client_cert(proxies));
//!
//! // A token that is bound to a certificate, as the issuer learned it in a handshake of its own.
//! let certificate = ClientCertificate::from_der(*b"the certificate of a client");
//! let thumbprint = "e6EPOiqNycVHOgUkw30VSnkQG8oHA8CKPc5urommd_Q"; // base64url(SHA-256(DER))
//! let token = issuer.token("ada").claim("cnf", json!({ "x5t#S256": thumbprint })).sign();
//!
//! let from = |peer: &str, field: &'static str| {
//!     let peer = PeerAddress(peer.parse::<SocketAddr>().unwrap());
//!     let request = Request::get("/").header("authorization", format!("Bearer {token}")).header("client-cert", field);
//!     let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())));
//!     layer.layer(inner).oneshot(request.extension(peer).body(()).unwrap())
//! };
//! let field = ":dGhlIGNlcnRpZmljYXRlIG9mIGEgY2xpZW50:"; // base64(DER) between colons
//! # assert_eq!(certificate.der().unwrap(), b"the certificate of a client");
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! assert_eq!(from("10.0.0.7:49152", field).await?.status(), StatusCode::OK);
//! assert_eq!(from("10.0.0.7:49152", ":YW5vdGhlciBvbmU=:").await?.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(from("192.0.2.1:49152", field).await?.status(), StatusCode::UNAUTHORIZED); // no proxy of ours
//! # Ok::<_, std::convert::Infallible>(()) })?;
//! # Ok(()) }
//! ```

mod forwarded;
mod x_forwarded_client_cert;

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::Extensions;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

pub use self::forwarded::ForwardedCertificates;

/// The certificate that the client of a connection showed: a request extension. Cheap to clone.
///
/// A server that terminates TLS makes one for each connection, from what its handshake verified, and inserts it into the
/// extensions of each request; with rustls from `ServerConnection::peer_certificates`, whose first one it is.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    digest: [u8; 32],
    der: Option<Box<[u8]>>,
    uri_names: OnceLock<Option<Vec<String>>>,
}

impl ClientCertificate {
    /// A certificate in DER, which the caller has verified.
    #[must_use]
    pub fn from_der(der: impl Into<Vec<u8>>) -> Self {
        let der = der.into();
        let digest = Sha256::digest(&der).into();
        let uri_names = OnceLock::new();
        Self(Arc::new(Inner { digest, der: Some(der.into()), uri_names }))
    }

    /// A certificate of which a proxy told digest and names alone.
    fn told(digest: [u8; 32], uri_names: Vec<String>) -> Self {
        Self(Arc::new(Inner { digest, der: None, uri_names: OnceLock::from(Some(uri_names)) }))
    }

    /// The certificate that is in these request extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The SHA-256 digest of the certificate in DER: what `x5t#S256` names (RFC 8705 3.1).
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }

    /// The certificate in DER; `None` where a proxy told no more than digest and names.
    #[must_use]
    pub fn der(&self) -> Option<&[u8]> {
        self.0.der.as_deref()
    }

    /// The URIs among its alternative names (RFC 5280 4.2.1.6); `None` where the certificate cannot be read.
    ///
    /// Read from the certificate where it is there, otherwise what the proxy said they are.
    #[must_use]
    pub fn uri_names(&self) -> Option<&[String]> {
        let read = || {
            let der = CertificateDer::from(self.der()?);
            let certificate = webpki::EndEntityCert::try_from(&der).ok()?;
            Some(certificate.valid_uri_names().map(str::to_owned).collect())
        };
        self.0.uri_names.get_or_init(read).as_deref()
    }
}

/// Whether there is DER, and the names.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("der", &self.der().is_some())
            .field("uri_names", &self.uri_names())
            .finish()
    }
}
