use std::sync::atomic::{AtomicU64, Ordering};

/// How often the limits of this process asked the store that several processes share, and what they did without it, since
/// the store was built. All limits count that were given it or a clone of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCounts {
    /// Trips to the store.
    pub trips: u64,
    /// Trips without an answer that makes sense, in time.
    pub failed_trips: u64,
    /// Requests admitted with a token that was drawn ahead: no trip.
    pub leased: u64,
    /// Requests refused because the store had refused the like: no trip.
    pub refused_early: u64,
    /// During outages: requests refused because a limit [refuses](crate::rate_limit::WhenUnavailable::Refuse) then.
    pub refused_unavailable: u64,
    /// During outages: requests admitted or refused by buckets in this process's memory.
    pub counted_here: u64,
    /// During outages: requests admitted past a limit that [admits
    /// everything](crate::rate_limit::WhenUnavailable::InsecureAdmit) then.
    pub admitted_unchecked: u64,
    /// How often the store was found to be down.
    pub outages: u64,
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(in crate::rate_limit) struct Counters {
    pub(in crate::rate_limit) trips: Counter,
    pub(in crate::rate_limit) failed_trips: Counter,
    pub(in crate::rate_limit) leased: Counter,
    pub(in crate::rate_limit) refused_early: Counter,
    pub(in crate::rate_limit) refused_unavailable: Counter,
    pub(in crate::rate_limit) counted_here: Counter,
    pub(in crate::rate_limit) admitted_unchecked: Counter,
    pub(in crate::rate_limit) outages: Counter,
}

#[derive(Debug, Default)]
pub(in crate::rate_limit) struct Counter(AtomicU64);

impl Counter {
    pub(in crate::rate_limit) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(in crate::rate_limit) fn read(&self) -> StoreCounts {
        StoreCounts {
            trips: self.trips.read(),
            failed_trips: self.failed_trips.read(),
            leased: self.leased.read(),
            refused_early: self.refused_early.read(),
            refused_unavailable: self.refused_unavailable.read(),
            counted_here: self.counted_here.read(),
            admitted_unchecked: self.admitted_unchecked.read(),
            outages: self.outages.read(),
        }
    }
}
