//! Where a request comes from: the client's address behind proxies, and whether it came over TLS.
//!
//! [`ClientAddressLayer`] works out the address once and leaves it as [`ClientAddress`] in the request's extensions,
//! where limiters and audit read it.
//!
//! # Rules
//!
//! 1. The client is the peer of the connection, unless the peer is a listed proxy. Nobody is listed by default.
//! 2. A listed proxy is asked through one field, `Forwarded` (RFC 7239) or `X-Forwarded-For`, never both; the other one
//!    is ignored. The field is read from its right end, where the proxies write, and the first address that is no
//!    listed proxy is the client. What stands left of it is the client's own writing, and is not read.
//! 3. A hop that is not an address (malformed, obfuscated, `unknown`) ends the walk: the client is then the proxy that
//!    wrote it. Strangers behind such a proxy share its address and its limits; nobody gets to pick one.
//! 4. An IPv4-mapped IPv6 address is the IPv4 address in it, in lists, fields and results.
//! 5. A list of networks that holds every public address is refused at start-up: it trusts whoever connects.
//! 6. A request whose peer is not known is refused, never admitted.
//!
//! # What is not checked
//!
//! Whether a listed proxy does its part: it must append to the field (or overwrite it), and overwrite
//! `X-Forwarded-Proto`. A proxy that hands on what the client wrote lets the client choose its address. Connections
//! over Unix sockets have no address; give the request a [`PeerAddress`] that stands for them.
//!
//! ```
//! use std::net::SocketAddr;
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::client_address::{ClientAddress, ClientAddressLayer, PeerAddress, TrustedProxies};
//!
//! # block_on(async {
//! let echo = service_fn(async |request: Request<()>| {
//!     let client = ClientAddress::of(request.extensions()).unwrap().ip().to_string();
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::from(client)))
//! });
//! let service = ClientAddressLayer::new(TrustedProxies::x_forwarded_for(["10.0.0.0/8"])?).layer(echo);
//!
//! let mut request = Request::new(());
//! request.extensions_mut().insert(PeerAddress("10.0.0.7:49152".parse::<SocketAddr>()?));
//! request.headers_mut().insert("x-forwarded-for", "198.51.100.1, 203.0.113.9".parse()?);
//! let admitted = service.clone().oneshot(request).await?;
//! let body = http_body_util::BodyExt::collect(admitted.into_body()).await?.to_bytes();
//! assert_eq!(body, "203.0.113.9"); // the right-most hop that is no proxy of ours
//!
//! let refused = service.oneshot(Request::new(())).await?; // the server did not say who is connected
//! assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! # fn block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

mod forwarded;
mod layer;
mod trusted_proxies;
mod x_forwarded;

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

#[cfg(feature = "mtls")]
pub(crate) use self::forwarded::members_from_right;
pub use self::layer::ClientAddressLayer;
pub use self::trusted_proxies::TrustedProxies;
pub(crate) use self::trusted_proxies::read_network;
use crate::rejection::Arrival;

/// The client's address, as [`ClientAddressLayer`] worked it out; IPv4-mapped IPv6 is IPv4 already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// This address; for servers that know the client by other means, and for tests.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address that a layer left in these request extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let own = extensions.get().copied();
        own.or_else(|| Arrival::of(extensions)?.client.map(Self))
    }

    /// The address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

/// The other end of the connection: a request extension that any server can set.
///
/// Comes before axum's `ConnectInfo<SocketAddr>` (feature `axum`) and tonic's `TcpConnectInfo` (feature `tonic`), which
/// are read where it is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Says that the request's own connection is TLS: a request extension, set by the server that terminates TLS.
///
/// [`TrustedProxies::is_https`] reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecureTransport;

/// One hop, as the proxy that received it wrote it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hop {
    /// Who the proxy was talking to; `None` when that is not an address.
    address: Option<IpAddr>,
    /// Whether it says that they were talking over HTTPS.
    https: Option<bool>,
}

impl Hop {
    /// A hop that says nothing that could be believed.
    const UNREADABLE: Self = Self { address: None, https: None };
}

/// The address of the connection's other end, from whoever runs the server.
fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    if let Some(PeerAddress(peer)) = extensions.get() {
        return Some(peer.ip().to_canonical());
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(peer)) =
        extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()
    {
        return Some(peer.ip().to_canonical());
    }
    #[cfg(feature = "tonic")]
    if let Some(peer) = extensions
        .get::<tonic::transport::server::TcpConnectInfo>()
        .and_then(tonic::transport::server::TcpConnectInfo::remote_addr)
    {
        return Some(peer.ip().to_canonical());
    }
    None
}

/// Without the optional whitespace around a list's members (RFC 9110 5.6.3).
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// An address in its one accepted spelling: no octal, no zone, no surrounding text.
fn parse_address<A: std::str::FromStr + Into<IpAddr>>(text: &[u8]) -> Option<IpAddr> {
    let address: A = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.into().to_canonical())
}
