//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4).

use std::mem;
use std::time::Duration;

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use sfv::{Integer, ListSerializer, StringRef, key_ref};

use super::bucket::{Bucket, Decision};
use crate::config::ConfigError;

pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Longer names only cost bytes in every response.
const MAX_NAME: usize = 64;

/// The fields of one limiter.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    policy: HeaderValue,
    /// What the state field begins with, up to the number of tokens left.
    state_prefix: String,
}

/// Room for the fields of a whole stack and some of the handler: growing a header map once is cheaper than three times.
const ROOM: usize = 13;

impl Announcement {
    /// Fails when the name cannot be a String of a structured field.
    pub(super) fn new(name: &str, bucket: &Bucket) -> Result<Self, ConfigError> {
        let problem = |problem| ConfigError::new(format!("rate limiter {name:?}"), problem);
        if name.is_empty() {
            return Err(problem("the policy name is empty"));
        }
        if name.len() > MAX_NAME {
            return Err(problem("the policy name is longer than 64 characters"));
        }
        let unprintable = || problem("the policy name holds more than printable ASCII");
        let text = StringRef::from_str(name).map_err(|_| unprintable())?;
        let quota = Integer::try_from(bucket.burst()).unwrap_or(Integer::MAX);
        let window = seconds_up(bucket.refill()).max(Integer::constant(1));
        let mut policy = String::new();
        let mut list = ListSerializer::with_buffer(&mut policy);
        let _ = list.bare_item(text).parameter(key_ref("q"), quota).parameter(key_ref("w"), window);
        let mut state_prefix = String::new();
        let _ = ListSerializer::with_buffer(&mut state_prefix).bare_item(text);
        state_prefix.push_str(";r=");
        Ok(Self { policy: HeaderValue::try_from(policy).map_err(|_| unprintable())?, state_prefix })
    }

    /// Both fields, for a refusal.
    pub(super) fn fields(&self, decision: &Decision) -> [(HeaderName, HeaderValue); 2] {
        [(RATE_LIMIT_POLICY, self.policy.clone()), (RATE_LIMIT, self.state(decision))]
    }

    /// Writes both fields before those that limiters further in have written.
    pub(super) fn write(&self, decision: &Decision, headers: &mut HeaderMap) {
        headers.reserve(ROOM.saturating_sub(headers.keys_len()));
        for (name, value) in self.fields(decision) {
            prepend(headers, name, value);
        }
    }

    /// On every response, so the numbers are written without the serializer; what may need escapes is in the prefix.
    fn state(&self, decision: &Decision) -> HeaderValue {
        let after = if decision.allowed { decision.full_after } else { decision.retry_after };
        let (mut r, mut t) = (itoa::Buffer::new(), itoa::Buffer::new());
        let r = r.format(in_range(decision.remaining));
        let t = t.format(i64::from(seconds_up(after)));
        let mut text = String::with_capacity(self.state_prefix.len() + r.len() + 3 + t.len());
        for part in [&self.state_prefix, r, ";t=", t] {
            text.push_str(part);
        }
        // The name was checked when the limiter was built, and numbers are ASCII: this always fits.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// The largest Integer that a structured field can hold, at most (RFC 9651 3.3.1).
fn in_range(number: u64) -> i64 {
    Integer::try_from(number).unwrap_or(Integer::MAX).into()
}

fn seconds_up(span: Duration) -> Integer {
    let seconds = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0));
    Integer::try_from(seconds).unwrap_or(Integer::MAX)
}

/// Puts a field line before those of the same name.
fn prepend(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
        Entry::Occupied(mut entry) => {
            // Each line hands its value on to the next one; nothing is allocated for it.
            let mut carried = value;
            for line in entry.iter_mut() {
                mem::swap(line, &mut carried);
            }
            entry.append(carried);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rate_limit::Quota;

    fn announcement(name: &str, quota: Quota) -> Announcement {
        Announcement::new(name, &Bucket::new(quota).unwrap()).unwrap()
    }

    fn decision(allowed: bool) -> Decision {
        Decision {
            allowed,
            remaining: 42,
            retry_after: Duration::from_millis(16_001),
            full_after: Duration::from_nanos(99_000_000_001),
        }
    }

    #[test]
    fn q3_the_policy_field_tells_the_burst_and_the_time_to_refill_it() {
        for (quota, expected) in [
            (Quota::per_minute(100), "\"p\";q=100;w=60"),
            (Quota::per_minute(100).burst(250), "\"p\";q=250;w=150"),
            (Quota::per_second(1000).burst(1), "\"p\";q=1;w=1"),
            (Quota::per_second(3).burst(4), "\"p\";q=4;w=2"),
            (Quota::per_day(1), "\"p\";q=1;w=86400"),
        ] {
            assert_eq!(announcement("p", quota).policy, expected);
        }
    }

    #[test]
    fn q4_the_state_field_rounds_its_time_up() {
        let announcement = announcement("a\"b\\", Quota::per_second(100));
        assert_eq!(announcement.state(&decision(true)), r#""a\"b\\";r=42;t=100"#);
        assert_eq!(announcement.state(&decision(false)), r#""a\"b\\";r=42;t=17"#);
    }

    #[test]
    fn q5_names_are_printable_ascii() {
        let bucket = Bucket::new(Quota::per_second(1)).unwrap();
        for name in ["", "naïve", "a\nb", "\u{7f}", &"x".repeat(65)] {
            assert!(Announcement::new(name, &bucket).is_err(), "{name:?}");
        }
        assert!(Announcement::new(&"x".repeat(64), &bucket).is_ok());
    }

    #[test]
    fn q4_lines_are_put_before_those_further_in() {
        let mut headers = HeaderMap::new();
        for value in ["3", "2", "1"] {
            prepend(&mut headers, RATE_LIMIT, HeaderValue::from_static(value));
        }
        assert!(headers.get_all(RATE_LIMIT).iter().eq(["1", "2", "3"]));
    }

    proptest! {
        #[test]
        fn q5_every_printable_name_survives_as_a_structured_string(name in "[ -~]{1,64}") {
            let value = announcement(&name, Quota::per_minute(5)).policy;
            let quoted = value.to_str().unwrap().strip_suffix("\";q=5;w=60").unwrap();
            let mut read = String::new();
            let mut characters = quoted.strip_prefix('"').unwrap().chars();
            while let Some(character) = characters.next() {
                prop_assert_ne!(character, '"');
                read.push(if character == '\\' { characters.next().unwrap() } else { character });
            }
            prop_assert_eq!(read, name);
        }
    }
}
