use std::time::Duration;

/// How much a caller may use: so many tokens a period, refilled continuously, and at most a burst of them at once.
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
}

impl Quota {
    /// So many tokens a period; a full bucket holds as many.
    #[must_use]
    pub const fn new(tokens: u64, period: Duration) -> Self {
        Self { tokens, period, burst: tokens }
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
        Self::new(tokens, Duration::from_secs(24 * 60 * 60))
    }

    /// Sets what a full bucket holds: how much may be used at once.
    #[must_use]
    pub const fn burst(mut self, tokens: u64) -> Self {
        self.burst = tokens;
        self
    }
}
