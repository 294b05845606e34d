use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::{HeaderMap, request};
use ipnet::{IpNet, Ipv6Net};

use super::{Hop, SecureTransport, forwarded, peer_of, x_forwarded};
use crate::config::{ConfigError, Problems};

/// More listed proxies in a row than any deployment has; a field that claims more is not believed.
const MAX_HOPS: usize = 32;

/// The proxies whose word on the client counts, and the one field they give it in. Cheap to clone.
///
/// ```
/// use tower_warden::client_address::TrustedProxies;
///
/// assert!(TrustedProxies::forwarded(["10.0.0.0/8", "2001:db8:7::/48", "192.0.2.4"]).is_ok());
/// assert!(TrustedProxies::x_forwarded_for(["0.0.0.0/0"]).is_err()); // that is everybody
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Option<Arc<Trust>>);

#[derive(Debug)]
struct Trust {
    networks: Vec<IpNet>,
    field: Field,
}

/// The field that the listed proxies write.
#[derive(Clone, Copy, Debug)]
enum Field {
    Forwarded,
    XForwarded,
}

/// Where the walk over the hops ended.
#[derive(Clone, Copy)]
struct Origin {
    client: IpAddr,
    https: Option<bool>,
}

/// For people: who is believed, about which field.
impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(trust) = self.0.as_deref() else {
            return f.write_str("of the peer; no proxy is believed");
        };
        let field = match trust.field {
            Field::Forwarded => "Forwarded",
            Field::XForwarded => "X-Forwarded-For",
        };
        write!(f, "{field} of {:?}", trust.networks)
    }
}

impl TrustedProxies {
    /// Clients connect directly: the peer is the client, and no field is believed. The default.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Believes the `Forwarded` field (RFC 7239) of these networks and addresses; `X-Forwarded-For` is ignored.
    ///
    /// # Errors
    ///
    /// As [`x_forwarded_for`](Self::x_forwarded_for).
    pub fn forwarded<T: AsRef<str>>(
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        Self::new(networks, Field::Forwarded)
    }

    /// Believes the `X-Forwarded-For` and `X-Forwarded-Proto` fields of these networks and addresses; `Forwarded` is
    /// ignored.
    ///
    /// # Errors
    ///
    /// Lists every entry that is not a network such as `10.0.0.0/8` or an address, that has bits set beyond its prefix,
    /// or that is IPv4-mapped; and a list that is empty, or that holds every public address, alone or taken together.
    pub fn x_forwarded_for<T: AsRef<str>>(
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        Self::new(networks, Field::XForwarded)
    }

    fn new<T: AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
        field: Field,
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_none() {
            problems.add("trusted proxies", "the list is empty: use `TrustedProxies::none()`");
        }
        let read = |text: T| {
            let culprit = || format!("trusted proxy {:?}", text.as_ref());
            let network = read_network(text.as_ref());
            network.map_err(|problem| problems.add(culprit(), problem)).ok()
        };
        let networks: Vec<IpNet> = texts.filter_map(read).collect();
        // 0.0.0.0/1 and 128.0.0.0/1 are 0.0.0.0/0 in two words.
        if IpNet::aggregate(&networks).iter().any(holds_everybody) {
            problems
                .add("trusted proxies", "the networks taken together hold every public address");
        }
        problems.into_result()?;
        Ok(Self(Some(Arc::new(Trust { networks, field }))))
    }

    /// Whether the client's request came over HTTPS.
    ///
    /// A listed proxy that says how its client connected is believed: `Forwarded;proto`, or `X-Forwarded-Proto` when
    /// the `X-Forwarded` fields are the chosen ones (all members of it, as the left ones may be the client's own).
    /// Otherwise it is so when the server itself terminated TLS and said so with [`SecureTransport`]. The URI's scheme
    /// and a stranger's fields do not count: a client writes those.
    #[must_use]
    #[inline]
    pub fn is_https(&self, head: &request::Parts) -> bool {
        let asked = self.0.is_some(); // Without listed proxies nobody has a say, whoever is connected.
        let said = asked
            .then(|| peer_of(&head.extensions))
            .flatten()
            .and_then(|peer| self.origin(peer, &head.headers).https);
        said.unwrap_or_else(|| head.extensions.get::<SecureTransport>().is_some())
    }

    /// Whether the connection's other end is listed; `None` where nobody knows who that is.
    #[cfg(feature = "mtls")]
    pub(crate) fn holds_peer(&self, extensions: &http::Extensions) -> Option<bool> {
        let peer = peer_of(extensions)?;
        Some(self.0.as_deref().is_some_and(|trust| trust.holds(peer)))
    }

    /// The client behind `peer`.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.0.is_some() { self.origin(peer, headers).client } else { peer }
    }

    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let direct = Origin { client: peer, https: None };
        match self.0.as_deref() {
            Some(trust) if trust.holds(peer) => match trust.field {
                Field::Forwarded => trust.walk(direct, forwarded::from_right(headers)),
                Field::XForwarded => {
                    let https = x_forwarded::https(headers);
                    Origin { https, ..trust.walk(direct, x_forwarded::from_right(headers)) }
                }
            },
            _ => direct,
        }
    }
}

impl Trust {
    fn holds(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// From hop to hop, each written by the listed proxy before it.
    fn walk(&self, peer: Origin, hops: impl Iterator<Item = Hop>) -> Origin {
        let mut origin = peer;
        for (number, hop) in hops.enumerate() {
            if number == MAX_HOPS {
                return peer;
            }
            origin.https = hop.https;
            let Some(address) = hop.address else { break };
            origin.client = address;
            if !self.holds(address) {
                break;
            }
        }
        origin
    }
}

/// Whether every client on the internet is in the network.
fn holds_everybody(network: &IpNet) -> bool {
    /// All of IPv6 that is assigned to anyone yet (RFC 4291 2.4, IANA).
    const GLOBAL_UNICAST: Ipv6Net =
        Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

    match network {
        IpNet::V4(v4) => v4.prefix_len() == 0,
        IpNet::V6(v6) => v6.contains(&GLOBAL_UNICAST),
    }
}

/// A network, or an address as a network of its own.
pub(crate) fn read_network(text: &str) -> Result<IpNet, &'static str> {
    let Ok(network) = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
    else {
        return Err("is neither a network such as 10.0.0.0/8 nor an address");
    };
    if network.prefix_len() == 0 {
        return Err("holds every address");
    }
    if network != network.trunc() {
        return Err("has bits set beyond its prefix");
    }
    if matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
        return Err("is IPv4-mapped: write the IPv4 network");
    }
    Ok(network)
}
