use std::fmt;
use std::sync::Arc;

use http::request;

use super::BandwidthLimitLayer;
use super::accounts::Accounts;
use super::gate::Settings;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::rate_limit::bucket::Bucket;
use crate::rate_limit::caller::Callers;
use crate::rate_limit::headers::Announcement;
use crate::rate_limit::limit::{Condition, DEFAULT_CAPACITY, MAX_CAPACITY};
use crate::rate_limit::store::{Guarded, MemoryStore, SharedStore};
use crate::rate_limit::{Key, Quota, WhenUnavailable};

/// Builds a [`BandwidthLimitLayer`].
#[derive(Clone)]
#[must_use = "a builder limits nothing until `build`"]
pub struct BandwidthLimitBuilder {
    policy: Arc<str>,
    key: Key,
    quota: Quota,
    capacity: usize,
    exemptions: Vec<Condition>,
    headers: bool,
    shared: Option<Arc<dyn SharedStore>>,
    when_unavailable: WhenUnavailable,
    clock: Arc<dyn Clock>,
}

impl BandwidthLimitBuilder {
    pub(super) fn new(policy: Arc<str>, key: Key, quota: Quota) -> Self {
        Self {
            policy,
            key,
            quota,
            capacity: DEFAULT_CAPACITY,
            exemptions: Vec::new(),
            headers: true,
            shared: None,
            when_unavailable: WhenUnavailable::CountHere,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Sets how many active keys have a bucket of their own; 1,000,000 unless set, at no more than 32 bytes each,
    /// allocated as they come.
    pub const fn capacity(mut self, keys: usize) -> Self {
        self.capacity = keys;
        self
    }

    /// Neither charges nor refuses these requests. Given several times, each exempts.
    pub fn exempt(
        mut self,
        exempt: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.exemptions.push(Arc::new(exempt));
        self
    }

    /// Sends no `RateLimit-Policy` and `RateLimit` fields with refusals.
    pub const fn without_headers(mut self) -> Self {
        self.headers = false;
        self
    }

    /// Keeps the buckets in this store, for all processes that share it. Default: in this process's memory.
    ///
    /// Bytes are charged to it in the background, and a request whose caller owes nothing is one round trip.
    #[cfg(feature = "redis")]
    pub fn store(mut self, store: crate::rate_limit::RedisStore) -> Self {
        self.shared = Some(Arc::new(store));
        self
    }

    /// Sets what is done while a shared store does not answer. Unless set, this process goes by the bytes that it sent
    /// itself ([`CountHere`](WhenUnavailable::CountHere)).
    pub const fn when_unavailable(mut self, what: WhenUnavailable) -> Self {
        self.when_unavailable = what;
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// Lists every problem found: a name that is empty, too long or not printable ASCII; a quota with a zero in it, or
    /// one that cannot be counted exactly; a key that nothing can be counted by; a capacity of zero, or beyond
    /// 1,000,000,000.
    pub fn build(self) -> Result<BandwidthLimitLayer, ConfigError> {
        let culprit = format!("bandwidth limit {:?}", self.policy);
        let mut problems = Problems::default();
        let bucket = Bucket::new(self.quota).unwrap_or_else(|found| {
            for problem in found {
                problems.add(&culprit, problem);
            }
            Bucket::PLACEHOLDER
        });
        let fields = Announcement::counting(&self.policy, bucket.burst(), Some(bucket.refill()));
        let fields = fields.and_then(|it| Ok(it.in_units("content-bytes")?));
        let fields = problems.note(fields.map_err(|problem| ConfigError::new(&*culprit, problem)));
        if let Some(problem) = Callers::problem(&self.key) {
            problems.add(&culprit, problem);
        }
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            problems.add(&culprit, "the capacity is not 1 to 1,000,000,000 keys");
        }
        problems.into_result()?;
        let guarded = |store| Arc::new(Guarded::new(store, Arc::clone(&self.clock)));
        Ok(BandwidthLimitLayer::new(Settings {
            callers: Callers::by(self.key),
            accounts: Arc::new(Accounts {
                table: MemoryStore::new(Arc::clone(&self.policy), self.capacity),
                policy: self.policy,
                bucket,
                shared: self.shared.map(guarded),
                when_unavailable: self.when_unavailable,
                clock: self.clock,
                fields: fields.filter(|_| self.headers),
            }),
            exemptions: self.exemptions,
        }))
    }
}

impl fmt::Debug for BandwidthLimitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BandwidthLimitBuilder")
            .field("policy", &self.policy)
            .field("key", &self.key)
            .field("quota", &self.quota)
            .finish_non_exhaustive()
    }
}
