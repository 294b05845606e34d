//! The short way through limits that ask for nothing special, which most are.
//!
//! Where at most one limit takes something, nothing has to be held while others are looked at: a request that is refused by
//! that one has been charged to none. What does not go this way has changed nothing, and goes the long one.

use std::time::Duration;

use http::request;

use super::Key;
use super::bucket::Draw;
use super::charges::Charges;
use super::key::{Found, KeyBytes};
use super::limit::{Charged, Cost};
use super::limits::{ActiveLimit, Limits};
use super::secret::HashedKey;
use super::sender::Sender;

/// Limits of which none asks for anything special.
#[derive(Debug)]
pub(super) struct Plain {
    /// In which order they are drawn from: the one that takes something is the last.
    steps: Box<[Step]>,
}

/// What is asked of one limit.
#[derive(Debug)]
struct Step {
    limit: u8,
    cost: u64,
    takes: bool,
    /// Whether it counts by the same key as the one before.
    same_key: bool,
}

impl Plain {
    /// None where `special` says so, or a limit asks for more than a key, a quota and a fixed cost.
    pub(super) fn of(limits: &[ActiveLimit], special: bool) -> Option<Self> {
        let mut order: Vec<usize> = (0..limits.len()).collect();
        order.sort_by_key(|number| limits[*number].takes());
        let mut key = None;
        let steps = order.into_iter().map(|number| {
            let active = &limits[number];
            let same_key = key.replace(active.key) == Some(active.key);
            let (limit, cost) = (u8::try_from(number).ok()?, active.plain_cost()?);
            Some(Step { limit, cost, takes: active.takes(), same_key })
        });
        let steps: Box<[Step]> = steps.collect::<Option<_>>()?;
        let is_plain = !special && steps.iter().filter(|step| step.takes).count() <= 1;
        is_plain.then_some(Self { steps })
    }
}

impl ActiveLimit {
    fn takes(&self) -> bool {
        self.limit.charged == Charged::Requests
    }

    /// What every request costs, where the limit asks for nothing else.
    fn plain_cost(&self) -> Option<u64> {
        let Self { limit, routes, consumers, .. } = self;
        let is_plain = routes.is_none()
            && consumers.is_none()
            && limit.exemptions.is_empty()
            && limit.plans.quotas.is_empty()
            && !limit.shadow
            && !limit.key.is_late();
        match limit.cost {
            Cost::Same(cost) if is_plain => Some(cost),
            _ => None,
        }
    }
}

impl Limits {
    /// Charges a request that every limit admits; none where it has to go the long way.
    pub(super) fn admit_plain(
        &self,
        plain: &Plain,
        head: &request::Parts,
        sender: Sender<'_>,
        announces: bool,
        now: Duration,
    ) -> Option<Charges> {
        let mut charges = Charges::default();
        let mut key = HashedKey::UNKNOWN;
        for Step { limit, cost, takes, same_key } in &plain.steps {
            let active = &self.limits[usize::from(*limit)];
            if !same_key {
                key = self.hashed(&self.keys[active.key], head, sender)?;
            }
            // A limit of failures, which are rare: most buckets are known to be full without a look at the terms.
            if !takes && active.table.is_untouched(key) {
                charges.owe(*limit, key, *cost);
                continue;
            }
            let terms = active.terms.load();
            let bucket = terms.offer(0).refilled()?;
            let draw = if *takes { Draw::Take } else { Draw::Peek };
            let decision = active.table.draw_allowed(key, bucket, now, *cost, draw)?;
            if !takes {
                charges.owe(*limit, key, *cost);
            } else if announces {
                charges.announce(*limit, terms.id(), bucket, decision);
            }
        }
        Some(charges)
    }

    /// Who sent the request; none where that takes more than a look.
    fn hashed(&self, key: &Key, head: &request::Parts, sender: Sender<'_>) -> Option<HashedKey> {
        key.hash_at_once(head, sender, &self.secret).or_else(|| self.hash_written(key, head))
    }

    /// The same for keys that few limits count by.
    #[inline(never)]
    fn hash_written(&self, key: &Key, head: &request::Parts) -> Option<HashedKey> {
        let mut bytes = KeyBytes::new();
        match key.write(head, None, &mut bytes) {
            Ok(Found::Caller) => Some(self.secret.hash(&bytes)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rate_limit::{Limit, Quota, RateLimitLayer};

    /// What is asked on the short way and again on the long one would be asked twice.
    #[test]
    fn q12_a_key_that_has_to_be_asked_for_goes_the_long_way() {
        let find = |_: &http::request::Parts| async { Ok::<_, std::fmt::Error>(None) };
        let late = crate::rate_limit::Key::from_async_fn("late", find);
        let is_plain = |limit: Limit| {
            RateLimitLayer::builder().limit(limit).build().unwrap().limits.plain.is_some()
        };
        assert!(is_plain(Limit::by_address("address", Quota::per_minute(5))));
        assert!(!is_plain(Limit::new("late", late, Quota::per_minute(5))));
        assert!(!is_plain(Limit::by_address("trial", Quota::per_minute(5)).shadow()));
    }
}
