//! The arithmetic of a token bucket, in whole numbers: nothing is rounded, so nothing drifts.
//!
//! A bucket's whole state is the instant at which it will be full again (the generic cell rate algorithm's
//! "theoretical arrival time"). Using a token moves that instant on by the time one token takes to come back; a bucket
//! whose instant is in the past is full. Instants are counted in ticks, chosen for each quota so that one nanosecond and
//! one token are both a whole number of them: with 3 tokens a second, a nanosecond is 3 ticks and a token 1,000,000,000.
//!
//! Buckets whose states lie in one table count in one [`scale`]. A quota by the [`calendar`] has states of another kind,
//! which are as large and grow in the same way.

mod calendar;
mod scale;

use std::time::Duration;

pub(super) use self::calendar::Calendar;
use self::calendar::Window;
pub(super) use self::scale::{Exchange, count_alike};
use super::Quota;

/// An instant, or a span, in a quota's own ticks.
pub(super) type Ticks = u128;

/// A state fits into this many bits, which leaves a store the rest of a `u128`.
pub(super) const STATE_BITS: u32 = 88;

const LAST_STATE: Ticks = (1 << STATE_BITS) - 1;

/// Nanoseconds that a clock can show: 146 years. Behind that it stands still, which refuses in the end.
const LAST_NANO: u128 = 1 << 62;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The greatest integer of a structured field (RFC 9651 3.3.1): a greater burst could not be told.
const MAX_BURST: u64 = 999_999_999_999_999;

/// What to do with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// Say whether there is enough, and leave it.
    Peek,
    /// Take it if there is enough.
    Take,
    /// Take it also if there is not enough: the bucket owes, and refuses for longer.
    Owe,
}

/// What came of it, in the bucket's ticks: [`Bucket`] says it in tokens and seconds where somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// What there was too little.
    missing: Ticks,
    /// What the bucket is short of being full now.
    used: Ticks,
}

impl Decision {
    /// Whether there was enough.
    pub(super) const fn allowed(self) -> bool {
        self.missing == 0
    }
}

/// What the states of a table are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Basis {
    pub(super) era: u32,
    pub(super) per_nano: u32,
}

/// A quota in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    per_token: Ticks,
    capacity: Ticks,
    burst: u64,
    /// Ticks of a nanosecond: the scale of the states.
    per_nano: u32,
    /// Which terms of its limit it belongs to: they are counted from 0, and every change makes new ones.
    era: u32,
    /// For a quota by the calendar.
    window: Option<Window>,
}

impl Bucket {
    /// One token a nanosecond: for a builder that goes on after a bad quota.
    pub(super) const PLACEHOLDER: Self =
        Self { per_token: 1, capacity: 1, burst: 1, per_nano: 1, era: 0, window: None };

    /// Fails with everything that is wrong with the quota. A bucket that goes by the calendar has to be asked for that of
    /// the moment.
    pub(super) fn new(quota: Quota) -> Result<Self, Vec<&'static str>> {
        let Quota { tokens, period, burst, calendar } = quota;
        let zeros = [
            (tokens == 0, "the quota has zero tokens a period, and would never refill"),
            (period.is_zero(), "the quota's period is zero"),
            (burst == 0, "the quota's burst is zero, and would refuse every request"),
        ];
        let zeros: Vec<_> =
            zeros.iter().filter(|(is, _)| *is).map(|(_, problem)| *problem).collect();
        if !zeros.is_empty() {
            return Err(zeros);
        }
        if let Some(calendar) = calendar {
            return Self::by_calendar(calendar, tokens, burst);
        }
        let (nanos, tokens) = (period.as_nanos(), u128::from(tokens));
        let divisor = greatest_common_divisor(nanos, tokens);
        let (per_nano, per_token) = (tokens / divisor, nanos / divisor);
        let capacity = u128::from(burst).checked_mul(per_token);
        match capacity.filter(|capacity| fits(per_nano, *capacity)) {
            Some(_) if burst > MAX_BURST => Err(vec!["the quota's burst has more than 15 digits"]),
            // What fits has a scale of no more than 26 bits.
            Some(capacity) => Ok(Self {
                per_token,
                capacity,
                burst,
                per_nano: per_nano as u32,
                ..Self::PLACEHOLDER
            }),
            None => Err(vec![
                "the quota cannot be counted exactly: choose a smaller burst, a shorter period or a rounder rate",
            ]),
        }
    }

    /// What its states are counted by: the terms of its limit, and the ticks of a nanosecond.
    pub(super) const fn basis(&self) -> Basis {
        Basis { era: self.era, per_nano: self.per_nano }
    }

    /// The same bucket under other terms.
    pub(super) const fn in_era(self, era: u32) -> Self {
        Self { era, ..self }
    }

    /// What a full bucket holds.
    pub(super) const fn burst(&self) -> u64 {
        self.burst
    }

    /// How long an empty bucket takes to be full.
    ///
    /// By the calendar, how long a window is at most.
    pub(super) fn refill(&self) -> Duration {
        self.window.map_or_else(|| self.span(self.capacity), Window::longest)
    }

    /// The instant that a clock shows.
    pub(super) fn instant(&self, now: Duration) -> Ticks {
        if let Some(window) = self.window {
            return window.start();
        }
        now.as_nanos().min(LAST_NANO) * Ticks::from(self.per_nano)
    }

    /// Draws `cost` tokens from a bucket that is full at `full_at`; 0 is a bucket never used. Returns the new state too.
    ///
    /// A clock that went back finds an instant further ahead, so less in the bucket, never more.
    pub(super) fn draw(
        &self,
        full_at: Ticks,
        now: Ticks,
        cost: u64,
        draw: Draw,
    ) -> (Ticks, Decision) {
        if self.window.is_some() {
            return self.draw_from_window(full_at, now, cost, draw);
        }
        let next = u128::from(cost).saturating_mul(self.per_token).saturating_add(full_at.max(now));
        let missing = (next - now).saturating_sub(self.capacity);
        let state = match draw {
            Draw::Take if missing == 0 => next,
            Draw::Owe => next.min(LAST_STATE),
            Draw::Peek | Draw::Take => full_at,
        };
        (state, Decision { missing, used: state.saturating_sub(now) })
    }

    /// Whole tokens that a decision left in the bucket.
    pub(super) fn remaining(&self, decision: Decision) -> u64 {
        let left = self.capacity.saturating_sub(decision.used);
        // Never more than the burst, which is a u64.
        divided(left, self.per_token).unwrap_or(self.burst)
    }

    /// How long until there is enough; zero when there was.
    pub(super) fn retry_after(&self, decision: Decision) -> Duration {
        match self.window {
            Some(window) if !decision.allowed() => window.ends_in(),
            _ => self.span(decision.missing),
        }
    }

    /// How long until the bucket is full again.
    pub(super) fn full_after(&self, decision: Decision) -> Duration {
        match self.window {
            Some(window) if decision.used > 0 => window.ends_in(),
            _ => self.span(decision.used),
        }
    }

    /// Whole seconds, rounded up, until there is enough, or when there was, until the bucket is full again.
    pub(super) fn seconds(&self, decision: Decision) -> u64 {
        if let Some(window) = self.window {
            return window.ends_in().as_secs();
        }
        let ticks = if decision.allowed() { decision.used } else { decision.missing };
        let second = Ticks::from(self.per_nano) * NANOS_PER_SECOND;
        divided(ticks.saturating_add(second - 1), second).unwrap_or(u64::MAX)
    }

    /// A span as time, rounded up.
    fn span(&self, ticks: Ticks) -> Duration {
        if ticks == 0 {
            return Duration::ZERO;
        }
        let nanos = ticks.div_ceil(self.per_nano.into());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The quotient, rounded down, where 64 bits hold it. Most numbers fit into 64 bits themselves, and are divided much
/// faster.
fn divided(dividend: Ticks, divisor: Ticks) -> Option<u64> {
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) => dividend.checked_div(divisor),
        _ => u64::try_from(dividend.checked_div(divisor)?).ok(),
    }
}

/// Whether every state of such a bucket has room: the greatest there is, it has when it is emptied at the last instant
/// that the clock can show.
fn fits(per_nano: Ticks, capacity: Ticks) -> bool {
    let last = LAST_NANO.checked_mul(per_nano);
    last.is_some_and(|last| last <= LAST_STATE && capacity <= last.min(LAST_STATE - last))
}

const fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

mod known;
#[cfg(feature = "redis")]
mod micros;
#[cfg(feature = "redis")]
pub(super) use self::micros::Micros;

#[cfg(test)]
mod tests;
