use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Key;
use super::bucket::Bucket;
use super::headers::Announcement;
use super::layer::RateLimitLayer;
use super::limit::{Charged, Limit, MAX_CAPACITY};
use super::limits::{ActiveLimit, Limits};
use super::secret::Secret;
use super::store::{MemoryStore, SharedStore};
use super::terms::{Offer, Terms};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};

/// The most limits that one layer checks together.
const MOST_LIMITS: usize = 16;

/// Builds a [`RateLimitLayer`].
#[derive(Clone, Debug)]
#[must_use = "a builder limits nothing until `build`"]
pub struct RateLimitBuilder {
    limits: Vec<Limit>,
    shared: Option<Arc<dyn SharedStore>>,
    headers: bool,
    clock: Arc<dyn Clock>,
    secret: Secret,
}

impl RateLimitBuilder {
    pub(super) fn new() -> Self {
        Self {
            limits: Vec::new(),
            shared: None,
            headers: true,
            clock: Arc::new(SystemClock),
            secret: Secret::random(),
        }
    }

    /// Adds a limit. All limits of a layer are checked together: a request that one of them refuses is charged to none.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Keeps the buckets in this store, for all processes that share it. Default: in this process's memory.
    #[cfg(feature = "redis")]
    pub fn store(mut self, store: super::RedisStore) -> Self {
        self.shared = Some(Arc::new(store));
        self
    }

    /// Takes the time from this clock, which others share.
    pub(crate) fn shared_clock(mut self, clock: &Arc<dyn Clock>) -> Self {
        self.clock = Arc::clone(clock);
        self
    }

    /// Sends no `RateLimit-Policy` and `RateLimit` fields, which tell a caller how hard it may push.
    pub const fn without_headers(mut self) -> Self {
        self.headers = false;
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
    /// Lists every problem found: no limit, or more than 16; two limits of one name; a name that is empty, too long or not
    /// printable ASCII; a quota with a zero in it, or one that cannot be counted exactly; a key that nothing can be
    /// counted by; a cost that is more than the burst; a capacity of zero, or beyond 1,000,000,000; limits by different keys
    /// in a store on a cluster.
    pub fn build(self) -> Result<RateLimitLayer, ConfigError> {
        Ok(RateLimitLayer { limits: Arc::new(self.build_limits()?) })
    }

    /// Limits that are checked together, as a part of a stack; none where there is no limit.
    pub(crate) fn build_part(self) -> Result<Option<Arc<Limits>>, ConfigError> {
        if self.limits.is_empty() { Ok(None) } else { self.build_limits().map(Arc::new).map(Some) }
    }

    fn build_limits(self) -> Result<Limits, ConfigError> {
        let mut problems = Problems::default();
        if self.limits.is_empty() {
            problems.add("rate limiter", "has no limit");
        }
        if self.limits.len() > MOST_LIMITS {
            problems.add("rate limiter", "has more than 16 limits");
        }
        let mut keys: Vec<_> = Vec::new();
        let mut active: Vec<ActiveLimit> = Vec::new();
        for limit in self.limits {
            let culprit = limit.culprit();
            if active.iter().any(|other| other.limit.name == limit.name) {
                problems.add(&culprit, "is given twice: callers could not tell the two apart");
            }
            if let Some(problem) = limit.key.problem() {
                problems.add(&culprit, problem);
            }
            if !(1..=MAX_CAPACITY).contains(&limit.capacity) {
                problems.add(&culprit, "the capacity is not 1 to 1,000,000,000 keys");
            }
            let bucket = Bucket::new(limit.quota).unwrap_or_else(|found| {
                for problem in found {
                    problems.add(&culprit, problem);
                }
                // Stands in until the problems are told, so that the name is checked in the same run.
                Bucket::PLACEHOLDER
            });
            if let super::limit::Cost::Same(cost) = limit.cost
                && cost > bucket.burst()
                && limit.quota.burst > 0
            {
                problems.add(
                    &culprit,
                    "a request costs more than the bucket holds, and would never be admitted",
                );
            }
            limit.exemptions.check(&culprit, &mut problems);
            if limit.exemptions.need_principal() && limit.charged == Charged::FailedAuthentication {
                problems.add(
                    &culprit,
                    "exempts principals, and nobody knows who failed to authenticate",
                );
            }
            let routes = limit.routes.build(bucket.burst(), &culprit, &mut problems);
            let Some(announcement) = problems.note(Announcement::new(&limit.name, &bucket)) else {
                continue;
            };
            let is_same = |key: &Key| *key == limit.key && !key.depends_on_limit();
            let key = keys.iter().position(is_same).unwrap_or_else(|| {
                keys.push(limit.key.clone());
                keys.len() - 1
            });
            active.push(ActiveLimit {
                key,
                routes,
                terms: ArcSwap::from_pointee(Terms::new(Offer {
                    plan: None,
                    bucket,
                    announcement,
                })),
                table: MemoryStore::new(limit.name.clone(), limit.capacity.min(MAX_CAPACITY)),
                limit,
            });
        }
        if keys.len() > 1 && self.shared.as_ref().is_some_and(|store| store.one_key_only()) {
            problems.add(
                "rate limiter",
                "has limits by different keys, which a cluster keeps on different servers and could not charge together: \
                 put them into layers of their own, or set `one_slot` on the store",
            );
        }
        problems.into_result()?;
        Ok(Limits {
            limits: active.into(),
            keys: keys.into(),
            shared: self.shared,
            announces: self.headers,
            clock: self.clock,
            secret: self.secret,
        })
    }
}
