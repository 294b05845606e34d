//! Addresses as keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The group of an address, as the bits of an IPv6 address: an IPv4 address has those of the one that maps it.
pub(super) fn group_bits(address: IpAddr, ipv6_prefix: u8) -> u128 {
    const MAPPED: u128 = 0xffff << 32;

    match group(address, ipv6_prefix) {
        IpAddr::V4(address) => MAPPED | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address that a client has, whichever way it is written or was translated.
pub(in crate::rate_limit) fn plain(address: IpAddr) -> IpAddr {
    /// 64:ff9b::/96, the first 96 bits of a translated address (RFC 6052 2.1).
    const TRANSLATED: u128 = 0x0064_ff9b << 64;

    match address.to_canonical() {
        IpAddr::V6(address) if address.to_bits() >> 32 == TRANSLATED => {
            // The lower 32 bits are the client's IPv4 address.
            Ipv4Addr::from_bits(address.to_bits() as u32).into()
        }
        canonical => canonical,
    }
}

/// The group that an address is counted with: itself for IPv4, its network for IPv6, where one subscriber has a whole
/// network of addresses to choose from.
///
/// IPv4 clients that reach an IPv6-only server through a translator count as what they are: all of them sit in one
/// network. The prefix is 1 to 128 bits long.
fn group(address: IpAddr, ipv6_prefix: u8) -> IpAddr {
    match plain(address) {
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
