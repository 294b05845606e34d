//! What is owed for requests that are over: charged in the background, in the order in which it comes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::Inner;
use crate::rate_limit::store::Order;

/// How many requests' debts wait at most. A server that answers takes them faster than callers can fail.
const WAITING: usize = 4096;

/// How many are charged in one step.
const TOGETHER: usize = 64;

#[derive(Default)]
pub(super) struct Owed {
    /// The queue of a task that may have ended with its runtime.
    queue: Mutex<Option<Sender<Vec<Order>>>>,
    lost: AtomicU64,
}

impl Owed {
    /// Never waits.
    pub(super) fn push(&self, inner: &Arc<Inner>, orders: Vec<Order>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.as_ref().is_none_or(Sender::is_closed) {
            let Ok(runtime) = Handle::try_current() else {
                return self.note_lost(1, "there is no tokio runtime");
            };
            let (sender, receiver) = channel(WAITING);
            // Ends when the queue does, with the store.
            runtime.spawn(charge(Arc::downgrade(inner), receiver));
            *queue = Some(sender);
        }
        if let Some(sender) = &*queue
            && sender.try_send(orders).is_err()
        {
            self.note_lost(1, "too many are waiting");
        }
    }

    /// How many requests' debts were never charged.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    #[cold]
    fn note_lost(&self, requests: u64, why: &str) {
        let before = self.lost.fetch_add(requests, Ordering::Relaxed);
        let lost = before + requests;
        // A line each time their number doubles: a flood does not fill the log.
        if lost.ilog2() != before.checked_ilog2().unwrap_or(u32::MAX) {
            tracing::warn!(
                target: "tower_warden::rate_limit",
                lost, why,
                "what failed requests owe was not charged in Redis"
            );
        }
    }
}

async fn charge(inner: Weak<Inner>, mut queue: Receiver<Vec<Order>>) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while queue.recv_many(&mut waiting, TOGETHER).await > 0 {
        let Some(inner) = inner.upgrade() else { return };
        let requests = waiting.len() as u64;
        let batches = batches(waiting.drain(..).flatten(), inner.one_key_only);
        let answers = join_all(batches.iter().map(|orders| inner.draw(orders, 1))).await;
        if let Some(error) = answers.into_iter().find_map(Result::err) {
            inner.owed.note_lost(requests, &error.0);
        }
    }
}

/// Puts what is owed to the same bucket together; and, where buckets of other keys are elsewhere, apart by key.
fn batches(orders: impl Iterator<Item = Order>, by_key: bool) -> Vec<Vec<Order>> {
    let mut buckets: HashMap<_, Order> = HashMap::new();
    for order in orders {
        buckets
            .entry((order.key.clone(), order.policy.clone()))
            .and_modify(|all| all.cost = all.cost.saturating_add(order.cost))
            .or_insert(order);
    }
    if !by_key {
        return vec![buckets.into_values().collect()];
    }
    let mut batches: HashMap<_, Vec<Order>> = HashMap::new();
    for ((key, _), order) in buckets {
        batches.entry(key).or_default().push(order);
    }
    batches.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate_limit::bucket::{Bucket, Draw};
    use crate::rate_limit::key::KeyBytes;
    use crate::rate_limit::store::SharedStore;
    use crate::rate_limit::{Quota, RedisStore};

    fn order(policy: &str, key: &str, cost: u64) -> Order {
        let (key, bucket) = (KeyBytes::from_slice(key.as_bytes()), Quota::per_hour(10));
        let bucket = Bucket::new(bucket).unwrap();
        Order { policy: policy.into(), key, bucket, cost, draw: Draw::Owe, binding: false }
    }

    #[test]
    fn q12_debts_of_one_bucket_are_charged_together() {
        let orders = || {
            [order("a", "ada", 1), order("b", "ada", 2), order("a", "bob", 4), order("a", "ada", 8)]
        };
        let costs = |by_key| {
            let mut costs: Vec<Vec<u64>> = batches(orders().into_iter(), by_key)
                .iter()
                .map(|batch| {
                    let mut costs: Vec<_> = batch.iter().map(|order| order.cost).collect();
                    costs.sort_unstable();
                    costs
                })
                .collect();
            costs.sort_unstable();
            costs
        };
        assert_eq!(costs(false), [vec![2, 4, 9]]);
        assert_eq!(costs(true), [vec![2, 9], vec![4]]);
    }

    #[tokio::test]
    async fn q12_debts_that_nobody_takes_are_dropped_and_counted() {
        let nowhere = "redis+unix:///nonexistent/tower-warden/socket";
        let store = RedisStore::builder(nowhere).build().unwrap();
        for _ in 0..WAITING + 10 {
            store.owe(vec![order("a", "ada", 1)]);
        }
        assert_eq!(store.charges_lost(), 10, "beyond what may wait");
        while store.charges_lost() < WAITING as u64 + 10 {
            tokio::task::yield_now().await;
        }
    }
}
