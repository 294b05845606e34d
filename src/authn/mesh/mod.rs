//! Callers in a service mesh, known by the SPIFFE id in their client certificate.
//!
//! A [`MeshAuthenticator`] turns the [`ClientCertificate`] of a request into a [`Principal`](crate::Principal): a machine
//! whose issuer is the trust domain, `spiffe://example.org`, and whose subject is the whole id,
//! `spiffe://example.org/ns/shop/sa/orders`.
//!
//! # Rules
//!
//! 1. The certificate comes from the server that terminates TLS, or from a listed proxy such as the sidecar:
//!    [`client_certificate`](super::client_certificate) says how. A stranger's header fields are not read.
//! 2. It has exactly one URI among its names, which is a SPIFFE id with a path (X.509-SVID 2); otherwise 401.
//! 3. The id is well-formed, without normalization: lower-case trust domain, no empty, `.` or `..` segments, no escapes, no
//!    port, query or fragment, at most 2,048 bytes (SPIFFE-ID 2).
//! 4. Its trust domain is on the list, byte for byte. There is no default: a mesh may be federated with others.
//! 5. The certificate belongs to the connection and comes with every request, so this scheme steps back for every other: it
//!    counts only where the request has neither an `Authorization` field nor the credential of another scheme. A bearer
//!    token then says who the user is; which service called on the user's behalf is a question for a
//!    [`check`](crate::authz::check) that reads [`SpiffeId::of`].
//! 6. A credential that is bad refuses the request, also where the certificate would have been good.
//!
//! The challenge is `ClientCertificate`, a name of this crate: a 401 has to carry one (RFC 9110 15.5.2), and no registered
//! scheme means a certificate in the handshake. (`Mutual` is a scheme with passwords, RFC 8120.)
//!
//! # What is not checked
//!
//! The certificate itself, and whether it is a leaf's: that is for whoever terminated TLS, with the trust bundle of the mesh.
//!
//! # Deployment caveat
//!
//! For services, not for browsers: these send a certificate along with requests that another page made them send.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::net::SocketAddr;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::Warden;
//! use tower_warden::authn::client_certificate::ForwardedCertificates;
//! use tower_warden::authn::mesh::{MeshAuthenticator, SpiffeId};
//! use tower_warden::authz::{Rules, check};
//! use tower_warden::client_address::{PeerAddress, TrustedProxies};
//!
//! // Envoy's sidecar terminates TLS, and connects from the loopback network.
//! let sidecar = TrustedProxies::x_forwarded_for(["127.0.0.0/8"])?;
//! let from_shop = check("from the shop", |_, request| {
//!     SpiffeId::of(request.extensions()).is_some_and(|id| id.path().starts_with("/ns/shop/"))
//! });
//! let warden = Warden::builder()
//!     .authenticate(MeshAuthenticator::new(["example.org"])?)
//!     .forwarded_certificates(ForwardedCertificates::x_forwarded_client_cert(sidecar))
//!     .rules(Rules::builder().get("/orders", from_shop))
//!     .build()?;
//!
//! let service = warden.layer(service_fn(async |_: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! }));
//! let ask = |peer: &str, id: &str| {
//!     let hash = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";
//!     let peer = PeerAddress(peer.parse::<SocketAddr>().unwrap());
//!     let request = Request::get("/orders").header("x-forwarded-client-cert", format!("Hash={hash};URI={id}"));
//!     service.clone().oneshot(request.extension(peer).body(()).unwrap())
//! };
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let cart = "spiffe://example.org/ns/shop/sa/cart";
//! assert_eq!(ask("127.0.0.1:49152", cart).await?.status(), StatusCode::OK);
//! assert_eq!(ask("127.0.0.1:49152", "spiffe://example.org/ns/ads/sa/x").await?.status(), StatusCode::FORBIDDEN);
//! assert_eq!(ask("127.0.0.1:49152", "spiffe://evil.example/ns/shop/sa/cart").await?.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(ask("192.0.2.1:49152", cart).await?.status(), StatusCode::UNAUTHORIZED); // not the sidecar
//! # Ok::<_, std::convert::Infallible>(()) })?;
//! # Ok(()) }
//! ```

mod authenticator;
mod spiffe_id;

pub use self::authenticator::MeshAuthenticator;
pub use self::spiffe_id::{SpiffeId, SpiffeIdError};
#[cfg(doc)]
use super::client_certificate::ClientCertificate;
