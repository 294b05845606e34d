use std::time::Duration;

use super::bucket::Calendar;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How much a caller may use: so many tokens a period, refilled continuously, and at most a burst of them at once; or so
/// many tokens a day or month of the calendar.
///
/// Checked when the limiter is built, which can then name itself in the error.
///
/// ```
/// use std::time::Duration;
/// use tower_warden::rate_limit::Quota;
///
/// let steady = Quota::per_minute(100); // up to 100 at once, one back every 0.6 s
/// let bursty = Quota::per_minute(100).burst(500); // up to 500 at once, at the same pace
/// assert_ne!(steady, bursty);
/// assert_eq!(steady, Quota::new(100, Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub(super) tokens: u64,
    pub(super) period: Duration,
    pub(super) burst: u64,
    pub(super) calendar: Option<Calendar>,
}

impl Quota {
    /// So many tokens a period; a full bucket holds as many.
    #[must_use]
    pub const fn new(tokens: u64, period: Duration) -> Self {
        Self { tokens, period, burst: tokens, calendar: None }
    }

    /// So many tokens a second.
    #[must_use]
    pub const fn per_second(tokens: u64) -> Self {
        Self::new(tokens, Duration::from_secs(1))
    }

    /// So many tokens a minute.
    #[must_use]
    pub const fn per_minute(tokens: u64) -> Self {
        Self::new(tokens, Duration::from_secs(60))
    }

    /// So many tokens an hour.
    #[must_use]
    pub const fn per_hour(tokens: u64) -> Self {
        Self::new(tokens, Duration::from_secs(60 * 60))
    }

    /// So many tokens in 24 hours.
    #[must_use]
    pub const fn per_day(tokens: u64) -> Self {
        Self::new(tokens, DAY)
    }

    /// So many tokens in 30 days, refilled continuously: who used all of them gets one back after a while, and need not wait
    /// for the month to end.
    #[must_use]
    pub const fn per_month(tokens: u64) -> Self {
        Self::new(tokens, Duration::from_secs(30 * 24 * 60 * 60))
    }

    /// So many tokens a day, all of them back at midnight, UTC.
    ///
    /// Whoever waits for midnight can use two days' tokens within a moment: where that is too much, set a limit of a short
    /// period beside it. Goes by [`Clock::unix`](crate::clock::Clock::unix); in a store
    /// that processes share, by the server's clock, and what is told of the time left by this one. A quota by the calendar has no burst.
    #[must_use]
    pub const fn calendar_day(tokens: u64) -> Self {
        Self { tokens, period: DAY, burst: tokens, calendar: Some(Calendar::Day) }
    }

    /// So many tokens a month of the calendar, all of them back on the first at midnight, UTC; otherwise as
    /// [`calendar_day`](Self::calendar_day). `RateLimit-Policy` tells of 31 days, the longest month.
    #[must_use]
    pub const fn calendar_month(tokens: u64) -> Self {
        Self { tokens, period: DAY, burst: tokens, calendar: Some(Calendar::Month) }
    }

    /// Sets what a full bucket holds: how much may be used at once.
    #[must_use]
    pub const fn burst(mut self, tokens: u64) -> Self {
        self.burst = tokens;
        self
    }
}
