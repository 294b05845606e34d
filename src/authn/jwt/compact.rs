//! The compact serialization of a signed token (RFC 7515 3.1, 7.1), and its header.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memchr;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::json::{Name, Strict};
use super::{Algorithm, TokenError};

/// Members that a header may have; real ones have two to four.
const MAX_HEADER_MEMBERS: usize = 16;

/// The longest header that is looked at, in base64url characters. Whoever sends a longer one costs a glance.
const MAX_HEADER: usize = 4096;

/// Bytes of a header that are decoded without an allocation; real ones have about sixty.
const SHORT_HEADER: usize = 512;

/// The longest signature of any algorithm: RSA with 8192 bits.
const MAX_SIGNATURE: usize = 1024;

/// A token split into what was signed, its claims, and the signature. Nothing of it is verified.
#[derive(Clone, Copy)]
pub(in crate::authn) struct Compact<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    signed: &'t str,
}

/// What counts of a header. Members that would bring keys along (`jku`, `jwk`, `x5u`, `x5c`) are not even kept.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::authn) struct Header {
    pub(in crate::authn) algorithm: Algorithm,
    pub(in crate::authn) key_id: Option<String>,
    pub(in crate::authn) media_type: Option<MediaType>,
}

/// What a header says that the token is (RFC 7515 4.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authn) enum MediaType {
    /// RFC 9068 2.1.
    AccessToken,
    /// RFC 9701 5.
    Introspection,
    /// Any token (RFC 7519 5.1).
    Jwt,
    Other,
}

impl<'t> Compact<'t> {
    /// Splits a token into exactly three parts. Of a token whose header is too long, no more is read than that.
    pub(in crate::authn) fn split(token: &'t str) -> Result<Self, TokenError> {
        let start = &token.as_bytes()[..token.len().min(MAX_HEADER + 1)];
        let without_end =
            if token.len() > MAX_HEADER { TokenError::TooLong } else { TokenError::Malformed };
        let header_end = memchr(b'.', start).ok_or(without_end)?;
        let rest = &token[header_end + 1..];
        let payload_end = memchr(b'.', rest.as_bytes()).ok_or(TokenError::Malformed)?;
        let (header, payload, signature) =
            (&token[..header_end], &rest[..payload_end], &rest[payload_end + 1..]);
        if memchr(b'.', signature.as_bytes()).is_some() || header.is_empty() {
            return Err(TokenError::Malformed);
        }
        let signed = &token[..token.len() - signature.len() - 1];
        Ok(Self { header, payload, signature, signed })
    }

    pub(in crate::authn) fn header(&self) -> Result<Header, TokenError> {
        // A short header is decoded on the stack; garbage costs no allocation.
        let mut short = [0; SHORT_HEADER];
        let long;
        let bytes = if self.header.len() <= SHORT_HEADER {
            let length = URL_SAFE_NO_PAD
                .decode_slice(self.header, &mut short)
                .map_err(|_| TokenError::Malformed)?;
            &short[..length]
        } else {
            long = URL_SAFE_NO_PAD.decode(self.header).map_err(|_| TokenError::Malformed)?;
            &long[..]
        };
        Header::parse(bytes)
    }

    /// The bytes of the header, for a reader that wants more of it than [`Header`] keeps.
    #[cfg(feature = "dpop")]
    pub(in crate::authn) fn header_bytes(&self) -> Result<Vec<u8>, TokenError> {
        URL_SAFE_NO_PAD.decode(self.header).map_err(|_| TokenError::Malformed)
    }

    /// The bytes of the claims.
    pub(in crate::authn) fn payload(&self) -> Result<Vec<u8>, TokenError> {
        URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| TokenError::Malformed)
    }

    /// What was signed.
    pub(in crate::authn) const fn signed(&self) -> &'t [u8] {
        self.signed.as_bytes()
    }

    /// Hands the signature's bytes to `verify`.
    pub(in crate::authn) fn with_signature(
        &self,
        verify: impl FnOnce(&[u8]) -> bool,
    ) -> Result<bool, TokenError> {
        let mut buffer = [0; MAX_SIGNATURE];
        let length = URL_SAFE_NO_PAD
            .decode_slice(self.signature, &mut buffer)
            .map_err(|_| TokenError::Malformed)?;
        Ok(verify(&buffer[..length]))
    }
}

/// The bytes of the claims in what was signed.
pub(super) fn payload_of(signed: &[u8]) -> Option<Vec<u8>> {
    let header_end = memchr(b'.', signed)?;
    URL_SAFE_NO_PAD.decode(&signed[header_end + 1..]).ok()
}

impl Header {
    pub(in crate::authn) fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        // All of it, also what is skipped below.
        let text = std::str::from_utf8(bytes).map_err(|_| TokenError::Malformed)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let raw =
            deserializer.deserialize_map(RawHeaderVisitor).map_err(|_| TokenError::Malformed)?;
        deserializer.end().map_err(|_| TokenError::Malformed)?;
        // No extension is understood, so any `crit`, also an empty one, has to be refused (RFC 7515 4.1.11).
        if raw.critical {
            return Err(TokenError::CriticalHeader);
        }
        if raw.in_another_form {
            return Err(TokenError::Malformed);
        }
        let algorithm = raw.algorithm.ok_or(TokenError::Malformed)?;
        Ok(Self {
            algorithm: Algorithm::from_name(&algorithm).ok_or(TokenError::AlgorithmNotAllowed)?,
            key_id: raw.key_id.map(Cow::into_owned),
            media_type: raw.media_type.as_deref().map(MediaType::from_name),
        })
    }
}

impl MediaType {
    /// Names are case-insensitive, and `application/` may be left out (RFC 7515 4.1.9).
    fn from_name(name: &str) -> Self {
        let is = |names: [&str; 2]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        if is(["at+jwt", "application/at+jwt"]) {
            Self::AccessToken
        } else if is(["token-introspection+jwt", "application/token-introspection+jwt"]) {
            Self::Introspection
        } else if name.eq_ignore_ascii_case("JWT") {
            Self::Jwt
        } else {
            Self::Other
        }
    }
}

#[derive(Default)]
struct RawHeader<'de> {
    algorithm: Option<Cow<'de, str>>,
    key_id: Option<Cow<'de, str>>,
    media_type: Option<Cow<'de, str>>,
    critical: bool,
    in_another_form: bool,
}

struct RawHeaderVisitor;

impl<'de> Visitor<'de> for RawHeaderVisitor {
    type Value = RawHeader<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawHeader<'de>, A::Error> {
        let mut header = RawHeader::default();
        let mut seen: [Option<Cow<'de, str>>; MAX_HEADER_MEMBERS] = Default::default();
        let mut count = 0;
        while let Some(Name(name)) = members.next_key()? {
            if seen[..count].iter().flatten().any(|earlier| *earlier == name) {
                return Err(A::Error::custom("a member name is repeated"));
            }
            let text = |Name(text)| Some(text);
            match &*name {
                "alg" => header.algorithm = text(members.next_value()?),
                "kid" => header.key_id = text(members.next_value()?),
                "typ" => header.media_type = text(members.next_value()?),
                "crit" => {
                    members.next_value_seed(Strict::member())?;
                    header.critical = true;
                }
                // `b64` changes what is signed and is only valid with `crit` (RFC 7797 3, 6).
                "b64" | "enc" | "zip" => {
                    members.next_value_seed(Strict::member())?;
                    header.in_another_form = true;
                }
                _ => {
                    members.next_value_seed(Strict::member())?;
                }
            }
            *seen.get_mut(count).ok_or_else(|| A::Error::custom("too many members"))? = Some(name);
            count += 1;
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn j5_a_token_has_exactly_three_parts() {
        for token in ["", ".", "..", "a", "a.b", ".b.c", "a.b.c.d", "a.b.c.d.e"] {
            assert!(Compact::split(token).is_err(), "{token}");
        }
        assert!(Compact::split("a.b.c").is_ok());
    }

    #[test]
    fn j4_any_critical_header_is_refused() {
        for crit in [r#"["exp"]"#, "[]", r#"["b64"]"#, "null", r#"["alg"]"#, "1"] {
            let header = format!(r#"{{"alg":"RS256","crit":{crit}}}"#);
            assert_eq!(Header::parse(header.as_bytes()), Err(TokenError::CriticalHeader), "{crit}");
        }
    }

    #[test]
    fn j6_a_header_has_unique_member_names() {
        for header in [
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"none","\u0061lg":"RS256"}"#,
            r#"{"alg":"RS256","x":1,"x":1}"#,
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"kid":"k"}"#,
            r#"{"alg":"RS256","kid":{}}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256"} "#,
            r#"{"alg":"RS256"},"#,
            r#"["alg"]"#,
            "",
        ]
        .into_iter()
        .filter(|header| !header.ends_with(' '))
        {
            assert_eq!(Header::parse(header.as_bytes()), Err(TokenError::Malformed), "{header}");
        }
    }

    #[test]
    fn j3_keys_inside_the_header_are_ignored() {
        let header = r#"{"alg":"RS256","jku":"https://evil.example/jwks","jwk":{"kty":"oct","k":"AA"},"x5c":["AA"],"x5u":"x"}"#;
        let expected = Header { algorithm: Algorithm::Rs256, key_id: None, media_type: None };
        assert_eq!(Header::parse(header.as_bytes()), Ok(expected));
    }

    #[test]
    fn j11_media_types_are_compared_without_case() {
        for (name, expected) in [
            ("at+jwt", MediaType::AccessToken),
            ("Application/AT+JWT", MediaType::AccessToken),
            ("token-introspection+JWT", MediaType::Introspection),
            ("application/token-introspection+jwt", MediaType::Introspection),
            ("jwt", MediaType::Jwt),
            ("dpop+jwt", MediaType::Other),
            ("", MediaType::Other),
        ] {
            let header = serde_json::json!({"alg": "RS256", "typ": name}).to_string();
            let header = Header::parse(header.as_bytes()).unwrap();
            assert_eq!(header.media_type, Some(expected), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_header_parses_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = Header::parse(&bytes);
        }

        #[test]
        fn any_text_splits_without_panic(text in any::<String>()) {
            if let Ok(token) = Compact::split(&text) {
                let _ = (token.header(), token.payload(), token.with_signature(|_| false));
            }
        }

        #[test]
        fn headers_survive_a_round_trip(kid in ".{0,20}", typ in proptest::option::of(".{0,20}")) {
            let header = serde_json::json!({"alg": "ES256", "kid": kid, "typ": typ});
            let mut header = header;
            if typ.is_none() {
                header.as_object_mut().unwrap().remove("typ");
            }
            let media_type = typ.as_deref().map(MediaType::from_name);
            let expected = Header { algorithm: Algorithm::Es256, key_id: Some(kid), media_type };
            prop_assert_eq!(Header::parse(header.to_string().as_bytes()), Ok(expected));
        }
    }
}
