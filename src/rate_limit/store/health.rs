use std::time::Duration;

use super::StoreError;
use super::breaker::{Breaker, Change};
use super::counts::Counters;

/// Beyond its patience, nobody waits for a store that does not keep its word.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// How a shared store is, and what was done without it: one for all limits that share the store, so that an outage is
/// found out, told and probed once.
#[derive(Debug)]
pub(in crate::rate_limit) struct Health {
    breaker: Breaker,
    pub(in crate::rate_limit) counters: Counters,
}

impl Health {
    /// Of a store with that patience.
    #[cfg(any(test, feature = "redis"))]
    pub(in crate::rate_limit) fn new(patience: Duration) -> Self {
        Self { breaker: Breaker::new(patience + GRACE), counters: Counters::default() }
    }

    /// Whether the store counts as up.
    pub(super) fn is_up(&self) -> bool {
        self.breaker.is_up()
    }

    /// Whether a request may ask the store; see [`Breaker::lets_ask`].
    pub(super) fn lets_ask(&self, now: Duration) -> bool {
        self.breaker.lets_ask(now)
    }

    /// Learns what came of a trip.
    pub(super) fn note(&self, error: Option<&StoreError>, now: Duration) {
        if let Some(error) = error {
            self.counters.failed_trips.add();
            tracing::debug!(target: "tower_warden::rate_limit", %error, "a trip to the shared store failed");
        }
        match self.breaker.note(error.is_none(), now) {
            Change::Nothing => {}
            Change::WentDown => self.tell_that_it_went_down(error),
            Change::CameBack(after) => self.tell_that_it_came_back(after),
        }
    }

    #[cold]
    fn tell_that_it_went_down(&self, error: Option<&StoreError>) {
        self.counters.outages.add();
        tracing::warn!(
            target: "tower_warden::rate_limit",
            event = "rate_limit_store_down",
            error = error.map(tracing::field::display),
            "the shared store of the rate limits does not answer: each limit does what it was told to do then"
        );
    }

    #[cold]
    fn tell_that_it_came_back(&self, after: Duration) {
        let counts = self.counters.read();
        tracing::info!(
            target: "tower_warden::rate_limit",
            event = "rate_limit_store_up",
            seconds = after.as_secs_f64(),
            refused_unavailable = counts.refused_unavailable,
            counted_here = counts.counted_here,
            admitted_unchecked = counts.admitted_unchecked,
            "the shared store of the rate limits answers again; the counts are since the start"
        );
    }
}
