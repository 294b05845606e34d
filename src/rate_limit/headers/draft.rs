//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4).

use std::fmt::Write;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue};
use sfv::{Integer, ItemSerializer, ListSerializer, StringRef, key_ref};

use super::partition::PartitionKey;
use super::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::config::ConfigError;
use crate::header_text::{header_value, written};
use crate::rate_limit::bucket::Bucket;
use crate::rejection::Rejection;

/// Longer names only cost bytes in every response.
const MAX_NAME: usize = 64;

/// What the fields say of one policy.
#[derive(Clone, Debug)]
pub(in crate::rate_limit) struct Announcement {
    pub(super) policy: PolicyLine,
    /// What the state field begins with, up to the number of tokens left.
    state_prefix: String,
}

impl Announcement {
    /// Fails when the name cannot be a String of a structured field.
    pub(in crate::rate_limit) fn new(name: &str, bucket: &Bucket) -> Result<Self, ConfigError> {
        Self::counting(name, bucket.burst(), Some(bucket.refill()))
            .map_err(|problem| ConfigError::new(format!("rate limiter {name:?}"), problem))
    }

    /// Of a quota, and of the time in which it comes back, where there is one. Fails as `new`.
    pub(in crate::rate_limit) fn counting(
        name: &str,
        quota: u64,
        window: Option<Duration>,
    ) -> Result<Self, String> {
        let text = policy_name(name)?;
        let quota = Integer::try_from(quota).unwrap_or(Integer::MAX);
        let mut policy = String::new();
        let mut list = ListSerializer::with_buffer(&mut policy);
        let member = list.bare_item(text).parameter(key_ref("q"), quota);
        if let Some(window) = window {
            let window = seconds_up(window).max(Integer::constant(1));
            let _ = member.parameter(key_ref("w"), window);
        }
        let mut state_prefix = String::new();
        let _ = ListSerializer::with_buffer(&mut state_prefix).bare_item(text);
        state_prefix.push_str(";r=");
        Ok(Self { policy: PolicyLine::new(policy), state_prefix })
    }

    /// Says what is counted, where that is not requests.
    pub(in crate::rate_limit) fn in_units(mut self, unit: &str) -> Result<Self, &'static str> {
        if unit == "requests" || unit == "request" {
            return Err("the quota unit is requests, which goes without saying");
        }
        let text = text(unit).map_err(|_| "the quota unit is not 1 to 64 printable ASCII")?;
        let mut policy = self.policy.text().to_owned();
        policy.push_str(";qu=");
        let _ = ListSerializer::with_buffer(&mut policy).bare_item(text);
        self.policy = PolicyLine::new(policy);
        Ok(self)
    }

    /// A refusal with both fields: nothing is left, and there is more in so many seconds, where somebody knows that.
    pub(in crate::rate_limit) fn tell_spent(
        &self,
        refusal: Rejection,
        seconds: Option<u64>,
    ) -> Rejection {
        let mut state = format!("{}0", self.state_prefix);
        if let Some(seconds) = seconds {
            // Writing into a String cannot fail.
            let _ = write!(state, ";t={}", in_range(seconds));
        }
        refusal
            .with_header(RATE_LIMIT_POLICY, self.policy.value.clone())
            .with_header(RATE_LIMIT, header_value(state.as_bytes()))
    }

    pub(in crate::rate_limit) fn state_prefix(&self) -> &str {
        &self.state_prefix
    }
}

/// A policy's name as a String of a structured field, or why it cannot be one.
pub(in crate::rate_limit) fn policy_name(name: &str) -> Result<&StringRef, String> {
    text(name).map_err(|problem| format!("the policy name {problem}"))
}

/// A String of a structured field (RFC 9651 3.3.3).
fn text(text: &str) -> Result<&StringRef, &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > MAX_NAME {
        return Err("is longer than 64 characters");
    }
    StringRef::from_str(text).map_err(|_| "holds more than printable ASCII")
}

/// A value of `RateLimit-Policy`, and a header section to copy that has it: a copy hashes no names.
#[derive(Clone, Debug)]
pub(super) struct PolicyLine {
    pub(super) value: HeaderValue,
    /// Both fields, the second of them empty.
    ready: HeaderMap,
}

impl PolicyLine {
    pub(super) fn new(text: String) -> Self {
        // Names were checked when the limiter was built, and the rest is ASCII: this always fits.
        let value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        let mut ready = HeaderMap::with_capacity(2);
        ready.insert(RATE_LIMIT_POLICY, value.clone());
        ready.insert(RATE_LIMIT, HeaderValue::from_static(""));
        Self { value, ready }
    }

    /// The policies of several limits, in their order.
    pub(super) fn joined<'a>(lines: impl Iterator<Item = &'a Self>) -> Self {
        Self::new(lines.map(Self::text).collect::<Vec<_>>().join(", "))
    }

    fn text(&self) -> &str {
        self.value.to_str().unwrap_or_default()
    }

    /// A header section with this line, and room for a state.
    pub(super) fn section(&self) -> HeaderMap {
        self.ready.clone()
    }

    /// Puts the state into such a section.
    pub(super) fn fill(section: &mut HeaderMap, state: HeaderValue) {
        if let Some(room) = section.values_mut().nth(1) {
            *room = state;
        }
    }
}

/// One member of the state field.
#[derive(Clone, Copy)]
pub(super) struct State<'a> {
    prefix: &'a str,
    pub(super) remaining: u64,
    pub(super) seconds: u64,
}

impl<'p> State<'p> {
    pub(super) const fn new(prefix: &'p str, remaining: u64, seconds: u64) -> Self {
        Self { prefix, remaining: in_range(remaining), seconds: in_range(seconds) }
    }

    /// The field of these limits, in their order.
    ///
    /// On every response, so the numbers are written without the serializer; what may need escapes is in the prefix.
    pub(super) fn line<'a>(states: &(impl Iterator<Item = State<'a>> + Clone)) -> HeaderValue {
        written(|line| {
            let mut number = itoa::Buffer::new();
            for (at, State { prefix, remaining, seconds }) in states.clone().enumerate() {
                if at > 0 {
                    line.extend_from_slice(b", ");
                }
                line.extend_from_slice(prefix.as_bytes());
                line.extend_from_slice(number.format(remaining).as_bytes());
                line.extend_from_slice(b";t=");
                line.extend_from_slice(number.format(seconds).as_bytes());
            }
        })
    }
}

/// Both fields, where each member says whose bucket it is.
pub(super) fn with_partitions<'a>(
    members: impl Iterator<Item = (PolicyLine, State<'a>, PartitionKey)>,
) -> [HeaderValue; 2] {
    let (mut policy, mut state) = (String::new(), String::new());
    for (line, told, key) in members {
        if !policy.is_empty() {
            policy.push_str(", ");
            state.push_str(", ");
        }
        let mut partition = String::from(";pk=");
        let _ = ItemSerializer::with_buffer(&mut partition).bare_item(&key.0[..]);
        policy.push_str(line.text());
        policy.push_str(&partition);
        let State { prefix, remaining, seconds } = told;
        // Writing into a String cannot fail.
        let _ = write!(state, "{prefix}{remaining};t={seconds}{partition}");
    }
    [policy, state].map(|text| header_value(text.as_bytes()))
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
            assert_eq!(announcement("p", quota).policy.value, expected);
        }
    }

    #[test]
    fn q5_a_unit_is_told_unless_it_is_requests() {
        let told = || announcement("p", Quota::per_minute(5));
        let bytes = told().in_units("content-bytes").unwrap();
        assert_eq!(bytes.policy.value, "\"p\";q=5;w=60;qu=\"content-bytes\"");
        for unit in ["requests", "request", "", "\u{e9}", &"x".repeat(65)] {
            assert!(told().in_units(unit).is_err(), "{unit:?}");
        }
    }

    #[test]
    fn q4_the_state_field_tells_what_is_left_and_when_there_is_more() {
        let told = announcement(r#"a"b\"#, Quota::per_minute(5));
        for (left, seconds) in [(0, 0), (9, 10), (42, 100), (99, 999), (1_000_000, 86_400)] {
            let states = [
                State::new(told.state_prefix(), left, seconds),
                State::new(told.state_prefix(), seconds, left),
            ];
            let expected =
                format!(r#""a\"b\\";r={left};t={seconds}, "a\"b\\";r={seconds};t={left}"#);
            assert_eq!(State::line(&states.into_iter()), expected);
        }
        let most = State::new(told.state_prefix(), u64::MAX, u64::MAX);
        assert_eq!((most.remaining, most.seconds), (999_999_999_999_999, 999_999_999_999_999));
    }

    #[test]
    fn q5_names_are_printable_ascii() {
        let bucket = Bucket::new(Quota::per_second(1)).unwrap();
        for name in ["", "naïve", "a\nb", "\u{7f}", &"x".repeat(65)] {
            assert!(Announcement::new(name, &bucket).is_err(), "{name:?}");
        }
        assert!(Announcement::new(&"x".repeat(64), &bucket).is_ok());
    }

    proptest! {
        #[test]
        fn q5_every_printable_name_survives_as_a_structured_string(name in "[ -~]{1,64}") {
            let value = announcement(&name, Quota::per_minute(5)).policy.value;
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
