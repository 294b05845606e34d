//! Whose bucket a request is charged to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::request;
use smallvec::SmallVec;

use super::refusal::misplaced;
use crate::client_address::ClientAddress;
use crate::principal::Principal;
use crate::rejection::{Challenges, Rejection};

const DEFAULT_IPV6_PREFIX: u8 = 64;

/// What tells one caller from another within a limit, as bytes.
pub(super) type KeyBytes = SmallVec<[u8; 112]>;

/// What a limit counts by.
#[derive(Clone, PartialEq)]
pub struct Key(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Address { ipv6_prefix: u8 },
    Principal,
}

/// Who was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The caller whose bytes were written.
    Caller,
    /// Nobody: the limit has nothing to count.
    Nobody,
}

impl Key {
    /// The client's address; IPv6 addresses that agree in the first 64 bits are one client.
    #[must_use]
    pub const fn address() -> Self {
        Self(Kind::Address { ipv6_prefix: DEFAULT_IPV6_PREFIX })
    }

    /// The client's address, where IPv6 addresses that agree in so many bits, 1 to 128, are one client: for providers that
    /// give their subscribers a /56 or /48.
    #[must_use]
    pub const fn address_with_ipv6_prefix(bits: u8) -> Self {
        Self(Kind::Address { ipv6_prefix: bits })
    }

    /// The principal: issuer and subject. An anonymous request is nobody's.
    #[must_use]
    pub const fn principal() -> Self {
        Self(Kind::Principal)
    }

    /// What no limit can count by.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self.0 {
            Kind::Address { ipv6_prefix: 0 | 129.. } => {
                Some("the IPv6 prefix is not 1 to 128 bits long")
            }
            Kind::Address { .. } | Kind::Principal => None,
        }
    }

    /// Whether the caller is known only after authentication.
    pub(super) const fn needs_principal(&self) -> bool {
        matches!(self.0, Kind::Principal)
    }

    /// The reason code of a refusal.
    pub(super) const fn spent(&self) -> &'static str {
        match self.0 {
            Kind::Address { .. } => "address_quota_exceeded",
            Kind::Principal => "principal_quota_exceeded",
        }
    }

    /// Writes who sent the request. Fails where the layer that would know is missing.
    pub(super) fn write(
        &self,
        head: &request::Parts,
        bytes: &mut KeyBytes,
    ) -> Result<Found, Rejection> {
        match &self.0 {
            Kind::Address { ipv6_prefix } => {
                let Some(client) = ClientAddress::of(&head.extensions) else {
                    return Err(misplaced(
                        "client_address_missing",
                        "put a `ClientAddressLayer` outside this rate limiter",
                    ));
                };
                write_address(group(client.ip(), *ipv6_prefix), bytes);
                Ok(Found::Caller)
            }
            Kind::Principal => match Principal::of(&head.extensions) {
                Some(principal) => {
                    let (issuer, subject) = principal.identity();
                    // The length tells where one ends and the other begins.
                    bytes.extend_from_slice(&(issuer.len() as u64).to_le_bytes());
                    bytes.extend_from_slice(issuer.as_bytes());
                    bytes.extend_from_slice(subject.as_bytes());
                    Ok(Found::Caller)
                }
                None if Challenges::of(&head.extensions).is_some() => Ok(Found::Nobody),
                None => Err(misplaced(
                    "authentication_missing",
                    "put an `AuthenticateLayer` outside this rate limiter; a gate of your own that \
                     authenticates leaves `Challenges` in the extensions of anonymous requests",
                )),
            },
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An IPv4 address and the IPv6 address that maps it are one client, and come from [`group`] as one.
fn write_address(address: IpAddr, bytes: &mut KeyBytes) {
    let octets = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    bytes.extend_from_slice(&octets);
}

/// The group that an address is counted with: itself for IPv4, its network for IPv6, where one subscriber has a whole
/// network of addresses to choose from.
///
/// IPv4 clients that reach an IPv6-only server through a translator count as what they are: all of them sit in one
/// network. The prefix is 1 to 128 bits long.
fn group(address: IpAddr, ipv6_prefix: u8) -> IpAddr {
    /// 64:ff9b::/96, the first 96 bits of a translated address (RFC 6052 2.1).
    const TRANSLATED: u128 = 0x0064_ff9b << 64;

    match address.to_canonical() {
        IpAddr::V6(address) if address.to_bits() >> 32 == TRANSLATED => {
            // The lower 32 bits are the client's IPv4 address.
            Ipv4Addr::from_bits(address.to_bits() as u32).into()
        }
        IpAddr::V6(address) => {
            let host_bits = 128_u32.saturating_sub(ipv6_prefix.into());
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(address: &str, prefix: u8) -> String {
        group(address.parse().unwrap(), prefix).to_string()
    }

    #[test]
    fn q11_ipv6_is_grouped_and_ipv4_is_not() {
        assert_eq!(grouped("2001:db8:1:2:3:4:5:6", 64), "2001:db8:1:2::");
        assert_eq!(grouped("2001:db8:1:2ff:3:4:5:6", 56), "2001:db8:1:200::");
        assert_eq!(grouped("2001:db8::6", 128), "2001:db8::6");
        assert_eq!(grouped("ffff::1", 1), "8000::");
        assert_eq!(grouped("192.0.2.7", 64), "192.0.2.7");
    }

    #[test]
    fn q11_translated_ipv4_clients_do_not_all_share_one_group() {
        assert_eq!(grouped("64:ff9b::192.0.2.7", 64), "192.0.2.7");
        assert_eq!(grouped("64:ff9b:0:0:1::1", 64), "64:ff9b::");
        assert_eq!(grouped("64:ff9b:1::1", 64), "64:ff9b:1::");
    }

    #[test]
    fn express_rate_limit_ipv4_mapped_addresses_do_not_all_share_one_group() {
        assert_eq!(grouped("::ffff:192.0.2.7", 64), "192.0.2.7");
        assert_ne!(grouped("::ffff:192.0.2.7", 56), grouped("::ffff:192.0.2.8", 56));
    }
}
