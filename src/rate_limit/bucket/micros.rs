//! Ticks as a server sees them whose clock shows microseconds, and whose numbers are doubles.
//!
//! Doubles are exact up to 2^53, which ticks exceed. As whole microseconds and a rest of ticks they do not: a microsecond
//! is less than 2^36 ticks, because the ticks of 2^62 ns fit into 88 bits; a capacity is at most 2^62 ns, less than 2^52.1
//! microseconds; and the time of day is less than 2^52 microseconds until the year 2112. So two of these can be added, and
//! compared, without a rounding.

use std::time::Duration;

use super::calendar::{Calendar, USED};
use super::{Bucket, Ticks};

/// The greatest integer of which a double also has the next: more is written as this.
const LAST_MICRO: u128 = (1 << 53) - 1;

/// Whole microseconds, and ticks of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) struct Micros {
    pub(in crate::rate_limit) whole: u64,
    /// Less than [`Bucket::per_micro`].
    pub(in crate::rate_limit) ticks: u64,
}

impl Bucket {
    /// How the server counts: the ticks in a microsecond; -1 by the calendar's day, and -2 by its month.
    pub(in crate::rate_limit) fn scale(&self) -> i64 {
        match self.calendar() {
            None => self.per_micro() as i64,
            Some(Calendar::Day) => -1,
            Some(Calendar::Month) => -2,
        }
    }

    /// Ticks in a microsecond.
    pub(in crate::rate_limit) fn per_micro(&self) -> u64 {
        if self.window.is_some() {
            return 1; // A token.
        }
        // Less than 2^36.
        1000 * u64::from(self.per_nano)
    }

    /// The time in which so many requests' tokens come back; no more than the server can count, which is more than any
    /// bucket holds.
    pub(in crate::rate_limit) fn span_of(&self, cost: u64, requests: u32) -> Micros {
        let tokens = u128::from(cost) * u128::from(requests);
        self.split(tokens.saturating_mul(self.per_token))
    }

    /// The time in which an empty bucket is full.
    pub(in crate::rate_limit) fn capacity(&self) -> Micros {
        self.split(self.capacity)
    }

    fn split(&self, ticks: Ticks) -> Micros {
        let micro = Ticks::from(self.per_micro());
        let (whole, ticks) = (ticks / micro, ticks % micro);
        if whole > LAST_MICRO {
            return Micros { whole: LAST_MICRO as u64, ticks: 0 };
        }
        Micros { whole: whole as u64, ticks: ticks as u64 }
    }

    /// The ticks again.
    pub(in crate::rate_limit) fn join(&self, micros: Micros) -> Ticks {
        Ticks::from(micros.whole) * Ticks::from(self.per_micro()) + Ticks::from(micros.ticks)
    }

    /// The state of a bucket that a server says is full then, where its clock shows `now`.
    pub(in crate::rate_limit) fn state_of(&self, full_at: Micros, now: u64) -> Ticks {
        match self.window {
            None => self.join(full_at),
            Some(_) => {
                let used = Ticks::from(full_at.whole.saturating_sub(now));
                self.instant_of(now) + used.min(USED)
            }
        }
    }

    /// The instant that a clock shows which counts microseconds since the Unix epoch.
    pub(in crate::rate_limit) fn instant_of(&self, micros: u64) -> Ticks {
        let now = Duration::from_micros(micros);
        self.at(|| now).instant(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rate_limit::Quota;

    proptest! {
        #[test]
        fn q8_what_goes_to_a_server_is_exact_in_doubles(
            tokens in prop_oneof![1..1000_u64, any::<u64>()],
            nanos in prop_oneof![1..1_000_000_000_000_u64, any::<u64>()],
            burst in prop_oneof![1..1000_u64, any::<u64>()],
            cost: u64,
            requests: u32,
        ) {
            let quota = Quota::new(tokens, Duration::from_nanos(nanos)).burst(burst);
            let Ok(bucket) = Bucket::new(quota) else { return Ok(()) };
            let capacity = bucket.capacity();
            prop_assert!(bucket.per_micro() < 1 << 36 && capacity.ticks < bucket.per_micro());
            prop_assert_eq!(bucket.join(capacity), bucket.capacity);
            // The year 2100.
            prop_assert!(u128::from(capacity.whole) + 4_102_444_800_000_000 <= LAST_MICRO);
            let span = bucket.span_of(cost, requests);
            let tokens = u128::from(cost) * u128::from(requests);
            let exact = tokens.saturating_mul(bucket.per_token);
            prop_assert!(span.ticks < bucket.per_micro());
            prop_assert!(bucket.join(span) == exact || u128::from(span.whole) == LAST_MICRO);
            prop_assert_eq!(bucket.join(span) > bucket.capacity, exact > bucket.capacity);
        }
    }
}
