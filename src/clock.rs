//! Where time comes from.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time. Layers take one, so that tests can turn it by hand.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Time since the Unix epoch, for claims and expiry dates; may jump.
    fn unix(&self) -> Duration;

    /// Time since some fixed moment in this process, for rates; should not go back.
    fn monotonic(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn unix(&self) -> Duration {
        (**self).unix()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix(&self) -> Duration {
        believed(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// A clock that shows a time before this code was written was reset, and would make what has expired good again. What
/// time it is nobody knows then, so everything that expires has expired.
fn believed(unix: Duration) -> Duration {
    const WRITTEN: Duration = Duration::from_secs(1_767_225_600); // the start of 2026
    if unix < WRITTEN { Duration::MAX } else { unix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j9_a_clock_that_was_reset_does_not_make_good_what_has_expired() {
        for reset in [0, 1, 86_400, 946_684_800, 1_767_225_599] {
            assert_eq!(believed(Duration::from_secs(reset)), Duration::MAX, "{reset}");
        }
        let now = Duration::from_secs(1_800_000_000);
        assert_eq!(believed(now), now);
        assert!(SystemClock.unix() < Duration::MAX, "the clock of this machine was reset");
    }
}
