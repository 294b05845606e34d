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
        // A clock before 1970 makes every token expired or not yet valid, which refuses: no need to fail here.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}
