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

/// Limits of which none asks for anything special.
#[derive(Debug)]
pub(super) struct Plain {
    /// In which order they are drawn from: the one that takes something is the last.
    order: Box<[u8]>,
}

impl Plain {
    /// None where `special` says so, or a limit asks for more than a key, a quota and a fixed cost.
    pub(super) fn of(limits: &[ActiveLimit], special: bool) -> Option<Self> {
        let takes = |number: &u8| limits[usize::from(*number)].limit.charged == Charged::Requests;
        let mut order: Vec<u8> = (0..limits.len()).filter_map(|at| u8::try_from(at).ok()).collect();
        order.sort_by_key(takes);
        let is_plain = !special
            && order.iter().filter(|number| takes(number)).count() <= 1
            && limits.iter().all(ActiveLimit::is_plain);
        is_plain.then(|| Self { order: order.into() })
    }
}

impl ActiveLimit {
    fn is_plain(&self) -> bool {
        let Self { limit, routes, consumers, .. } = self;
        routes.is_none()
            && consumers.is_none()
            && limit.exemptions.is_empty()
            && limit.plans.quotas.is_empty()
            && !limit.shadow
            && !limit.key.is_late()
            && matches!(limit.cost, Cost::Same(_))
    }
}

impl Limits {
    /// Charges a request that every limit admits; none where it has to go the long way.
    pub(super) fn admit_plain(
        &self,
        plain: &Plain,
        head: &request::Parts,
        announces: bool,
        now: Duration,
    ) -> Option<Charges> {
        let mut charges = Charges::default();
        let mut written: Option<(usize, HashedKey)> = None;
        for number in &plain.order {
            let active = &self.limits[usize::from(*number)];
            let key = match written {
                Some((same, key)) if same == active.key => key,
                _ => {
                    let key = self.hashed(&self.keys[active.key], head)?;
                    written = Some((active.key, key));
                    key
                }
            };
            let Cost::Same(cost) = active.limit.cost else { return None };
            let terms = active.terms.load();
            let bucket = terms.offer(0).refilled()?;
            let takes = active.limit.charged == Charged::Requests;
            let draw = if takes { Draw::Take } else { Draw::Peek };
            let decision = active.table.draw_allowed(key, bucket, now, cost, draw)?;
            if !takes {
                charges.owe(*number, key, cost.min(bucket.burst()));
            } else if announces {
                charges.announce(*number, terms.id(), bucket, decision);
            }
        }
        Some(charges)
    }

    /// Who sent the request; none where that takes more than a look.
    fn hashed(&self, key: &Key, head: &request::Parts) -> Option<HashedKey> {
        if let Some(address) = key.address_of(head) {
            return Some(self.secret.hash(&address));
        }
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
