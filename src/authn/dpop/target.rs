//! The URI that a proof is for, compared as RFC 3986 6.2.2 and 6.2.3 compare `http` and `https` URIs.

use std::fmt::Write;
use std::net::Ipv6Addr;

/// An `http` or `https` URI without query and fragment, normalised: letter case of scheme, host and escapes, default and
/// empty port, escapes of unreserved characters, dot segments, empty path.
///
/// Normalised where the standard says that two spellings are one resource, and nowhere else: `%2F` is not `/`, a host with
/// a dot at its end is another host, and a URI with user information is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Scheme and authority, such as `https://api.example:8443`.
    origin: String,
    path: String,
}

impl Target {
    /// Reads a URI, ignoring its query and fragment (RFC 9449 4.3, item 9). `None` when it is no such URI.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        let scheme = ["https", "http"].into_iter().find(|own| own.eq_ignore_ascii_case(scheme))?;
        let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        let default = if scheme == "https" { "443" } else { "80" };
        let mut origin = format!("{scheme}://{}", host_name(host)?);
        if !port.is_empty() && port != default {
            origin.push(':');
            origin.push_str(is_port(port).then_some(port)?);
        }
        Some(Self { origin, path: normal_path(path)? })
    }

    /// Whether this is the target of a request for `path` at the service whose external URL is `base`.
    pub(super) fn is_at(&self, base: &Self, path: &str) -> bool {
        // Without a slash it is no path but `*`, or nothing (RFC 9110 7.1).
        self.origin == base.origin
            && path.starts_with('/')
            && normal_path(&[base.path.trim_end_matches('/'), path].concat()).as_deref()
                == Some(&*self.path)
    }

    pub(super) fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// Whether the host is this machine, whose traffic nobody else sees.
    pub(super) fn is_loopback(&self) -> bool {
        let authority = self.origin.split_once("://").map_or("", |(_, authority)| authority);
        let Some((host, _)) = split_port(authority) else { return false };
        host == "localhost"
            || host.parse().is_ok_and(|host: std::net::Ipv4Addr| host.is_loopback())
            || host == "[::1]"
    }
}

/// Host and port of an authority; the port is empty where there is none.
fn split_port(authority: &str) -> Option<(&str, &str)> {
    let host_end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    match port.strip_prefix(':') {
        Some(port) => Some((host, port)),
        None => port.is_empty().then_some((host, "")),
    }
}

fn is_port(port: &str) -> bool {
    !port.starts_with('0')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok()
}

/// A name or an address, in lower case. Escapes, user information and zones have no place here.
fn host_name(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(format!("[{}]", address.parse::<Ipv6Addr>().ok()?));
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (!host.is_empty() && host.bytes().all(named)).then(|| host.to_ascii_lowercase())
}

/// A path after normalisation. `None` when it does not start with a slash, or holds what no path may hold.
fn normal_path(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("/".to_owned());
    }
    let mut segments = Vec::new();
    let mut rest = path.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = rest.next() {
        let segment = normal_escapes(segment)?;
        let dots = matches!(&*segment, "." | "..");
        if segment == ".." {
            segments.pop();
        }
        if !dots {
            segments.push(segment);
        } else if rest.peek().is_none() {
            segments.push(String::new());
        }
    }
    Some(segments.iter().fold(String::new(), |path, segment| path + "/" + segment))
}

/// A segment whose unreserved characters stand for themselves, and whose other escapes are in upper case.
fn normal_escapes(segment: &str) -> Option<String> {
    let mut normal = String::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let byte = u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).ok()?;
                if is_unreserved(byte) {
                    normal.push(char::from(byte));
                } else {
                    write!(normal, "%{byte:02X}").ok()?;
                }
            }
            // Some readers take it for a slash.
            b'\\' => return None,
            b'!'..=b'~' => normal.push(char::from(*first)),
            _ => return None,
        }
    }
    Some(normal)
}

/// RFC 3986 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(uri: &str) -> Option<String> {
        Target::parse(uri).map(|target| target.origin + &target.path)
    }

    #[test]
    fn p8_equal_spellings_are_one_target() {
        for (uri, normal) in [
            ("https://api.example/orders", "https://api.example/orders"),
            ("HTTPS://API.Example/orders", "https://api.example/orders"),
            ("https://api.example:443/orders", "https://api.example/orders"),
            ("https://api.example:/orders", "https://api.example/orders"),
            ("http://api.example:80/", "http://api.example/"),
            ("https://api.example:80/", "https://api.example:80/"),
            ("https://api.example:8443/", "https://api.example:8443/"),
            ("https://api.example", "https://api.example/"),
            ("https://api.example?x=1", "https://api.example/"),
            ("https://api.example/orders?x=/../1", "https://api.example/orders"),
            ("https://api.example/orders#f", "https://api.example/orders"),
            ("https://api.example/%7Eada", "https://api.example/~ada"),
            ("https://api.example/%6frders", "https://api.example/orders"),
            ("https://api.example/a%2fb", "https://api.example/a%2Fb"),
            ("https://api.example/a%252fb", "https://api.example/a%252fb"),
            ("https://api.example/a/./b/../c", "https://api.example/a/c"),
            ("https://api.example/a/%2e%2E/c", "https://api.example/c"),
            ("https://api.example/a/..", "https://api.example/"),
            ("https://api.example/a/b/.", "https://api.example/a/b/"),
            ("https://api.example/../..", "https://api.example/"),
            ("https://api.example//a//..", "https://api.example//a/"),
            ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]/"),
            ("https://[::1]:8443", "https://[::1]:8443/"),
        ] {
            assert_eq!(text(uri).as_deref(), Some(normal), "{uri}");
        }
    }

    #[test]
    fn p8_what_is_no_https_uri_is_no_target() {
        for uri in [
            "",
            "/orders",
            "//api.example/orders",
            "api.example/orders",
            "https:/api.example/",
            "ftp://api.example/",
            "https://",
            "https:///orders",
            "https://ada@api.example/",
            "https://ada:secret@api.example/",
            "https://api.example@evil.example/",
            "https://api.example:0443/",
            "https://api.example:+443/",
            "https://api.example:65536/",
            "https://api.example:443:443/",
            "https://api%2eexample/",
            "https://b\u{fc}cher.example/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[fe80::1%25eth0]/",
            "https://::1/",
            "https://api.example\\@evil.example/",
            "https://api.example/a\\b",
            "https://api.example/%",
            "https://api.example/%4",
            "https://api.example/%zz",
            "https://api.example/%+1",
            "https://api.example/a b",
            "https://api.example/gr\u{f6}sse",
            " https://api.example/",
            "https://api.example/\0",
        ] {
            assert_eq!(text(uri), None, "{uri}");
        }
    }

    #[test]
    fn p8_a_target_belongs_to_one_path_of_one_service() {
        let base = |uri: &str| Target::parse(uri).unwrap();
        for (uri, at, path, expected) in [
            ("https://api.example/orders", "https://api.example", "/orders", true),
            ("https://api.example/orders", "https://api.example/", "/%6Frders", true),
            ("https://api.example/v1/orders", "https://api.example/v1", "/orders", true),
            ("https://api.example/v1/orders", "https://api.example/v1/", "/orders", true),
            ("https://api.example/", "https://api.example", "/", true),
            ("https://api.example/orders/", "https://api.example", "/orders", false),
            ("https://api.example/orders", "https://api.example", "/Orders", false),
            ("https://api.example/orders", "https://api.example/v1", "/orders", false),
            ("https://api.example./orders", "https://api.example", "/orders", false),
            ("http://api.example/orders", "https://api.example", "/orders", false),
            ("https://api.example:8443/orders", "https://api.example", "/orders", false),
            ("https://api.example/a/b", "https://api.example", "/a%2Fb", false),
            ("https://api.example/v1*", "https://api.example/v1", "*", false),
            ("https://api.example/", "https://api.example", "", false),
        ] {
            assert_eq!(base(uri).is_at(&base(at), path), expected, "{uri} {at} {path}");
        }
    }

    #[test]
    fn p8_only_this_machine_is_a_loopback() {
        for (uri, expected) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1:3000/v1", true),
            ("http://[::1]", true),
            ("http://api.example", false),
            ("http://127.0.0.1.example", false),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Target::parse(uri).unwrap().is_loopback(), expected, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn p8_any_text_is_normalised_without_panic(uri in any::<String>(), path in any::<String>()) {
            let _ = Target::parse(&uri);
            if let Some(target) = Target::parse(&format!("https://api.example/{path}")) {
                let _ = target.is_at(&target, &path);
            }
        }

        #[test]
        fn p8_normalising_twice_changes_nothing(
            uri in "(http|HTTPS)://([a-zA-Z.]{1,9}|\\[::A\\])(:[0-9]{0,5})?(/([a-c.~]|%[2-7][0-9a-fA-F]|\\.\\.?|){1,3}){0,5}[?#]?",
        ) {
            if let Some(once) = text(&uri) {
                prop_assert_eq!(text(&once), Some(once.clone()), "{}", uri);
            }
        }
    }
}
