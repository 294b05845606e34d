//! How long an answer may be taken for current.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};

/// The bounds within which an answer decides how long it is current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: Duration,
    pub(super) most: Duration,
    /// For answers that do not say.
    pub(super) usual: Duration,
}

impl Bounds {
    /// How long an answer with these header fields is current (RFC 9111 4.2): `max-age` less `Age`, within the bounds.
    pub(super) fn lifetime(&self, headers: &HeaderMap) -> Duration {
        let said = max_age(headers).map(|max_age| max_age.saturating_sub(age(headers)));
        said.unwrap_or(self.usual).clamp(self.least, self.most)
    }
}

/// What `Cache-Control` allows. An answer that may not be stored, or that says it in a way that cannot be read, is not
/// current for long (RFC 9111 4.2.1); of several, the least counts.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers.get_all(CACHE_CONTROL).iter();
    let directives = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    directives.filter_map(|directive| of_directive(directive.trim_ascii())).min()
}

fn of_directive(directive: &[u8]) -> Option<Duration> {
    let is = |name: &[u8], expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
    let Some(equals) = directive.iter().position(|byte| *byte == b'=') else {
        let never = ["no-store", "no-cache", "max-age"].iter().any(|name| is(directive, name));
        return never.then_some(Duration::ZERO);
    };
    let (name, value) = (&directive[..equals], &directive[equals + 1..]);
    if is(name, "max-age") {
        let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        Some(seconds(quoted.unwrap_or(value)).unwrap_or(Duration::ZERO))
    } else {
        None
    }
}

fn age(headers: &HeaderMap) -> Duration {
    headers.get(AGE).and_then(|value| seconds(value.as_bytes())).unwrap_or_default()
}

/// A number of seconds; one that is too large to be held is very large (RFC 9111 1.2.2).
fn seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(Duration::from_secs(text.iter().fold(0, add)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        least: Duration::from_secs(60),
        most: Duration::from_secs(3_600),
        usual: Duration::from_secs(600),
    };

    fn lifetime(fields: &[(&'static str, &str)]) -> u64 {
        let fields = fields.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        BOUNDS.lifetime(&fields.collect()).as_secs()
    }

    #[test]
    fn k7_the_lifetime_follows_max_age_within_bounds() {
        for (value, expected) in [
            ("max-age=1800", 1_800),
            ("public, max-age=1800, must-revalidate", 1_800),
            ("MAX-AGE=1800", 1_800),
            ("max-age=\"1800\"", 1_800),
            ("max-age=0", 60),
            ("max-age=31536000", 3_600),
            ("max-age=99999999999999999999999", 3_600),
            ("max-age=-1", 60),
            ("max-age=soon", 60),
            ("max-age=", 60),
            ("max-age", 60),
            ("max-age=1800, max-age=300", 300),
            ("no-store", 60),
            ("max-age=1800, no-cache", 60),
            ("s-maxage=1800", 600), // for shared caches
            ("public", 600),
            ("", 600),
        ] {
            assert_eq!(lifetime(&[("cache-control", value)]), expected, "{value}");
        }
        assert_eq!(lifetime(&[]), 600);
        assert_eq!(lifetime(&[("cache-control", "public"), ("cache-control", "max-age=90")]), 90);
    }

    #[test]
    fn k7_time_that_an_answer_spent_in_a_cache_counts() {
        let aged = |age| lifetime(&[("cache-control", "max-age=1800"), ("age", age)]);
        assert_eq!([aged("600"), aged("1799"), aged("99999"), aged("old")], [1_200, 60, 60, 1_800]);
    }

    proptest! {
        #[test]
        fn any_header_gives_a_lifetime_within_bounds(value in "[ -~]{0,40}", age in "[ -~]{0,20}") {
            let found = lifetime(&[("cache-control", &value), ("age", &age)]);
            prop_assert!((60..=3_600).contains(&found));
        }

        #[test]
        fn a_max_age_within_bounds_is_read_as_written(age in 60_u64..=3_600) {
            prop_assert_eq!(lifetime(&[("cache-control", &format!("private, max-age={age}"))]), age);
        }
    }
}
