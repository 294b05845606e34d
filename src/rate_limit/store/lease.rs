use std::time::Duration;

/// How tokens are drawn ahead from a shared store, so that a key with many requests needs few trips. Opt-in.
///
/// Once a key is hot, one trip draws for several requests: for half as many as came in the lease's time, and at most for the
/// [number given](Self::new), or for a quarter of the smallest burst among the limits. The rest are admitted in this process
/// until the tokens are used up or the time is over; tokens that are left then are lost. A key seen once or twice draws one
/// token a trip, as without a lease.
///
/// This saves trips while a key stays within its quota. One that has spent it draws its tokens one by one, as they come
/// back, and is refused between them without a trip.
///
/// # How much more is admitted
///
/// A token is charged when it is leased, and used up to [`time`](Self::time) later. So no token is used that was not
/// charged, but those of up to one lease a process may be used at a later moment than they count for: within any span,
/// the quota is exceeded by at most *processes x requests x cost* tokens, and by at most what is refilled within `time`.
/// Over a long time nothing more is admitted than without leases, and somewhat less where a key falls silent with tokens
/// left.
///
/// While a lease lasts, quotas that other processes spend are seen late by up to `time`. Failed log-ins at this process
/// are always seen at once.
///
/// ```
/// use std::time::Duration;
/// use tower_warden::rate_limit::Lease;
///
/// let lease = Lease::new(100).time(Duration::from_millis(500));
/// # let _ = lease;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub(super) requests: u32,
    pub(super) time: Duration,
}

impl Lease {
    /// Draws for at most so many requests at once, at least 2.
    #[must_use]
    pub const fn new(requests: u32) -> Self {
        Self { requests, time: Duration::from_secs(1) }
    }

    /// How long tokens may be kept, 1 ms to 1 minute; 1 s unless set. Longer saves trips for keys with few requests, and is later to see what
    /// other processes spend.
    #[must_use]
    pub const fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// What makes no lease.
    #[cfg(feature = "redis")]
    pub(super) fn problem(self) -> Option<&'static str> {
        if self.requests < 2 {
            return Some("has a lease for fewer than 2 requests, which saves no trip");
        }
        let fits = (1..=60_000).contains(&self.time.as_millis());
        (!fits).then_some("has a lease that lasts less than a millisecond, or more than a minute")
    }
}
