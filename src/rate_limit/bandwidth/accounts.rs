use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;
use crate::gate::Verdict;
use crate::rate_limit::bucket::{Bucket, Decision, Draw};
use crate::rate_limit::key::KeyBytes;
use crate::rate_limit::secret::HashedKey;
use crate::rate_limit::store::{MemoryStore, Order, SharedStore};
use crate::rate_limit::unit::UnitFields;
use crate::rejection::{Rejection, RejectionKind};

/// How many bytes pass before they are charged: often enough to notice a long stream, seldom enough to cost nothing.
const STEP: u64 = 64 * 1024;

/// What callers owe for the bytes they were sent.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) policy: Arc<str>,
    pub(super) bucket: Bucket,
    pub(super) table: MemoryStore,
    pub(super) shared: Option<Arc<dyn SharedStore>>,
    pub(super) clock: Arc<dyn Clock>,
    /// None where nothing is announced.
    pub(super) fields: Option<UnitFields>,
}

/// Counts the bytes of one answer; what is left to charge is charged when this is dropped.
#[derive(Debug)]
pub(in crate::rate_limit) struct Counter {
    accounts: Arc<Accounts>,
    key: HashedKey,
    /// For a store outside this process.
    bytes: Option<Box<[u8]>>,
    uncharged: AtomicU64,
}

impl Accounts {
    /// Admits a caller that owes nothing.
    pub(super) fn open(
        self: &Arc<Self>,
        key: HashedKey,
        bytes: &KeyBytes,
    ) -> Verdict<Arc<Counter>> {
        let Some(shared) = &self.shared else {
            let now = self.clock.monotonic();
            let decision = self.table.draw(key, &self.bucket, now, 0, Draw::Peek);
            return Verdict::Ready(self.settle(decision, Counter::new(self, key, None)));
        };
        let counter = Counter::new(self, key, Some(bytes.as_slice().into()));
        let answer = shared.draw(vec![self.order(bytes.clone(), 0, Draw::Peek)], 1);
        let accounts = Arc::clone(self);
        Verdict::pending(async move {
            let error = match answer.await {
                Ok(granted) => match granted.decisions.first() {
                    Some(decision) => return accounts.settle(*decision, counter),
                    None => "the store left out its decision".into(),
                },
                Err(error) => Box::from(error),
            };
            let error: Box<dyn std::error::Error + Send + Sync> = error;
            let kind = RejectionKind::Unavailable;
            Err(Rejection::new(kind, "rate_limit_store_unavailable").with_source(error))
        })
    }

    fn settle(&self, decision: Decision, counter: Counter) -> Result<Arc<Counter>, Rejection> {
        if decision.allowed() { Ok(Arc::new(counter)) } else { Err(self.refusal(decision)) }
    }

    #[cold]
    fn refusal(&self, decision: Decision) -> Rejection {
        let refusal = Rejection::new(RejectionKind::QuotaExceeded, "bandwidth_exceeded")
            .with_violated_policy(Arc::clone(&self.policy))
            .with_retry_after(self.bucket.retry_after(decision))
            .with_source(format!("bandwidth limit {:?}", self.policy));
        match &self.fields {
            Some(fields) => fields.announce(refusal, Some(self.bucket.seconds(decision))),
            None => refusal,
        }
    }

    fn order(&self, key: KeyBytes, cost: u64, draw: Draw) -> Order {
        Order {
            policy: Arc::clone(&self.policy),
            key,
            bucket: self.bucket,
            cost,
            draw,
            binding: draw != Draw::Owe,
        }
    }
}

impl Counter {
    fn new(accounts: &Arc<Accounts>, key: HashedKey, bytes: Option<Box<[u8]>>) -> Self {
        Self { accounts: Arc::clone(accounts), key, bytes, uncharged: AtomicU64::new(0) }
    }

    /// So many more bytes were sent.
    pub(in crate::rate_limit) fn passed(&self, bytes: usize) {
        let bytes = bytes as u64;
        if self.uncharged.fetch_add(bytes, Ordering::Relaxed) + bytes >= STEP {
            self.charge();
        }
    }

    fn charge(&self) {
        let due = self.uncharged.swap(0, Ordering::Relaxed);
        if due == 0 {
            return;
        }
        let accounts = &*self.accounts;
        match (&accounts.shared, &self.bytes) {
            (Some(shared), Some(bytes)) => {
                let key = KeyBytes::from_slice(bytes);
                shared.owe(vec![accounts.order(key, due, Draw::Owe)]);
            }
            _ => {
                let now = accounts.clock.monotonic();
                accounts.table.draw(self.key, &accounts.bucket, now, due, Draw::Owe);
            }
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.charge();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt;
    use futures_util::future::{BoxFuture, ready};

    use super::*;
    use crate::clock::SystemClock;
    use crate::rate_limit::Quota;
    use crate::rate_limit::store::{Granted, StoreError};

    /// A store that refuses, admits or is down, and remembers what it was asked.
    #[derive(Debug)]
    struct Ledger {
        owed: Option<u64>,
        orders: Mutex<Vec<(u64, Draw)>>,
    }

    impl SharedStore for Ledger {
        fn draw(
            &self,
            orders: Vec<Order>,
            _: u32,
        ) -> BoxFuture<'static, Result<Granted, StoreError>> {
            self.orders.lock().unwrap().extend(orders.iter().map(|order| (order.cost, order.draw)));
            let Some(owed) = self.owed else {
                return ready(Err(StoreError("down".into()))).boxed();
            };
            let bucket = orders[0].bucket;
            let (state, _) = bucket.draw(0, 0, bucket.burst() + owed, Draw::Owe);
            let decision = bucket.draw(state, 0, 0, Draw::Peek).1;
            ready(Ok(Granted { requests: 1, decisions: vec![decision] })).boxed()
        }

        fn owe(&self, orders: Vec<Order>) {
            self.orders.lock().unwrap().extend(orders.iter().map(|order| (order.cost, order.draw)));
        }
    }

    fn open(store: &Arc<Ledger>) -> Result<Arc<Counter>, Rejection> {
        let bucket = Bucket::new(Quota::per_second(10)).unwrap();
        let accounts = Arc::new(Accounts {
            policy: "download".into(),
            bucket,
            table: MemoryStore::new("download".into(), 1),
            shared: Some(Arc::clone(store) as _),
            clock: Arc::new(SystemClock::default()),
            fields: None,
        });
        let Verdict::Pending(verdict) = accounts.open(HashedKey(1), &KeyBytes::new()) else {
            panic!("nobody was asked");
        };
        verdict.now_or_never().unwrap()
    }

    #[test]
    fn q13_bytes_are_owed_to_a_shared_store_by_the_step_and_at_the_end() {
        let store = Arc::new(Ledger { owed: Some(0), orders: Mutex::default() });
        let counter = open(&store).unwrap();
        counter.passed(1);
        counter.passed(STEP as usize);
        counter.passed(5);
        drop(counter);
        let asked = store.orders.lock().unwrap();
        assert_eq!(*asked, [(0, Draw::Peek), (STEP + 1, Draw::Owe), (5, Draw::Owe)]);
    }

    #[test]
    fn q13_a_shared_store_that_is_owed_or_down_refuses() {
        let refusal = open(&Arc::new(Ledger { owed: Some(20), orders: Mutex::default() }));
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.reason(), "bandwidth_exceeded");
        assert_eq!(refusal.retry_after(), Some(std::time::Duration::from_secs(2)));
        let down = open(&Arc::new(Ledger { owed: None, orders: Mutex::default() })).unwrap_err();
        assert_eq!(down.reason(), "rate_limit_store_unavailable");
    }
}
