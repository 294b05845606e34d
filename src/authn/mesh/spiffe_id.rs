use std::fmt;
use std::str::FromStr;

use http::Extensions;

use crate::authn::client_certificate::ClientCertificate;

const SCHEME: &str = "spiffe://";

/// The longest id that has to be supported (SPIFFE-ID 2.3).
const MAX_LENGTH: usize = 2048;

/// The longest name of a trust domain (SPIFFE-ID 2.1).
const MAX_TRUST_DOMAIN: usize = 255;

/// The id of a workload: `spiffe://`, a trust domain and a path.
///
/// ```
/// use tower_warden::authn::mesh::SpiffeId;
///
/// let id: SpiffeId = "spiffe://example.org/ns/shop/sa/orders".parse()?;
/// assert_eq!((id.trust_domain(), id.path()), ("example.org", "/ns/shop/sa/orders"));
/// assert!("spiffe://example.org/ns/../sa/orders".parse::<SpiffeId>().is_err());
/// # Ok::<_, tower_warden::authn::mesh::SpiffeIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: String,
    trust_domain_end: usize,
}

/// Why a text, or a certificate, is not the id of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeIdError {
    /// It is no SPIFFE id (SPIFFE-ID 2).
    #[error("is no SPIFFE id of a workload")]
    Malformed,
    /// The certificate has no URI among its names, or more than one, or cannot be read (X.509-SVID 2, 5.2).
    #[error("the certificate has not exactly one URI")]
    NotOneUri,
}

impl SpiffeId {
    /// The id in the certificate of these request extensions; `None` where there is no certificate, or none with an id.
    ///
    /// Says nothing of the trust domain: compare it, where no [`MeshAuthenticator`](super::MeshAuthenticator) did.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        Self::in_certificate(ClientCertificate::of(extensions)?).ok()
    }

    /// The id in a certificate.
    ///
    /// # Errors
    ///
    /// If the certificate has not exactly one URI among its names, or that is no id of a workload.
    pub fn in_certificate(certificate: &ClientCertificate) -> Result<Self, SpiffeIdError> {
        match certificate.uri_names() {
            Some([only]) => only.parse(),
            _ => Err(SpiffeIdError::NotOneUri),
        }
    }

    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain, such as `example.org`.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..self.trust_domain_end]
    }

    /// The trust domain as an id, such as `spiffe://example.org`: the issuer of a mesh's principals.
    #[must_use]
    pub fn trust_domain_id(&self) -> &str {
        &self.text[..self.trust_domain_end]
    }

    /// The path, such as `/ns/shop/sa/orders`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[self.trust_domain_end..]
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        let rest = text.strip_prefix(SCHEME).filter(|_| text.len() <= MAX_LENGTH);
        let rest = rest.ok_or(SpiffeIdError::Malformed)?;
        // A certificate without a path is that of a whole domain, and signs others.
        let slash = rest.find('/').ok_or(SpiffeIdError::Malformed)?;
        let (trust_domain, path) = rest.split_at(slash);
        if is_trust_domain(trust_domain) && path[1..].split('/').all(is_segment) {
            Ok(Self { text: text.to_owned(), trust_domain_end: SCHEME.len() + slash })
        } else {
            Err(SpiffeIdError::Malformed)
        }
    }
}

/// Lower-case letters, digits, dots, dashes and underscores (SPIFFE-ID 2.1).
pub(super) fn is_trust_domain(name: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    (1..=MAX_TRUST_DOMAIN).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// Letters, digits, dots, dashes and underscores, and not `.` or `..` (SPIFFE-ID 2.2).
fn is_segment(segment: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed)
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spiffe_ids_have_one_spelling() {
        for good in [
            "spiffe://example.org/a",
            "spiffe://staging.acme.com/payments/mysql",
            "spiffe://k8s-west.acme.com/9eebccd2-12bf-40a6-b262-65fe0487d453",
            "spiffe://1.2.3.4/service",
            "spiffe://a_b/...",
            "spiffe://td/A/Z_.-9",
        ] {
            assert_eq!(good.parse::<SpiffeId>().unwrap().as_str(), good);
        }
        let long_domain = format!("spiffe://{}/a", "d".repeat(256));
        let long = format!("spiffe://td/{}", "a".repeat(2048));
        for bad in [
            "",
            "spiffe:",
            "spiffe://",
            "spiffe:///a",
            "spiffe://td",
            "spiffe://td/",
            "spiffe://td//a",
            "spiffe://td/a/",
            "spiffe://td/a//b",
            "spiffe://td/./a",
            "spiffe://td/a/..",
            "spiffe://td/../td2/a",
            "spiffe://td/a%2fb",
            "spiffe://td/a%2e",
            "spiffe://td/a?b",
            "spiffe://td/a#b",
            "spiffe://td/a b",
            "spiffe://td/a\\b",
            "spiffe://td/\u{e9}",
            "spiffe://td/a,b",
            "spiffe://td/a;b",
            "spiffe://td/a\0",
            "spiffe://td:443/a",
            "spiffe://user@td/a",
            "spiffe://TD/a",
            "SPIFFE://td/a",
            "Spiffe://td/a",
            " spiffe://td/a",
            "spiffe://t%64/a",
            "https://td/a",
            &long_domain,
            &long,
        ] {
            assert_eq!(bad.parse::<SpiffeId>(), Err(SpiffeIdError::Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), close in "spiffe://[a-z.%A/ \u{e9}]{0,20}") {
            for text in [text, close] {
                if let Ok(id) = text.parse::<SpiffeId>() {
                    prop_assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
                }
            }
        }

        #[test]
        fn every_id_survives(domain in "[a-z0-9._-]{1,20}", path in "(/[A-Za-z0-9_-]{1,9}){1,4}") {
            let text = format!("spiffe://{domain}{path}");
            let id: SpiffeId = text.parse().unwrap();
            prop_assert_eq!((id.trust_domain(), id.path()), (&*domain, &*path));
            prop_assert_eq!(id.trust_domain_id(), format!("spiffe://{domain}"));
        }
    }
}
