use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Failures without a success between them, after which the store counts as down.
///
/// One alone is a connection that was lost and is made again; at three, of whatever requests, the next would most likely
/// wait for nothing too.
const FAILURES: u32 = 3;

/// How long a store that is down is left alone before one request finds out whether it is back: short beside the time in
/// which people notice, long beside what the asking costs.
#[cfg(any(test, feature = "redis"))]
const REST: Duration = Duration::from_secs(1);

/// Keeps requests from waiting for a store that is down.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures without a success since.
    failures: AtomicU32,
    /// When the store may be asked again, in nanoseconds; 0 while it is up.
    asleep_until: AtomicU64,
    /// When it went down, in nanoseconds.
    down_since: AtomicU64,
    /// At least as long as an answer may take, so that one request asks at a time.
    rest: u64,
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    WentDown,
    /// After so long.
    CameBack(Duration),
}

impl Breaker {
    #[cfg(any(test, feature = "redis"))]
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            failures: AtomicU32::new(0),
            asleep_until: AtomicU64::new(0),
            down_since: AtomicU64::new(0),
            rest: nanos(REST.max(patience)),
        }
    }

    /// Whether the store counts as up.
    pub(super) fn is_up(&self) -> bool {
        self.asleep_until.load(Ordering::Relaxed) == 0
    }

    /// Whether a request may ask. While the store is down, one may after each rest; if it goes away without an answer, the
    /// next may after another.
    pub(super) fn lets_ask(&self, now: Duration) -> bool {
        let until = self.asleep_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = nanos(now);
        // A clock that went back does not make the rest longer.
        let asleep = now < until && until - now <= self.rest;
        !asleep
            && self
                .asleep_until
                .compare_exchange(until, now + self.rest, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Learns what came of asking.
    pub(super) fn note(&self, answered: bool, now: Duration) -> Change {
        let now = nanos(now);
        if answered {
            self.failures.store(0, Ordering::Relaxed);
            if self.is_up() || self.asleep_until.swap(0, Ordering::Relaxed) == 0 {
                return Change::Nothing;
            }
            let since = self.down_since.load(Ordering::Relaxed);
            return Change::CameBack(Duration::from_nanos(now.saturating_sub(since)));
        }
        let failures = self.failures.load(Ordering::Relaxed).saturating_add(1);
        self.failures.store(failures, Ordering::Relaxed);
        if failures < FAILURES || !self.is_up() {
            return Change::Nothing;
        }
        self.down_since.store(now, Ordering::Relaxed);
        let next = now + self.rest;
        match self.asleep_until.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Change::WentDown,
            Err(_) => Change::Nothing,
        }
    }
}

/// Never 0, and far from the greatest: 146 years.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).clamp(1, 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn q13_a_store_is_down_after_three_failures_and_asked_by_one_request_a_second() {
        let breaker = Breaker::new(500 * MILLI);
        let at = |milli: u32| milli * MILLI;
        assert_eq!(breaker.note(false, at(1)), Change::Nothing);
        assert_eq!(breaker.note(false, at(2)), Change::Nothing);
        assert_eq!(breaker.note(true, at(3)), Change::Nothing, "not three in a row");
        for time in [4, 5] {
            assert_eq!(breaker.note(false, at(time)), Change::Nothing);
            assert!(breaker.lets_ask(at(time)));
        }
        assert_eq!(breaker.note(false, at(10)), Change::WentDown);
        assert_eq!(breaker.note(false, at(11)), Change::Nothing, "said once");
        assert!(!breaker.lets_ask(at(11)) && !breaker.lets_ask(at(1009)));
        assert!(breaker.lets_ask(at(1010)));
        assert!(!breaker.lets_ask(at(1010)), "one at a time");
        assert!(!breaker.lets_ask(at(2009)));
        assert!(breaker.lets_ask(at(2010)), "the one that asked went away");
        assert_eq!(breaker.note(false, at(2500)), Change::Nothing);
        assert!(!breaker.lets_ask(at(2600)));
        assert_eq!(breaker.note(true, at(3010)), Change::CameBack(3 * Duration::from_secs(1)));
        assert!(breaker.is_up() && breaker.lets_ask(at(3010)) && breaker.lets_ask(at(3010)));
        assert_eq!(breaker.note(true, at(3011)), Change::Nothing, "said once");
    }

    #[test]
    fn q13_a_clock_that_goes_back_does_not_keep_the_store_down() {
        let breaker = Breaker::new(MILLI);
        for _ in 0..FAILURES {
            breaker.note(false, Duration::from_secs(1000));
        }
        assert!(!breaker.lets_ask(Duration::from_secs(1000)));
        assert!(breaker.lets_ask(Duration::ZERO));
        assert!(!breaker.lets_ask(Duration::ZERO));
    }

    #[test]
    fn q13_a_patient_store_rests_as_long_as_one_answer_takes() {
        let breaker = Breaker::new(Duration::from_secs(5));
        for _ in 0..FAILURES {
            breaker.note(false, Duration::ZERO);
        }
        assert!(!breaker.lets_ask(Duration::from_secs(4)));
        assert!(breaker.lets_ask(Duration::from_secs(6)));
    }
}
