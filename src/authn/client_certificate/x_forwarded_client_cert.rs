//! Envoy's `x-forwarded-client-cert`, read strictly and from the right
//! (Envoy documentation, "HTTP header manipulation", x-forwarded-client-cert).

use std::borrow::Cow;

use percent_encoding::percent_decode;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::ClientCertificate;
use crate::client_address::members_from_right;

/// The certificate of the last element; `None` when it is malformed, says a thing twice or contradicts itself.
pub(super) fn nearest(line: &[u8]) -> Option<ClientCertificate> {
    let mut rest = members_from_right(line).next()?.trim_ascii();
    let (mut hash, mut cert, mut uri_names) = (None, None, Vec::new());
    loop {
        let (key, behind) = key(rest)?;
        let (value, behind) = value(behind)?;
        let repeated = match &*key.to_ascii_lowercase() {
            b"hash" => hash.replace(digest(&value)?).is_some(),
            b"cert" => cert.replace(certificate(&value)?).is_some(),
            b"uri" => {
                uri_names.push(String::from_utf8(value.into_owned()).ok()?);
                false
            }
            _ => false, // `By`, `Chain`, `DNS`, `Subject`
        };
        match behind {
            _ if repeated => return None,
            [] => break,
            [b';', behind @ ..] => rest = behind,
            _ => return None,
        }
    }
    match (cert, hash) {
        (Some(cert), Some(hash)) if *cert.digest() != hash => None,
        (Some(cert), _) => Some(cert),
        (None, Some(hash)) => Some(ClientCertificate::told(hash, uri_names)),
        (None, None) => None,
    }
}

/// The key, and what follows its equals sign.
fn key(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_alphanumeric())?;
    let (key, rest) = text.split_at(end);
    rest.strip_prefix(b"=").filter(|_| !key.is_empty()).map(|rest| (key, rest))
}

/// What stands between quotes, or before a semicolon, and what follows it.
fn value(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    if let Some(quoted) = text.strip_prefix(b"\"") {
        return unquote(quoted).filter(|(value, _)| !swallows_an_element(value));
    }
    let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
    let (value, behind) = text.split_at(end);
    (!value.contains(&b'"')).then_some((Cow::Borrowed(value), behind))
}

/// Whether a quoted value holds what looks like an element, each of which has a `Hash`.
///
/// Envoy writes a URI unquoted, and as it is. One that ends in a quote would close what a client left open on the left, and
/// make the client's own `Hash` the one of the element.
fn swallows_an_element(value: &[u8]) -> bool {
    let starts = |window: &[u8]| matches!(window, [b',' | b';' | b' ', name @ ..] if name.eq_ignore_ascii_case(b"hash="));
    value.windows(6).any(starts)
}

/// What stands before the closing quote, and what follows that.
fn unquote(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut value = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((Cow::Owned(value), &text[at + 1..])),
            b'\\' => value.push(*bytes.next()?.1),
            _ => value.push(*byte),
        }
    }
    None
}

/// 64 hexadecimal digits.
fn digest(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut digest = [0; 32];
    if text.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(digest)
}

/// One certificate as URL-encoded PEM.
fn certificate(text: &[u8]) -> Option<ClientCertificate> {
    let pem: Cow<'_, [u8]> = percent_decode(text).into();
    let mut certificates = CertificateDer::pem_slice_iter(&pem);
    let first = certificates.next()?.ok()?;
    certificates.next().is_none().then(|| ClientCertificate::from_der(first.to_vec()))
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    const HASH: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

    fn pem(der: &[u8]) -> String {
        let text = BASE64_STANDARD.encode(der);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        percent_encode(pem.as_bytes(), NON_ALPHANUMERIC).to_string()
    }

    fn hex(der: &[u8]) -> String {
        Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn uris(value: &str) -> Option<Vec<String>> {
        nearest(value.as_bytes())?.uri_names().map(<[String]>::to_vec)
    }

    #[test]
    fn p18_envoys_own_example_is_read() {
        let value = format!(
            "By=http://frontend.lyft.com;Hash={HASH};Subject=\"/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client\";\
             URI=http://testclient.lyft.com"
        );
        assert_eq!(uris(&value), Some(vec!["http://testclient.lyft.com".to_owned()]));
        assert_eq!(nearest(value.as_bytes()).unwrap().digest()[..3], [0x46, 0x8e, 0xd3]);
    }

    #[test]
    fn p18_the_last_element_counts_and_quotes_hide_nothing_that_is_behind_them() {
        let ours = format!("Hash={HASH};Subject=\"CN=a\\\",b;URI=x\";URI=spiffe://td/ours");
        for left in [
            "",
            "Hash=00;URI=spiffe://td/eve",
            "Subject=\"open",
            "\"",
            "Subject=\"a\\\"",
            "By=\"x",
            ",,",
        ] {
            let value = format!("{left},{ours}");
            assert_eq!(uris(&value), Some(vec!["spiffe://td/ours".to_owned()]), "{left}");
        }
    }

    #[test]
    fn p18_a_name_that_ends_in_a_quote_makes_no_element_of_what_a_client_wrote() {
        let victim = format!("Hash={};URI=spiffe://td/admin;Subject=\"", "0".repeat(64));
        for nearest_of_envoy in
            [format!("By=x;Hash={HASH};URI=evil\""), format!("Hash={HASH};URI=evil\"")]
        {
            let value = format!("{victim},{nearest_of_envoy}");
            assert!(nearest(value.as_bytes()).is_none(), "{value}");
        }
    }

    #[test]
    fn p18_malformed_elements_are_refused() {
        let other = pem(b"another certificate");
        for element in [
            "".to_owned(),
            " ".to_owned(),
            "Hash".to_owned(),
            "Hash=".to_owned(),
            format!("Hash={HASH};"),
            format!(";Hash={HASH}"),
            format!("Hash={HASH},"),
            format!("Hash={HASH};;URI=a"),
            format!("Hash=\"{HASH}"),
            format!("Hash={HASH}\""),
            format!("Hash=\"{HASH}\"x;URI=a"),
            format!("Hash={}", &HASH[1..]),
            format!("Hash={HASH}0"),
            format!("Hash=g{}", &HASH[1..]),
            format!("Hash={HASH};hash={HASH}"),
            format!("={HASH}"),
            format!("Hash {HASH}"),
            "URI=spiffe://td/a".to_owned(),
            "Cert=\"nonsense\"".to_owned(),
            format!("Cert=\"{other}\";Cert=\"{other}\""),
            format!("Cert=\"{other}{other}\""),
            format!("Hash={HASH};Cert=\"{other}\""),
        ] {
            assert!(nearest(element.as_bytes()).is_none(), "{element}");
        }
        assert!(nearest(format!("Cert=\"{other}\"").as_bytes()).is_some());
    }

    proptest! {
        #[test]
        fn p18_any_bytes_are_read_without_a_panic(
            any in proptest::collection::vec(any::<u8>(), 0..64),
            dense in "(Hash|Cert|URI|[\",;\\\\= %2]){0,40}",
        ) {
            let _ = (nearest(&any), nearest(dense.as_bytes()));
        }

        #[test]
        fn p18_what_clients_write_on_the_left_changes_nothing_on_the_right(
            left in "[\",;\\\\=A-Za-z/: ]{0,40}",
            der in proptest::collection::vec(any::<u8>(), 1..64),
            subject in "[ -~]{0,20}",
        ) {
            let subject = subject.replace('\\', "\\\\").replace('"', "\\\"");
            let value = format!("{left},HASH={};Subject=\"{subject}\";cert=\"{}\"", hex(&der), pem(&der));
            let read = nearest(value.as_bytes()).unwrap();
            prop_assert_eq!(read.der(), Some(&*der));
        }
    }
}
