use std::convert::Infallible;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, request};
use sfv::visitor::{Ignored, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, Parser};

use super::{ClientCertificate, x_forwarded_client_cert};
use crate::client_address::TrustedProxies;
use crate::rejection::{Rejection, RejectionKind};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Which proxies are believed about the client's certificate, and the one field they give it in.
///
/// Given to an [`AuthenticateLayer`](crate::authn::AuthenticateLayer) or a
/// [`WardenBuilder`](crate::warden::WardenBuilder). The rules are those of the [module](super).
#[derive(Clone, Debug)]
pub struct ForwardedCertificates {
    proxies: TrustedProxies,
    field: Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    ClientCert,
    XForwardedClientCert,
}

impl ForwardedCertificates {
    /// Believes the `Client-Cert` field (RFC 9440) of these proxies.
    #[must_use]
    pub const fn client_cert(proxies: TrustedProxies) -> Self {
        Self { proxies, field: Field::ClientCert }
    }

    /// Believes the `x-forwarded-client-cert` field (Envoy, Istio) of these proxies. A sidecar is one: it connects from
    /// the loopback network.
    #[must_use]
    pub const fn x_forwarded_client_cert(proxies: TrustedProxies) -> Self {
        Self { proxies, field: Field::XForwardedClientCert }
    }

    /// Leaves the client's certificate in the request's extensions, and none of the fields in its header section.
    ///
    /// # Errors
    ///
    /// If a listed proxy's field is malformed or comes more than once, or if there is one and nobody knows who is
    /// connected.
    pub(in crate::authn) fn read(&self, head: &mut request::Parts) -> Result<(), Rejection> {
        let chosen = match self.field {
            Field::ClientCert => CLIENT_CERT,
            Field::XForwardedClientCert => X_FORWARDED_CLIENT_CERT,
        };
        let several = head.headers.get_all(&chosen).iter().nth(1).is_some();
        let value = head.headers.remove(&chosen);
        strip(&mut head.headers);
        match (self.proxies.holds_peer(&head.extensions), &value) {
            (Some(true), _) => {}
            (Some(false), _) | (None, None) => return Ok(()),
            (None, Some(_)) => {
                return Err(Rejection::new(RejectionKind::Internal, "peer_address_unknown")
                    .with_source("whose certificate field this is cannot be told"));
            }
        }
        head.extensions.remove::<ClientCertificate>(); // the proxy's own
        let refuse = |reason| Rejection::new(RejectionKind::BadRequest, reason);
        if several {
            return Err(refuse("several_client_certificate_fields"));
        }
        let Some(value) = value else { return Ok(()) };
        let certificate = match self.field {
            Field::ClientCert => client_cert(&value),
            Field::XForwardedClientCert => x_forwarded_client_cert::nearest(value.as_bytes()),
        };
        let certificate = certificate.ok_or_else(|| refuse("client_certificate_malformed"))?;
        head.extensions.insert(certificate);
        Ok(())
    }
}

/// A byte sequence with the certificate in DER (RFC 9440 2.1, 2.2).
fn client_cert(value: &HeaderValue) -> Option<ClientCertificate> {
    let mut der = Vec::new();
    Parser::new(value.as_bytes()).parse_item_with_visitor(ByteSequence(&mut der)).ok()?;
    (!der.is_empty()).then(|| ClientCertificate::from_der(der))
}

/// Takes the bytes of an item, and none of an item that is no byte sequence. Parameters mean nothing.
struct ByteSequence<'v>(&'v mut Vec<u8>);

impl<'de> ItemVisitor<'de> for ByteSequence<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        if let BareItemFromInput::ByteSequence(bytes) = item {
            *self.0 = bytes;
        }
        Ok(Ignored)
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in [CLIENT_CERT, CLIENT_CERT_CHAIN, X_FORWARDED_CLIENT_CERT] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p18_client_cert_is_one_byte_sequence() {
        let read = |text: &'static str| client_cert(&HeaderValue::from_static(text));
        let der = |text| read(text).and_then(|certificate| certificate.der().map(<[u8]>::to_vec));
        assert_eq!(der(":YWJj:").as_deref(), Some(&b"abc"[..]));
        assert_eq!(der("  :YWJj:;a=1 ").as_deref(), Some(&b"abc"[..]), "parameters mean nothing");
        for text in ["", "::", "YWJj", "\"YWJj\"", ":YWJj", ":YW Jj:", ":YWJj:, :YWJj:", "?1", "7"]
        {
            assert!(read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn p18_any_client_cert_is_read_without_a_panic(bytes in "[ -~\t\u{80}-\u{ff}]{0,64}") {
            let _ = HeaderValue::from_bytes(bytes.as_bytes()).map(|value| client_cert(&value));
        }

        #[test]
        fn p18_every_certificate_survives_client_cert(der in proptest::collection::vec(any::<u8>(), 1..99)) {
            use base64::prelude::{BASE64_STANDARD, Engine as _};
            let value = HeaderValue::try_from(format!(":{}:", BASE64_STANDARD.encode(&der))).unwrap();
            let read = client_cert(&value).unwrap();
            prop_assert_eq!(read.der(), Some(&*der));
        }
    }
}
