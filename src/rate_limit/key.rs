use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whose bucket it is. Data, not a hash, so that every store can make of it what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// A group of client addresses, from [`group`].
    Address(IpAddr),
    /// A principal's identity.
    Principal { issuer: &'a str, subject: &'a str },
}

/// A key, hashed with the secret of its limiter.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashedKey(pub(super) u64);

impl Key<'_> {
    pub(super) fn hashed(&self, secret: &RandomState) -> HashedKey {
        HashedKey(secret.hash_one(self))
    }
}

/// In as few words as tell keys of one limiter apart, for every request is hashed two or three times. All of its keys
/// are of one kind; an IPv4 address and the IPv6 address that maps it are one client, and come from [`group`] as one.
impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match self {
            Self::Address(IpAddr::V4(address)) => {
                hasher.write_u128(address.to_ipv6_mapped().to_bits());
            }
            Self::Address(IpAddr::V6(address)) => hasher.write_u128(address.to_bits()),
            Self::Principal { issuer, subject } => {
                // The length tells where one ends and the other begins.
                hasher.write_usize(issuer.len());
                hasher.write(issuer.as_bytes());
                hasher.write(subject.as_bytes());
            }
        }
    }
}

/// The group that an address is counted with: itself for IPv4, its network for IPv6, where one subscriber has a whole
/// network of addresses to choose from.
///
/// IPv4 clients that reach an IPv6-only server through a translator count as what they are: all of them sit in one
/// network. The prefix is 1 to 128 bits long.
pub(super) fn group(address: IpAddr, ipv6_prefix: u8) -> IpAddr {
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
