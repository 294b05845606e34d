//! `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, which many clients read and no standard defines.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::header_text::header_value;

static NAMES: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// What the fields say: they have room for one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Legacy {
    pub(super) limit: u64,
    pub(super) remaining: u64,
    /// Seconds.
    pub(super) reset: u64,
}

impl Legacy {
    /// Whether there is less left than in the other one, measured against what there is when it is full.
    pub(super) fn is_tighter_than(&self, other: &Self) -> bool {
        let share = |of: &Self, by: &Self| u128::from(of.remaining) * u128::from(by.limit);
        (share(self, other), other.reset) < (share(other, self), self.reset)
    }

    /// Writes the fields, unless a limiter further in has told of less.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        if Self::read(headers).is_some_and(|inner| !self.is_tighter_than(&inner)) {
            return;
        }
        let mut digits = itoa::Buffer::new();
        for (name, number) in NAMES.iter().zip([self.limit, self.remaining, self.reset]) {
            headers.insert(name, header_value(digits.format(number).as_bytes()));
        }
    }

    /// As name and value, for a refusal.
    pub(super) fn into_fields(self) -> [(HeaderName, HeaderValue); 3] {
        let [limit, remaining, reset] = NAMES.clone();
        let value = |number: u64| header_value(itoa::Buffer::new().format(number).as_bytes());
        [(limit, value(self.limit)), (remaining, value(self.remaining)), (reset, value(self.reset))]
    }

    fn read(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &HeaderName| headers.get(name)?.to_str().ok()?.parse().ok();
        let [limit, remaining, reset] = &NAMES;
        Some(Self { limit: number(limit)?, remaining: number(remaining)?, reset: number(reset)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q5_the_tightest_policy_is_told() {
        let of = |limit, remaining, reset| Legacy { limit, remaining, reset };
        for (one, other, tighter) in [
            (of(10, 1, 5), of(100, 11, 5), true),
            (of(100, 10, 5), of(10, 1, 5), false), // the same share, the same time
            (of(100, 10, 6), of(10, 1, 5), true),  // the same share, for longer
            (of(10, 9, 5), of(100, 89, 5), false),
            (of(u64::MAX, 0, 5), of(u64::MAX, u64::MAX, 5), true),
        ] {
            assert_eq!(one.is_tighter_than(&other), tighter, "{one:?} {other:?}");
            let mut headers = HeaderMap::new();
            other.write(&mut headers);
            one.write(&mut headers);
            assert_eq!(Legacy::read(&headers), Some(if tighter { one } else { other }));
            assert_eq!(headers.len(), 3);
        }
    }
}
