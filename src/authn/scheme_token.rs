//! A token after the name of its scheme, as `Authorization` carries those of `Bearer` and `DPoP` (RFC 6750 2.1,
//! RFC 9449 7.1).

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};

use super::Token;

/// The request's `Authorization` field. Found by comparing names: hashing one costs more than a glance at all that a request
/// has.
pub(super) fn authorization(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.iter().find(|(name, _)| *name == AUTHORIZATION).map(|(_, value)| value)
}

/// What follows the scheme's name, where the value is of this scheme. Names are case-insensitive (RFC 9110 11.1).
pub(super) fn after_scheme<'v>(scheme: &str, value: &'v [u8]) -> Option<&'v [u8]> {
    let (name, rest) = value.split_at_checked(scheme.len())?;
    let ends_here = rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    // Nearly all write it as it is registered, and equal bytes are found faster.
    let is_named = name == scheme.as_bytes() || name.eq_ignore_ascii_case(scheme.as_bytes());
    (ends_here && is_named).then_some(rest)
}

/// The token: what follows one or more spaces (RFC 9110 11.4). Its characters are for the validator to judge, which
/// reads no more of a long token than it has to.
pub(super) fn token<'v>(scheme: &str, value: &'v [u8]) -> Option<Token<'v>> {
    let rest = after_scheme(scheme, value)?;
    let token = &rest[rest.iter().position(|byte| *byte != b' ')?..];
    Some(token.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn b1_the_scheme_is_case_insensitive_and_the_token_follows_spaces() {
        for (value, expected) in [
            ("Bearer a.b.c", Some("a.b.c")),
            ("bearer a.b.c", Some("a.b.c")),
            ("BEARER   a.b.c", Some("a.b.c")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearera.b.c", None),
            ("Basic YTpi", None),
        ] {
            let found = token("Bearer", value.as_bytes());
            assert_eq!(found.and_then(Token::as_str), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(value in any::<Vec<u8>>()) {
            let _ = token("Bearer", &value);
        }

        #[test]
        fn a_token_survives_a_round_trip(expected in "[A-Za-z0-9._~+/-]{1,99}") {
            let value = format!("Bearer {expected}");
            let found = token("Bearer", value.as_bytes());
            prop_assert_eq!(found.and_then(Token::as_str), Some(&*expected));
        }
    }
}
