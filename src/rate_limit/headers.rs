//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4).

use std::mem;
use std::time::Duration;

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use sfv::{Integer, ListSerializer, StringRef, key_ref};
use smallvec::SmallVec;

use super::bucket::Bucket;
use super::limits::{Charges, Drawn, Limits, Member};
use crate::config::ConfigError;

pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Longer names only cost bytes in every response.
const MAX_NAME: usize = 64;

/// The fields of one limiter.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    policy: HeaderValue,
    /// What the state field begins with, up to the number of tokens left.
    state_prefix: String,
}

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

    fn state(&self, drawn: Drawn) -> State<'_> {
        State {
            prefix: &self.state_prefix,
            remaining: in_range(drawn.remaining),
            seconds: in_range(drawn.seconds),
        }
    }
}

/// The values of `RateLimit-Policy` and `RateLimit`, where there is something to announce: the outer limits first.
pub(crate) fn announce<'a>(
    charged: impl IntoIterator<Item = Option<(&'a Limits, &'a Charges)>>,
) -> Option<[HeaderValue; 2]> {
    let charged = charged.into_iter().flatten();
    let members = charged.flat_map(|(limits, charges)| limits.announced(charges));
    let members: SmallVec<[Member; 2]> = members.collect();
    let announcements = members
        .iter()
        .map(|Member { terms, drawn }| (&terms.offer(drawn.offer).announcement, *drawn));
    let policy = match &members[..] {
        [] => return None,
        [Member { terms, drawn }] => terms.offer(drawn.offer).announcement.policy.clone(),
        _ => {
            let policies: SmallVec<[&[u8]; 4]> =
                announcements.clone().map(|(own, _)| own.policy.as_bytes()).collect();
            HeaderValue::try_from(policies.join(&b", "[..])).ok()?
        }
    };
    let states: SmallVec<[State<'_>; 4]> =
        announcements.map(|(own, drawn)| own.state(drawn)).collect();
    Some([policy, State::line(&states)])
}

/// Writes both fields before those that limiters further in have written.
pub(super) fn write(limits: &Limits, charges: &Charges, headers: &mut HeaderMap) {
    if let Some([policy, state]) = announce([Some((limits, charges))]) {
        prepend(headers, RATE_LIMIT_POLICY, policy);
        prepend(headers, RATE_LIMIT, state);
    }
}

/// One member of the state field.
#[derive(Clone, Copy)]
struct State<'a> {
    prefix: &'a str,
    remaining: u64,
    seconds: u64,
}

impl State<'_> {
    /// The field of these limiters, in their order.
    ///
    /// On every response, so the numbers are written without the serializer; what may need escapes is in the prefix.
    fn line(states: &[State<'_>]) -> HeaderValue {
        // Exact, so that the text becomes a header value without being copied.
        let length: usize = states.iter().map(State::length).sum();
        let mut text = String::with_capacity(length.saturating_sub(2));
        let mut number = itoa::Buffer::new();
        for State { prefix, remaining, seconds } in states.iter().copied() {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(prefix);
            text.push_str(number.format(remaining));
            text.push_str(";t=");
            text.push_str(number.format(seconds));
        }
        // The names were checked when the limiters were built, and numbers are ASCII: this always fits.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// With the comma before it.
    fn length(&self) -> usize {
        let digits = |number: u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
        ", ".len() + self.prefix.len() + digits(self.remaining) + ";t=".len() + digits(self.seconds)
    }
}

/// The largest Integer that a structured field can hold, at most (RFC 9651 3.3.1).
const fn in_range(number: u64) -> u64 {
    const LARGEST: u64 = 999_999_999_999_999;

    if number < LARGEST { number } else { LARGEST }
}

fn seconds_up(span: Duration) -> Integer {
    let seconds = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0));
    Integer::try_from(seconds).unwrap_or(Integer::MAX)
}

/// Puts a field line before those of the same name.
pub(crate) fn prepend(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
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
        let state = |remaining, seconds| State { prefix: r#""a\"b\\";r="#, remaining, seconds };
        for (left, seconds) in [(0, 0), (9, 10), (42, 100), (99, 999), (1_000_000, 86_400)] {
            let line = State::line(&[state(left, seconds), state(seconds, left)]);
            let expected =
                format!(r#""a\"b\\";r={left};t={seconds}, "a\"b\\";r={seconds};t={left}"#);
            assert_eq!(line, expected);
        }
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
