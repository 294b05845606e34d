//! `X-Forwarded-For` and `X-Forwarded-Proto`: no standard, but what most proxies write.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};

use super::{Hop, parse_address, trim};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The hops, the last one written first.
pub(super) fn from_right(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    lines
        .flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b','))
        .map(|member| Hop { address: address(trim(member)), https: None })
}

/// What `X-Forwarded-Proto` says. Its members do not line up with the hops, so all of them have to agree.
pub(super) fn https(headers: &HeaderMap) -> Option<bool> {
    let lines = headers.get_all(X_FORWARDED_PROTO).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(|member| trim(member).eq_ignore_ascii_case(b"https"))
        .reduce(|all, one| all && one)
}

/// An address, bare or with a port; IPv6 in brackets where a port follows.
fn address(text: &[u8]) -> Option<IpAddr> {
    let bracketed = || parse_address::<Ipv6Addr>(text.strip_prefix(b"[")?.strip_suffix(b"]")?);
    let with_port = || {
        // A zone (fe80::1%3) names an interface of the proxy, and is no address.
        let socket: SocketAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
        (!text.contains(&b'%')).then(|| socket.ip().to_canonical())
    };
    parse_address::<Ipv4Addr>(text)
        .or_else(|| parse_address::<Ipv6Addr>(text))
        .or_else(bracketed)
        .or_else(with_port)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let value = |line: &&[u8]| (X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        lines.iter().map(value).collect()
    }

    #[test]
    fn q11_hops_come_last_written_first_across_lines() {
        let headers = headers(&[b"192.0.2.1 ,\t2001:db8::1", b"192.0.2.3"]);
        let hops: Vec<_> = from_right(&headers).map(|hop| hop.address.unwrap()).collect();
        let texts = ["192.0.2.3", "2001:db8::1", "192.0.2.1"];
        assert_eq!(hops, texts.map(|text| text.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn q11_spellings_of_an_address() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:8080", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[::ffff:c000:201]:443", "192.0.2.1"),
        ] {
            assert_eq!(address(text.as_bytes()), Some(expected.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.01",
            "0300.0.2.1",
            "3221225985",
            "192.0.2.1 x",
            "192.0.2.1:",
            "192.0.2.1:99999",
            "[192.0.2.1]",
            "[2001:db8::1",
            "2001:db8::1]",
            "fe80::1%3",
            "[fe80::1%3]:1",
            "\"192.0.2.1\"",
            "192.0.2.1/32",
        ] {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn t2_all_members_of_the_proto_field_have_to_agree() {
        let proto = |lines: &[&'static str]| {
            let value = |line: &&'static str| (X_FORWARDED_PROTO, HeaderValue::from_static(line));
            https(&lines.iter().map(value).collect())
        };
        assert_eq!(proto(&[]), None);
        assert_eq!(proto(&["https"]), Some(true));
        assert_eq!(proto(&["HTTPS , https"]), Some(true));
        for lines in [&["http"][..], &["https, http"], &["https", "http"], &["https,"], &[""]] {
            assert_eq!(proto(lines), Some(false), "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn q11_any_bytes_are_read_without_a_panic(line in "[\\x20-\\x7e\\t\u{80}-\u{ff}]{0,64}") {
            let headers = headers(&[line.as_bytes()]);
            prop_assert_eq!(from_right(&headers).count(), line.matches(',').count() + 1);
        }

        #[test]
        fn q11_every_address_survives(ip: IpAddr, port: u16) {
            let socket = SocketAddr::new(ip, port).to_string();
            prop_assert_eq!(address(ip.to_string().as_bytes()), Some(ip.to_canonical()));
            prop_assert_eq!(address(socket.as_bytes()), Some(ip.to_canonical()));
        }
    }
}
