use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::Key;
use super::consumers::{Consumers, MOST_CONSUMERS};
use super::headers::Fields;
use super::jitter::{self, Jitter};
use super::layer::RateLimitLayer;
use super::limit::{Charged, Cost, Limit, MAX_CAPACITY};
use super::limiter::Afar;
use super::limits::{ActiveLimit, Limits};
use super::plain::Plain;
use super::secret::Secret;
use super::shadow::Trial;
use super::store::{Guarded, MemoryStore, SharedStore};
use super::terms::Terms;
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
    fields: Fields,
    retry_jitter: Duration,
    clock: Arc<dyn Clock>,
    secret: Secret,
}

impl RateLimitBuilder {
    pub(super) fn new() -> Self {
        Self {
            limits: Vec::new(),
            shared: None,
            fields: Fields::draft_10(),
            retry_jitter: Duration::ZERO,
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

    /// Keeps the buckets in this store.
    #[cfg(test)]
    pub(super) fn shared_store(mut self, store: Arc<dyn SharedStore>) -> Self {
        self.shared = Some(store);
        self
    }

    /// Takes the time from this clock, which others share.
    pub(crate) fn shared_clock(mut self, clock: &Arc<dyn Clock>) -> Self {
        self.clock = Arc::clone(clock);
        self
    }

    /// Sets which header fields tell callers of the limits; those of the draft unless set.
    pub fn fields(mut self, fields: Fields) -> Self {
        self.fields = fields;
        self
    }

    /// Sends no fields that tell of the limits: short for [`Fields::none`].
    pub fn without_headers(self) -> Self {
        self.fields(Fields::none())
    }

    /// Tells each refused caller to come back up to so much later than there is enough, and never earlier, so that those who
    /// were refused together do not come back together. None unless set; at most a day. `Retry-After` has whole seconds, so
    /// less than a second spreads callers over gRPC alone.
    pub const fn retry_jitter(mut self, most: Duration) -> Self {
        self.retry_jitter = most;
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
    /// counted by; a cost that is more than the burst, or costs that are all zero; plans that share a name, or that cannot be
    /// counted in one scale; a capacity of zero, or beyond 1,000,000,000; fewer than 1 or more than 1,000 tracked consumers; a
    /// route that is none, or is given twice; exempt networks that are none, or are everybody; exempt principals, or plans of
    /// principals, of a limit of failed authentication; a quota unit that is `requests`, empty, too long or not printable
    /// ASCII; a jitter of more than a day; a secret of partition keys that is all zeros, or that no field needs; limits by
    /// different keys in a store on a cluster.
    pub fn build(self) -> Result<RateLimitLayer, ConfigError> {
        let mut problems = Problems::default();
        self.check_answers(&mut problems);
        let limits = problems.note(self.build_limits());
        problems.into_result()?;
        // Without limits there were problems.
        let limits = limits.ok_or_else(|| ConfigError::new("rate limiter", "has no limit"))?;
        Ok(RateLimitLayer { limits: Arc::new(limits) })
    }

    /// Notes what is wrong with what all limits share.
    pub(crate) fn check_answers(&self, problems: &mut Problems) {
        if self.retry_jitter > jitter::MOST {
            problems.add("rate limiter", "the jitter is longer than a day");
        }
        self.fields.check(problems);
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
            if limit.tracked_consumers.is_some_and(|kept| !(1..=MOST_CONSUMERS).contains(&kept)) {
                problems.add(&culprit, "does not track 1 to 1,000 consumers");
            }
            for problem in limit.plans.problems() {
                problems.add(&culprit, problem);
            }
            let Some(terms) = problems.note(Terms::of(&limit)) else { continue };
            limit.exemptions.check(&culprit, &mut problems);
            if limit.exemptions.need_principal() && limit.charged == Charged::FailedAuthentication {
                problems.add(
                    &culprit,
                    "exempts principals, and nobody knows who failed to authenticate",
                );
            }
            if limit.asks_for_plan() && limit.charged == Charged::FailedAuthentication {
                problems.add(
                    &culprit,
                    "has plans of principals, and nobody knows who failed to authenticate: find the plan with `plan_by`",
                );
            }
            if matches!(limit.cost, Cost::Same(0)) && limit.routes.dearest() == 0 {
                problems.add(&culprit, "limits nothing: no request costs anything");
            }
            let routes = limit.routes.build(terms.least_burst(), &culprit, &mut problems);
            let is_same = |key: &Key| *key == limit.key && !key.depends_on_limit();
            let key = keys.iter().position(is_same).unwrap_or_else(|| {
                keys.push(limit.key.clone());
                keys.len() - 1
            });
            active.push(ActiveLimit {
                key,
                routes,
                table: MemoryStore::new(limit.name.clone(), limit.capacity.min(MAX_CAPACITY)),
                state_prefix: terms.offer(0).announcement.state_prefix().into(),
                terms: ArcSwap::from_pointee(terms),
                changing: Mutex::new(()),
                consumers: limit.tracked_consumers.map(Consumers::new),
                trial: Trial::default(),
                afar: Afar::default(),
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
        let plain = Plain::of(&active, self.shared.is_some() || self.fields.partition().is_some());
        Ok(Limits {
            limits: active.into(),
            keys: keys.into(),
            plain,
            shared: self.shared.map(|it| Arc::new(Guarded::new(it, Arc::clone(&self.clock)))),
            announces: self.fields.announce(),
            fields: self.fields,
            jitter: Jitter::new(self.retry_jitter),
            clock: self.clock,
            secret: self.secret,
        })
    }
}
