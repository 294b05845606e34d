//! Keys that have to be asked for before anything can be charged.

use std::sync::Arc;
use std::time::Duration;

use super::bucket::Draw;
use super::charges::Charges;
use super::key::PendingKey;
use super::limits::{Asked, Limits, Wanted};
use super::secret::HashedKey;
use super::store::Order;
use crate::gate::Verdict;
use crate::rejection::Rejection;

/// A key that is not known yet.
pub(super) struct LateKey {
    /// Its place among the keys of its limits.
    pub(super) key: usize,
    pub(super) found: PendingKey,
}

impl Limits {
    /// Charges a request once all keys are known; one that cannot be found refuses it.
    #[cold]
    pub(super) fn charge_later(
        self: &Arc<Self>,
        late: Vec<LateKey>,
        mut asked: Asked,
        mut orders: Vec<Order>,
        announces: bool,
    ) -> Verdict<Charges> {
        if let Some(refusal) = self.refusal_before_asking(&asked, announces, self.now()) {
            return Verdict::refuse(refusal);
        }
        let limits = Arc::clone(self);
        Verdict::pending(async move {
            for LateKey { key, found } in late {
                let bytes = match found.await {
                    Ok(bytes) => bytes,
                    Err(_) if limits.are_on_trial(key, &asked) => {
                        limits.leave_out(key, &mut asked, &mut orders);
                        continue;
                    }
                    Err(rejection) => return Err(rejection),
                };
                for (index, wanted) in asked.iter_mut().enumerate() {
                    if limits.limits[wanted.limit].key == key {
                        limits.name(wanted, &bytes);
                        if let Some(order) = orders.get_mut(index) {
                            order.key.clone_from(&bytes);
                        }
                    }
                }
            }
            match limits.charge(asked, orders, announces, limits.now()) {
                Verdict::Ready(outcome) => outcome,
                Verdict::Pending(verdict) => verdict.await,
            }
        })
    }

    /// Refuses without asking for keys whom a limit by another key refuses anyway: somebody pays for each answer.
    fn refusal_before_asking(
        &self,
        asked: &Asked,
        announces: bool,
        now: Duration,
    ) -> Option<Rejection> {
        let is_known = |wanted: &&Wanted| wanted.key != HashedKey::UNKNOWN;
        let mut known: Asked = asked.iter().filter(is_known).cloned().collect();
        if let Some(shared) = &self.shared {
            return self.known_refusal(shared, &known, announces, now);
        }
        for wanted in &mut known {
            wanted.draw = Draw::Peek;
        }
        let held = self.hold(&known, now);
        let is_short =
            known.iter().zip(&held).any(|(wanted, held)| wanted.is_short(held.decision()));
        is_short.then(|| self.refuse_here(&known, held, announces, now))
    }

    /// Whether no limit by this key refuses anything.
    fn are_on_trial(&self, key: usize, asked: &Asked) -> bool {
        let limits = asked.iter().map(|wanted| &self.limits[wanted.limit]);
        limits.filter(|active| active.key == key).all(|active| active.limit.shadow)
    }

    /// Does not count for the limits by this key.
    fn leave_out(&self, key: usize, asked: &mut Asked, orders: &mut Vec<Order>) {
        let stays = |wanted: &Wanted| self.limits[wanted.limit].key != key;
        let mut staying = asked.iter().map(stays).collect::<Vec<_>>().into_iter();
        orders.retain(|_| staying.next().unwrap_or(true));
        asked.retain(|wanted| stays(wanted));
    }
}
