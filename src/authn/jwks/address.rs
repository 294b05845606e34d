//! Addresses that keys may be fetched from.

use std::net::Ipv4Addr;

use http::Uri;

/// An address that may be asked: absolute, https (or http on this machine, where `plain_loopback` allows it), without
/// user, password or fragment.
pub(super) fn checked(address: &str, plain_loopback: bool) -> Result<Uri, &'static str> {
    // The parser of URIs drops a fragment without a word.
    if address.contains('#') {
        return Err("has a fragment");
    }
    if !address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err("has characters that an address cannot have");
    }
    let uri: Uri = address.parse().map_err(|_| "is no address")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("is no absolute address");
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err("has a user in its address, or no host");
    }
    match scheme {
        "https" => Ok(uri),
        "http" if plain_loopback && is_loopback(authority.host()) => Ok(uri),
        _ => Err("is not https"),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Where an issuer's metadata may be, in the order in which they are asked: the path inserted (RFC 8414 3.1), then the
/// path appended (OpenID Connect Discovery 1.0, 4).
pub(super) fn of_metadata(issuer: &str, plain_loopback: bool) -> Result<[Uri; 2], &'static str> {
    let uri = checked(issuer, plain_loopback)?;
    if issuer.contains('?') {
        return Err("has a query");
    }
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("is no absolute address");
    };
    let path = uri.path().strip_suffix('/').unwrap_or_else(|| uri.path());
    let inserted = format!("{scheme}://{authority}/.well-known/oauth-authorization-server{path}");
    let appended = format!("{scheme}://{authority}{path}/.well-known/openid-configuration");
    let parse = |address: String| address.parse().map_err(|_| "is no address");
    Ok([parse(inserted)?, parse(appended)?])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn k2_the_well_known_path_is_inserted_then_appended() {
        for (issuer, inserted, appended) in [
            (
                "https://issuer.example",
                "https://issuer.example/.well-known/oauth-authorization-server",
                "https://issuer.example/.well-known/openid-configuration",
            ),
            (
                "https://issuer.example/",
                "https://issuer.example/.well-known/oauth-authorization-server",
                "https://issuer.example/.well-known/openid-configuration",
            ),
            (
                "https://issuer.example:8443/realms/one/",
                "https://issuer.example:8443/.well-known/oauth-authorization-server/realms/one",
                "https://issuer.example:8443/realms/one/.well-known/openid-configuration",
            ),
        ] {
            let found = of_metadata(issuer, false).unwrap().map(|uri| uri.to_string());
            assert_eq!(found, [inserted, appended]);
        }
    }

    #[test]
    fn k2_an_address_is_https_and_plain() {
        for address in [
            "",
            "issuer.example",
            "/keys",
            "http://issuer.example",
            "http://127.0.0.1/keys",
            "ftp://issuer.example",
            "file:///etc/passwd",
            "https://",
            "https:///keys",
            "https://user@issuer.example",
            "https://user:secret@issuer.example",
            "https://issuer.example/#fragment",
            "https://issuer.example/ keys",
            "https://issuer.example\\@evil.example",
            "https://issuer.example/\u{e9}",
        ] {
            assert!(checked(address, false).is_err(), "{address}");
        }
        assert!(checked("https://issuer.example/keys?v=1", false).is_ok());
        assert!(of_metadata("https://issuer.example?tenant=1", false).is_err());
        assert!(of_metadata("https://issuer.example/?", false).is_err());
    }

    #[test]
    fn k2_plain_http_only_on_this_machine_and_only_when_allowed() {
        for (address, expected) in [
            ("http://127.0.0.1:8080/keys", true),
            ("http://localhost:8080/keys", true),
            ("http://[::1]:8080/keys", true),
            ("http://127.0.0.1.example/keys", false),
            ("http://localhost.example/keys", false),
            ("http://10.0.0.1/keys", false),
            ("http://[::2]/keys", false),
            ("ws://127.0.0.1/keys", false),
        ] {
            assert_eq!(checked(address, true).is_ok(), expected, "{address}");
            assert!(checked(address, false).is_err(), "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_https_address_or_refused(text in "\\PC{0,40}", rest in "[!-~]{0,40}") {
            for address in [text, format!("https://{rest}"), format!("http://{rest}")] {
                if let Ok(uri) = checked(&address, false) {
                    prop_assert_eq!(uri.scheme_str(), Some("https"));
                    prop_assert!(uri.host().is_some());
                }
                let _ = of_metadata(&address, true);
            }
        }
    }
}
