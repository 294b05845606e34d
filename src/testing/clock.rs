use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// A clock that stands still until it is turned. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use tower_warden::clock::Clock;
/// use tower_warden::testing::FakeClock;
///
/// let clock = FakeClock::at_unix(1_700_000_000);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.unix().as_secs(), 1_700_000_060);
/// ```
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    unix: Duration,
    monotonic: Duration,
}

impl FakeClock {
    /// A clock at `seconds` since the Unix epoch.
    #[must_use]
    pub fn at_unix(seconds: u64) -> Self {
        let time = Time { unix: Duration::from_secs(seconds), monotonic: Duration::ZERO };
        Self(Arc::new(Mutex::new(time)))
    }

    /// Turns both faces forward.
    pub fn advance(&self, by: Duration) {
        self.with(|time| {
            time.unix = time.unix.saturating_add(by);
            time.monotonic = time.monotonic.saturating_add(by);
        });
    }

    /// Sets the face that only counts; to see what happens when a clock goes back.
    pub fn set_monotonic(&self, to: Duration) {
        self.with(|time| time.monotonic = to);
    }

    /// Sets the calendar, leaving the face that only counts as it is.
    pub fn set_unix(&self, to: Duration) {
        self.with(|time| time.unix = to);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Time) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for FakeClock {
    fn unix(&self) -> Duration {
        self.with(|time| time.unix)
    }

    fn monotonic(&self) -> Duration {
        self.with(|time| time.monotonic)
    }
}
