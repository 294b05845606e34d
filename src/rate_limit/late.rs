//! Keys that have to be asked for before anything can be charged.

use std::sync::Arc;

use super::key::PendingKey;
use super::limits::{Asked, Charges, Limits};
use super::store::Order;
use crate::gate::Verdict;

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
        let limits = Arc::clone(self);
        Verdict::pending(async move {
            for LateKey { key, found } in late {
                let bytes = found.await?;
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
}
