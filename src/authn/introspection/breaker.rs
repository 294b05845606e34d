use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// Stops asking an endpoint that fails, and lets one call find out when it is back.
#[derive(Debug)]
pub(super) struct Breaker {
    threshold: u32,
    cool_down: Duration,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calls go through; so many failed in a row.
    Closed { failures: u32 },
    /// No call goes through until then.
    Open { until: Duration },
    /// One call is under way to find out.
    Probing,
}

/// Leave to make one call. Dropped without a report, the call counts for nothing.
#[derive(Debug)]
#[must_use = "a call has to be reported"]
pub(super) struct Permit<'b> {
    breaker: &'b Breaker,
    is_probe: bool,
}

impl Breaker {
    pub(super) fn new(threshold: u32, cool_down: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { threshold, cool_down, clock, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Leave to make a call, or how long there is none.
    pub(super) fn admit(&self) -> Result<Permit<'_>, Duration> {
        let now = self.clock.monotonic();
        self.change(|state| match *state {
            State::Closed { .. } => Ok(Permit { breaker: self, is_probe: false }),
            State::Open { until } if now < until => Err((until - now).min(self.cool_down)),
            State::Open { .. } => {
                *state = State::Probing;
                Ok(Permit { breaker: self, is_probe: true })
            }
            State::Probing => Err(Duration::from_secs(1)),
        })
    }

    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // A state is written whole: a poisoned one is a good one.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Permit<'_> {
    /// Tells how the call went. A call that began before the breaker opened tells nothing any more.
    pub(super) fn report(mut self, went_well: bool) {
        let Breaker { threshold, cool_down, .. } = *self.breaker;
        let open = State::Open { until: self.breaker.clock.monotonic().saturating_add(cool_down) };
        let is_probe = std::mem::take(&mut self.is_probe);
        let (before, after) = self.breaker.change(|state| {
            let before = *state;
            *state = match before {
                State::Closed { .. } if went_well => State::Closed { failures: 0 },
                State::Closed { failures } if failures + 1 < threshold => {
                    State::Closed { failures: failures + 1 }
                }
                State::Closed { .. } => open,
                State::Probing if is_probe && went_well => State::Closed { failures: 0 },
                State::Probing if is_probe => open,
                State::Probing | State::Open { .. } => before,
            };
            (before, *state)
        });
        match (before, after) {
            (State::Closed { .. }, State::Open { .. }) => tracing::error!(
                target: "tower_warden::introspection",
                seconds = cool_down.as_secs(), "the introspection endpoint keeps failing and is left alone"
            ),
            (State::Probing, State::Closed { .. }) => {
                tracing::info!(target: "tower_warden::introspection", "the introspection endpoint is back");
            }
            _ => {}
        }
    }
}

/// A caller that goes away must not leave the breaker waiting for its probe: the next one makes another.
impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            let now = self.breaker.clock.monotonic();
            self.breaker.change(|state| *state = State::Open { until: now });
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::FakeClock;

    const COOL_DOWN: Duration = Duration::from_secs(10);

    fn breaker() -> (Breaker, FakeClock) {
        let clock = FakeClock::at_unix(1_800_000_000);
        (Breaker::new(3, COOL_DOWN, Arc::new(clock.clone())), clock)
    }

    fn fail(breaker: &Breaker, times: usize) {
        for _ in 0..times {
            breaker.admit().expect("closed").report(false);
        }
    }

    #[test]
    fn i6_it_opens_after_failures_in_a_row_only() {
        let (breaker, _) = breaker();
        fail(&breaker, 2);
        breaker.admit().unwrap().report(true);
        fail(&breaker, 2);
        assert!(breaker.admit().is_ok());
        fail(&breaker, 1);
        assert_eq!(breaker.admit().unwrap_err(), COOL_DOWN);
    }

    #[test]
    fn i6_one_probe_decides_and_a_dropped_one_does_not() {
        let (breaker, clock) = breaker();
        fail(&breaker, 3);
        clock.advance(COOL_DOWN);
        drop(breaker.admit().unwrap());
        let probe = breaker.admit().unwrap();
        assert!(breaker.admit().is_err());
        probe.report(false);
        assert_eq!(breaker.admit().unwrap_err(), COOL_DOWN);
        clock.advance(COOL_DOWN);
        breaker.admit().unwrap().report(true);
        fail(&breaker, 2);
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn i6_a_call_from_before_neither_opens_nor_closes_it() {
        let (breaker, clock) = breaker();
        let (slow, slower) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        fail(&breaker, 3);
        slow.report(true);
        assert!(breaker.admit().is_err());
        clock.advance(COOL_DOWN);
        let probe = breaker.admit().unwrap();
        slower.report(true);
        assert!(breaker.admit().is_err());
        probe.report(true);
    }

    #[test]
    fn i6_a_clock_that_goes_back_does_not_make_the_wait_longer() {
        let (breaker, clock) = breaker();
        clock.set_monotonic(Duration::from_secs(1_000_000));
        fail(&breaker, 3);
        clock.set_monotonic(Duration::ZERO);
        assert_eq!(breaker.admit().unwrap_err(), COOL_DOWN);
    }
}
