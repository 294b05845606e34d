//! A limit in force, to change and to look into.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::limits::{ActiveLimit, Limits};
use super::{Consumer, Quota, RateLimitLayer};
use crate::config::{ConfigError, Problems};

/// A limit in force: changes its quotas, and tells how it is used. Cheap to clone.
///
/// From [`RateLimitLayer::limiter`] or [`Warden::limiter`](crate::Warden::limiter).
#[derive(Clone)]
pub struct Limiter {
    pub(super) limits: Arc<Limits>,
    pub(super) index: usize,
}

/// How much a limit was used since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Requests that were charged and admitted; for failed authentication, failures.
    pub charged: u64,
    /// Requests that this limit refused.
    pub refused: u64,
    /// Charges to a bucket that keys share, because more keys are active than there is room for.
    pub shared_charges: u64,
    /// Keys whose buckets are not full at the moment, in this process.
    pub active_keys: u64,
}

/// Counts what a store outside this process decides.
#[derive(Debug, Default)]
pub(super) struct Afar {
    charged: AtomicU64,
    refused: AtomicU64,
}

impl Afar {
    pub(super) fn count(&self, charged: bool, refused: bool) {
        self.charged.fetch_add(charged.into(), Ordering::Relaxed);
        self.refused.fetch_add(refused.into(), Ordering::Relaxed);
    }
}

impl Limiter {
    pub(super) fn active(&self) -> &ActiveLimit {
        &self.limits.limits[self.index]
    }

    /// The name of the policy: one of few, so it may be a label of a metric.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.active().limit.name
    }

    /// Sets the quota of whoever has no plan of its own. In force for every clone of the layer with the next request.
    ///
    /// What a caller has used stays used, in proportion: who has spent half of the quota has half of the new one left. Where
    /// the limit has [plans](super::Limit::plan), or its buckets are in a shared store, it stays as time instead: what would
    /// have been back in an hour is back in an hour. Of a quota by the calendar, the tokens stay used. Other processes
    /// are not told: set it in each of them.
    ///
    /// Takes a moment for each key from the second change on, without holding up requests: with millions of keys call it
    /// where blocking is allowed.
    ///
    /// # Errors
    ///
    /// Everything that a layer would not be built with, and a change between a quota by the calendar's day, by its month,
    /// and one that refills. The quota before stays in force then.
    pub fn set_quota(&self, quota: Quota) -> Result<(), ConfigError> {
        self.change(None, quota)
    }

    /// Sets the quota of a plan, as [`set_quota`](Self::set_quota) does.
    ///
    /// # Errors
    ///
    /// As [`set_quota`](Self::set_quota), and if the limit has no such plan.
    pub fn set_plan(&self, plan: &str, quota: Quota) -> Result<(), ConfigError> {
        self.change(Some(plan), quota)
    }

    fn change(&self, plan: Option<&str>, quota: Quota) -> Result<(), ConfigError> {
        let ActiveLimit { limit, terms, table, changing, .. } = self.active();
        let _alone = changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = terms.load_full();
        let after = before.with_quota(limit, plan, quota)?;
        let mut problems = Problems::default();
        limit.routes.check_costs(after.least_burst(), &limit.culprit(), &mut problems);
        problems.into_result()?;
        table.change(before.change_to(&after, self.limits.now()));
        terms.store(Arc::new(after));
        Ok(())
    }

    /// How much the limit was used. Looks at every key: for the scrape of a metric, not for every request.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let ActiveLimit { terms, table, afar, .. } = self.active();
        let bucket = terms.load().offer(0).bucket(&*self.limits.clock);
        let tally = table.tally(&bucket, self.limits.now());
        Usage {
            charged: tally.charged + afar.charged.load(Ordering::Relaxed),
            refused: tally.refused + afar.refused.load(Ordering::Relaxed),
            shared_charges: table.overflows(),
            active_keys: tally.active,
        }
    }

    /// The callers that ask most, at most `most` of them, the greatest first. None unless the limit
    /// [tracks](super::Limit::track_consumers) them.
    #[must_use]
    pub fn top_consumers(&self, most: usize) -> Vec<Consumer> {
        let ActiveLimit { limit, consumers, .. } = self.active();
        let top = consumers.as_ref().map(|consumers| {
            consumers.top(most, self.limits.now(), |bytes| limit.key.describe(bytes))
        });
        top.unwrap_or_default()
    }
}

impl Limits {
    /// The limit of that name.
    pub(crate) fn limiter(self: &Arc<Self>, policy: &str) -> Option<Limiter> {
        let index = self.limits.iter().position(|active| &*active.limit.name == policy)?;
        Some(Limiter { limits: Arc::clone(self), index })
    }

    /// Every limit.
    pub(crate) fn limiters(self: &Arc<Self>) -> impl Iterator<Item = Limiter> {
        (0..self.limits.len()).map(|index| Limiter { limits: Arc::clone(self), index })
    }
}

impl RateLimitLayer {
    /// The limit of that name, to change it and to look into it.
    #[must_use]
    pub fn limiter(&self, policy: &str) -> Option<Limiter> {
        self.limits.limiter(policy)
    }

    /// Every limit of the layer.
    pub fn limiters(&self) -> impl Iterator<Item = Limiter> {
        self.limits.limiters()
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("policy", &self.policy()).finish_non_exhaustive()
    }
}
