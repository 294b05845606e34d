//! The `Forwarded` field (RFC 7239 4), read strictly and from the right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use http::header::FORWARDED;

use super::{Hop, parse_address, trim};

/// The hops, the last one written first.
///
/// Reading from the right matters for more than order: a quote that a client left open on the left must not swallow what
/// a proxy appended.
pub(super) fn from_right(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let lines = headers.get_all(FORWARDED).iter().rev();
    lines
        .flat_map(|line| members_from_right(line.as_bytes()))
        .map(|element| hop(element).unwrap_or(Hop::UNREADABLE))
}

/// The members of a list with quoted strings in it, the last one first.
pub(crate) const fn members_from_right(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    ElementsFromRight(Some(line))
}

struct ElementsFromRight<'v>(Option<&'v [u8]>);

impl<'v> Iterator for ElementsFromRight<'v> {
    type Item = &'v [u8];

    fn next(&mut self) -> Option<&'v [u8]> {
        let line = self.0.take()?;
        let mut quoted = false;
        for (at, byte) in line.iter().enumerate().rev() {
            match byte {
                b'"' if !is_escaped(line, at) => quoted = !quoted,
                b',' if !quoted => {
                    self.0 = Some(&line[..at]);
                    return Some(&line[at + 1..]);
                }
                _ => {}
            }
        }
        Some(line)
    }
}

/// Whether the byte stands behind an odd number of backslashes.
fn is_escaped(line: &[u8], at: usize) -> bool {
    line[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// One forwarded-element: pairs apart by semicolons. `None` when it is malformed, or says a thing twice.
fn hop(element: &[u8]) -> Option<Hop> {
    let mut rest = trim(element);
    let mut known: [(&[u8], Option<&[u8]>); 4] =
        [(b"for", None), (b"proto", None), (b"by", None), (b"host", None)];
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        if let [b';', behind @ ..] = rest {
            rest = trim(behind);
            continue;
        }
        let (name, behind) = token(rest)?;
        let (value, behind) = value(behind.strip_prefix(b"=")?)?;
        rest = trim(behind);
        if !matches!(rest.first(), None | Some(b';')) {
            return None;
        }
        let slot = known.iter_mut().find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some((_, slot)) = slot
            && slot.replace(value).is_some()
        {
            return None;
        }
    }
    let [(_, node), (_, proto), ..] = known;
    let https = proto.map(|proto| proto.eq_ignore_ascii_case(b"https"));
    Some(Hop { address: node.and_then(address), https })
}

fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text.iter().position(|byte| !is_token(byte)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token, or what stands between quotes. Escapes stay as they are: no address and no scheme holds one.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(text) = text.strip_prefix(b"\"") else { return token(text) };
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// The address of a node (RFC 7239 6), which `unknown` and obfuscated names have not.
fn address(node: &[u8]) -> Option<IpAddr> {
    if let Some(text) = node.strip_prefix(b"[") {
        let end = text.iter().position(|&byte| byte == b']')?;
        return is_port(&text[end + 1..]).then(|| parse_address::<Ipv6Addr>(&text[..end]))?;
    }
    let end = node.iter().position(|&byte| byte == b':').unwrap_or(node.len());
    is_port(&node[end..]).then(|| parse_address::<Ipv4Addr>(&node[..end]))?
}

/// Nothing, or a colon and a port: a number or an obfuscated one.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', b'_', name @ ..] => {
            !name.is_empty()
                && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
        }
        [b':', digits @ ..] => {
            (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn hops(lines: &[&[u8]]) -> Vec<Hop> {
        let value = |line: &&[u8]| (FORWARDED, HeaderValue::from_bytes(line).unwrap());
        from_right(&lines.iter().map(value).collect()).collect()
    }

    fn addresses(line: &str) -> Vec<Option<String>> {
        let text = |hop: Hop| hop.address.map(|address| address.to_string());
        hops(&[line.as_bytes()]).into_iter().map(text).collect()
    }

    #[test]
    fn q11_the_standards_own_examples_are_read() {
        assert_eq!(addresses("for=\"_gazonk\""), [None]);
        assert_eq!(
            addresses("For=\"[2001:db8:cafe::17]:4711\""),
            [Some("2001:db8:cafe::17".into())]
        );
        assert_eq!(
            addresses("for=192.0.2.60;proto=http;by=203.0.113.43"),
            [Some("192.0.2.60".into())]
        );
        let two = [Some("198.51.100.17".into()), Some("192.0.2.43".into())];
        assert_eq!(addresses("for=192.0.2.43, for=198.51.100.17"), two);
        assert_eq!(addresses("for=unknown"), [None]);
        assert_eq!(addresses("for=\"[::ffff:192.0.2.1]:_port\""), [Some("192.0.2.1".into())]);
    }

    #[test]
    fn q11_malformed_elements_are_unreadable() {
        for element in [
            "",
            " ",
            ";",
            "for",
            "for=",
            "=192.0.2.1",
            "for =192.0.2.1",
            "for= 192.0.2.1",
            "for=192.0.2.1 x",
            "for=\"192.0.2.1",
            "for=192.0.2.1\"",
            "for=192.0.2.1:80",
            "for=2001:db8::1",
            "for=\"2001:db8::1\"",
            "for=\"[2001:db8::1]x\"",
            "for=\"192.0.2.1:\"",
            "for=\"192.0.2.1:999999\"",
            "for=\"192.0.2.1:_\"",
            "for=192.0.2.01",
            "for=\"\\192.0.2.1\"",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;FOR=192.0.2.1",
            "for=\"[fe80::1%3]\"",
            "for=\"[192.0.2.1]\"",
            "by=192.0.2.1",
        ] {
            assert_eq!(addresses(element), [None], "{element}");
        }
        assert_eq!(hops(&[b"for=192.0.2.1;proto=https;proto=http"]), [Hop::UNREADABLE]);
    }

    #[test]
    fn t2_the_scheme_is_read_from_its_own_element() {
        let [right, left] = hops(&[b"for=192.0.2.1;proto=https, for=192.0.2.2;proto=HTTP"])[..]
        else {
            panic!("two elements");
        };
        assert_eq!((right.https, left.https), (Some(false), Some(true)));
        assert_eq!(hops(&[b"for=_secret;proto=https"])[0].https, Some(true));
        assert_eq!(hops(&[b"for=192.0.2.1;proto=\"https\";"])[0].https, Some(true));
        assert_eq!(hops(&[b"for=192.0.2.1"])[0].https, None);
    }

    #[test]
    fn q11_an_open_quote_on_the_left_does_not_swallow_what_a_proxy_appended() {
        for left in ["for=\"198.51.100.1", "\"", "host=\"a\\", "for=\"x\\\"", "\\\"", "\"\"\""] {
            let first = addresses(&format!("{left}, for=203.0.113.9")).swap_remove(0);
            assert_eq!(first.as_deref(), Some("203.0.113.9"), "{left}");
        }
    }

    #[test]
    fn q11_a_comma_inside_quotes_starts_no_element() {
        for host in [
            "a,for=198.51.100.1",
            "a\\\",for=198.51.100.1",
            "\\\\",
            ",\\\\\\\"",
            "b;for=198.51.100.1",
        ] {
            let line = format!("for=203.0.113.9;host=\"{host}\"");
            assert_eq!(addresses(&line), [Some("203.0.113.9".into())], "{line}");
        }
    }

    proptest! {
        #[test]
        fn q11_any_bytes_are_read_without_a_panic(line in "[ -~\t\u{80}-\u{ff}]{0,64}") {
            prop_assert!(hops(&[line.as_bytes()]).len() <= line.matches(',').count() + 1);
        }

        #[test]
        fn q11_what_clients_write_on_the_left_changes_nothing_on_the_right(
            left in "[ -~]{0,40}",
            dense in "[\",;\\\\=for1. ]{0,40}",
            ip: IpAddr,
            host in "[ -~]{0,20}",
        ) {
            let node = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
            let host = host.replace('\\', "\\\\").replace('"', "\\\"");
            for left in [left, dense] {
                let line = format!("{left},for=\"{node}\";host=\"{host}\";proto=https");
                let right = hops(&[line.as_bytes()])[0];
                prop_assert_eq!(right, Hop { address: Some(ip.to_canonical()), https: Some(true) });
            }
        }
    }
}
