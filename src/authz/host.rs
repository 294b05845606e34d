//! Which host a request is for, read so that nobody can read it differently.

use std::net::Ipv6Addr;

use http::{HeaderMap, header, request};

use crate::rejection::{Rejection, RejectionKind};

/// A name of the DNS has no more characters (RFC 1035 2.3.4).
const LONGEST: usize = 253;

const NO_HOST: &str = "no name or address of a host";

/// A host in its one spelling: small letters, no port, no dot at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Host {
    /// The host of a request: from its target (absolute form, `:authority`) and the field `Host`, which have to agree.
    ///
    /// `X-Forwarded-Host` and `Forwarded` have no say.
    pub(super) fn of(head: &request::Parts) -> Result<Self, Rejection> {
        let target = head.uri.authority().map(http::uri::Authority::as_str);
        let refuse =
            |why| Rejection::new(RejectionKind::BadRequest, "ambiguous_host").with_source(why);
        match (target, field(&head.headers).map_err(refuse)?) {
            (None, None) => Err(refuse("the request names no host")),
            (Some(only), None) | (None, Some(only)) => {
                Authority::read(only).map(|authority| authority.host).map_err(refuse)
            }
            (Some(target), Some(field)) => {
                let target = Authority::read(target).map_err(refuse)?;
                let field = Authority::read(field).map_err(refuse)?;
                let ports_differ =
                    matches!((target.port, field.port), (Some(a), Some(b)) if a != b);
                if target.host.as_str() != field.host.as_str() || ports_differ {
                    return Err(refuse("the target and the field Host name different hosts"));
                }
                Ok(target.host)
            }
        }
    }

    /// A host as a table names it: without a port.
    pub(super) fn declared(name: &str) -> Result<Self, &'static str> {
        match Authority::read(name)? {
            Authority { host, port: None } => Ok(host),
            _ => Err("has a port, which has no say"),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        // Only ASCII is ever put in.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// The field `Host`, of which there is one at most (RFC 9112 3.2).
fn field(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut fields = headers.get_all(header::HOST).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => {
            only.to_str().map(Some).map_err(|_| "the field Host is no visible ASCII")
        }
        (Some(_), Some(_)) => Err("several fields Host"),
    }
}

struct Authority {
    host: Host,
    port: Option<u16>,
}

impl Authority {
    /// Names, IPv4 and bracketed IPv6 addresses. Of the other characters that RFC 3986 3.2.2 allows, none stands in the
    /// name of a host that answers.
    fn read(text: &str) -> Result<Self, &'static str> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None | Some("") => None,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().map_err(|_| "a port beyond 65535")?)
            }
            Some(_) => return Err("a port that is no number"),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        // An address has many spellings; this is the one of RFC 5952.
        let spelled = match address.map(str::parse::<Ipv6Addr>) {
            Some(Ok(address)) => Some(format!("[{address}]")),
            None if name.len() <= LONGEST && name.split('.').all(is_label) => None,
            Some(Err(_)) | None => return Err(NO_HOST),
        };
        let name = spelled.as_deref().unwrap_or(name);
        let mut bytes = [0; LONGEST];
        for (byte, character) in bytes.iter_mut().zip(name.bytes()) {
            *byte = character.to_ascii_lowercase();
        }
        Ok(Self { host: Host { bytes, length: name.len() }, port })
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(target: &str, fields: &[&str]) -> Result<String, &'static str> {
        let mut request = http::Request::get(target);
        for field in fields {
            request = request.header("host", *field);
        }
        let request = request.header("x-forwarded-host", "forged.example").body(()).unwrap();
        let (head, ()) = request.into_parts();
        Host::of(&head).map(|host| host.as_str().to_owned()).map_err(|refused| refused.reason())
    }

    #[test]
    fn z13_a_host_has_one_spelling() {
        for (target, fields, expected) in [
            ("/", &["admin.example"][..], "admin.example"),
            ("/", &["Admin.Example:8080"], "admin.example"),
            ("/", &["admin.example.:443"], "admin.example"),
            ("/", &["admin.example:"], "admin.example"),
            ("/", &["[::1]:80"], "[::1]"),
            ("/", &["[0:0:0:0:0:0:0:1]"], "[::1]"),
            ("/", &["[2001:DB8::0:A]"], "[2001:db8::a]"),
            ("/", &["127.0.0.1"], "127.0.0.1"),
            ("/", &["x_1.xn--bcher-kva.example"], "x_1.xn--bcher-kva.example"),
            ("http://admin.example/", &[], "admin.example"),
            ("http://ADMIN.example:80/", &["admin.example."], "admin.example"),
        ] {
            assert_eq!(host(target, fields).as_deref(), Ok(expected), "{target} {fields:?}");
        }
    }

    #[test]
    fn z13_a_host_that_two_readers_could_read_differently_is_refused() {
        for (target, fields) in [
            ("/", &[][..]),
            ("/", &["admin.example", "admin.example"]),
            ("/", &["admin.example", "www.example"]),
            ("http://admin.example/", &["www.example"]),
            ("http://admin.example:80/", &["admin.example:81"]),
            ("/", &[""]),
            ("/", &["."]),
            ("/", &["admin.example.."]),
            ("/", &["admin..example"]),
            ("/", &["ada@admin.example"]),
            ("/", &["admin.example/x"]),
            ("/", &["admin.example,www.example"]),
            ("/", &["admin.example www.example"]),
            ("/", &["admin%2eexample"]),
            ("/", &["admin.example:http"]),
            ("/", &["admin.example:80:80"]),
            ("/", &["admin.example:99999"]),
            ("/", &["[::1"]),
            ("/", &["::1"]),
            ("/", &["[not an address]"]),
        ] {
            assert_eq!(host(target, fields), Err("ambiguous_host"), "{target} {fields:?}");
        }
        assert_eq!(host("/", &[&"a.".repeat(200)]), Err("ambiguous_host"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_its_spelling_is_stable(text in any::<String>()) {
            if let Ok(Authority { host, .. }) = Authority::read(&text) {
                let again = Host::declared(host.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), host.as_str());
            }
        }

        #[test]
        fn z13_case_port_and_final_dot_make_no_other_host(
            name in "[a-z0-9_-]{1,8}(\\.[a-z0-9-]{1,8}){0,3}", port in "(:[0-9]{0,4})?", dot in "\\.?",
        ) {
            let spelled = format!("{}{dot}{port}", name.to_uppercase());
            prop_assert_eq!(Authority::read(&spelled).map(|read| read.host.as_str().to_owned()).ok(), Some(name));
        }
    }
}
