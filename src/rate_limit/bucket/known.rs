//! What is known here of a bucket that is kept elsewhere.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Bucket, Decision, Draw, LAST_STATE, Ticks};

impl Bucket {
    /// The state behind a decision that was made at `seen`, or later.
    ///
    /// If it was later, the bucket is taken to be fuller than it is, never emptier: who is refused by what is known here
    /// would be refused where the bucket is.
    pub(in crate::rate_limit) fn known(&self, decision: Decision, seen: Duration) -> Ticks {
        (self.instant(seen) + decision.used).min(LAST_STATE)
    }

    /// What a state comes to now, if `unused` tokens that were drawn from it still wait to be used.
    pub(in crate::rate_limit) fn told(
        &self,
        full_at: Ticks,
        now: Duration,
        unused: u64,
    ) -> Decision {
        let unused = u128::from(unused).saturating_mul(self.per_token);
        self.draw(full_at.saturating_sub(unused), self.instant(now), 0, Draw::Peek).1
    }

    /// What a state that nobody drew from since comes to now, for somebody who wants so much.
    pub(in crate::rate_limit) fn look(&self, full_at: Ticks, now: Duration, cost: u64) -> Decision {
        self.draw(full_at, self.instant(now), cost, Draw::Peek).1
    }

    /// One of so many equal parts: a part of the burst, rounded down, refilled at a part of the rate. No part holds less
    /// than one token.
    pub(in crate::rate_limit) fn part(&self, parts: NonZeroU32) -> Self {
        let parts = u64::from(parts.get()).min(self.burst);
        let burst = self.burst / parts;
        let per_token = self.per_token * u128::from(parts);
        // At most the capacity of the whole, so it can be counted as well.
        Self { per_token, capacity: per_token * u128::from(burst), burst, ..*self }
    }
}
