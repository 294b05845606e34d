//! HTTP Basic, read strictly (RFC 7617 2).

use std::str;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::transport::Presented;

/// The most characters of base64 that are looked at: more than the longest id and key need.
const MAX_ENCODED: usize = 256;

/// Where user and password are decoded to; wiped afterwards.
pub(super) type Decoded = Zeroizing<[u8; MAX_ENCODED / 4 * 3]>;

pub(super) fn nothing_decoded() -> Decoded {
    Zeroizing::new([0; MAX_ENCODED / 4 * 3])
}

/// What follows the scheme's name in an `Authorization` value, if the scheme is Basic in any letter case.
pub(super) fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("Basic".len())?;
    let ends = rest.first().is_none_or(|next| matches!(next, b' ' | b'\t'));
    (scheme.eq_ignore_ascii_case(b"Basic") && ends).then_some(rest)
}

/// User and password, split at the first colon; no password when it is empty. `None` if this is not canonical base64
/// of UTF-8 without control characters.
pub(super) fn read<'d>(value: &[u8], decoded: &'d mut Decoded) -> Option<Presented<'d>> {
    let mut encoded = after_scheme(value)?;
    // One space or more (RFC 9110 11.4).
    while let [b' ', rest @ ..] = encoded {
        encoded = rest;
    }
    if encoded.len() > MAX_ENCODED {
        return None;
    }
    let length = STANDARD.decode_slice(encoded, decoded.as_mut_slice()).ok()?;
    let pair = str::from_utf8(decoded.get(..length)?).ok()?;
    if pair.contains(char::is_control) {
        return None;
    }
    let (id, key) = pair.split_once(':')?;
    Some(Presented { id, key: (!key.is_empty()).then_some(key) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(value: &[u8]) -> Option<(String, Option<String>)> {
        let mut decoded = nothing_decoded();
        let Presented { id, key } = read(value, &mut decoded)?;
        Some((id.to_owned(), key.map(str::to_owned)))
    }

    fn basic(pair: impl AsRef<[u8]>) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn a6_basic_reads_the_examples_of_the_standard() {
        // RFC 7617 2 and 2.1.
        let aladdin = Some(("Aladdin".to_owned(), Some("open sesame".to_owned())));
        assert_eq!(pair(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), aladdin);
        assert_eq!(pair(b"bASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), aladdin);
        assert_eq!(
            pair(b"Basic dGVzdDoxMjPCow=="),
            Some(("test".to_owned(), Some("123\u{a3}".to_owned())))
        );
    }

    #[test]
    fn a6_basic_splits_at_the_first_colon() {
        let of = |text| pair(basic(text).as_bytes());
        assert_eq!(of("a:b:c"), Some(("a".to_owned(), Some("b:c".to_owned()))));
        assert_eq!(of("a:"), Some(("a".to_owned(), None)));
        assert_eq!(of(":b"), Some((String::new(), Some("b".to_owned()))));
        assert_eq!(of("ab"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a6_basic_has_one_spelling() {
        for bad in [
            "Basic",
            "Basic ",
            "BasicYTpi",
            "Basic\tYTpi",
            "Basic YTpi=", // padding that is not needed
            "Basic YTo",   // padding that is missing
            "Basic YTp=",  // bits that are not zero after the end
            "Basic YT pi",
            "Basic YTpi,YTpi",
            "Basic YTp_", // the alphabet for URLs
            "Basic YTpi\u{e9}",
            "Bearer YTpi",
        ] {
            assert_eq!(pair(bad.as_bytes()), None, "{bad}");
        }
        assert!(pair(b"Basic YTpi").is_some());
    }

    #[test]
    fn a6_basic_refuses_control_characters_other_encodings_and_length() {
        for bad in ["a:b\n", "a\0:b", "a:\x7f", "a:\u{85}"] {
            assert_eq!(pair(basic(bad).as_bytes()), None, "{bad:?}");
        }
        assert_eq!(pair(basic(b"a:\xff").as_bytes()), None);
        assert!(pair(basic(format!("a:{}", "b".repeat(190))).as_bytes()).is_some());
        assert_eq!(pair(basic(format!("a:{}", "b".repeat(191))).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn a6_basic_pairs_survive_a_round_trip(id in "[^:\\p{Cc}]{0,20}", key in "[^\\p{Cc}]{1,20}") {
            prop_assert_eq!(
                pair(basic(format!("{id}:{key}")).as_bytes()),
                Some((id, Some(key)))
            );
        }

        #[test]
        fn a6_no_value_makes_basic_panic(value in any::<Vec<u8>>(), bytes in any::<Vec<u8>>()) {
            let _ = pair(&value);
            if let Some((id, _)) = pair(basic(bytes).as_bytes()) {
                prop_assert!(!id.contains(':'));
            }
        }
    }
}
