use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

use crate::config::{ConfigError, without_password};

/// Where to ask. Parsed once, when the validator is built.
#[derive(Clone, Debug)]
pub(super) struct Endpoint(Uri);

impl Endpoint {
    /// An `https` URL; a plain one only to this machine, and only where `plain_loopback` says so (RFC 7662 4).
    pub(super) fn parse(text: &str, plain_loopback: bool) -> Result<Self, ConfigError> {
        let shown = without_password(text);
        let problem =
            |problem| ConfigError::new(format!("introspection endpoint {shown:?}"), problem);
        let uri: Uri = text.parse().map_err(|_| problem("is no URL"))?;
        let authority = uri.authority().ok_or_else(|| problem("names no host"))?;
        // The parser drops a fragment silently. Neither belongs into an address that tokens are sent to.
        if text.contains('#') || authority.as_str().contains('@') {
            return Err(problem("has a fragment, or holds credentials"));
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if plain_loopback && is_loopback(authority.host()) => Ok(Self(uri)),
            _ => Err(problem("must be an https URL: tokens are sent there (RFC 7662 4)")),
        }
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }
}

fn is_loopback(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || v6.and_then(|host| host.parse::<Ipv6Addr>().ok()).is_some_and(|host| host.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn i1_only_https_or_where_allowed_this_machine() {
        for (url, plain, good) in [
            ("https://as.example/introspect", false, true),
            ("https://as.example:8443/introspect?tenant=1", false, true),
            ("http://127.0.0.1:9/introspect", true, true),
            ("http://[::1]:9/introspect", true, true),
            ("http://localhost/introspect", true, true),
            ("http://127.0.0.1:9/introspect", false, false),
            ("http://as.example/introspect", true, false),
            ("http://localhost.example/introspect", true, false),
            ("http://127.0.0.1.example/introspect", true, false),
            ("http://127.0.0.1@as.example/introspect", true, false),
            ("https://user:password@as.example/introspect", false, false),
            ("https://as.example/introspect#fragment", false, false),
            ("ftp://as.example/introspect", true, false),
            ("as.example/introspect", true, false),
            ("/introspect", true, false),
            ("https://", true, false),
            ("", true, false),
        ] {
            assert_eq!(Endpoint::parse(url, plain).is_ok(), good, "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_without_panic(text in any::<String>()) {
            let _ = Endpoint::parse(&text, true);
        }
    }
}
