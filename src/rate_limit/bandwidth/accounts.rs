use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::gate::Verdict;
use crate::rate_limit::WhenUnavailable;
use crate::rate_limit::bucket::{Bucket, Decision, Draw};
use crate::rate_limit::headers::Announcement;
use crate::rate_limit::key::KeyBytes;
use crate::rate_limit::limits::unavailable;
use crate::rate_limit::secret::HashedKey;
use crate::rate_limit::store::{Guarded, MemoryStore, Order, StoreError};
use crate::rejection::{Rejection, RejectionKind};

/// How many bytes pass before they are charged: often enough to notice a long stream, seldom enough to cost nothing.
const STEP: u64 = 64 * 1024;

/// What callers owe for the bytes they were sent.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) policy: Arc<str>,
    pub(super) bucket: Bucket,
    pub(super) table: MemoryStore,
    pub(super) shared: Option<Arc<Guarded>>,
    /// What is done while the shared store is down.
    pub(super) when_unavailable: WhenUnavailable,
    pub(super) clock: Arc<dyn Clock>,
    /// None where nothing is announced.
    pub(super) fields: Option<Announcement>,
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
    /// The bucket of this moment.
    fn bucket(&self) -> Bucket {
        self.bucket.at(|| self.clock.unix())
    }

    /// Admits a caller that owes nothing.
    pub(super) fn open(
        self: &Arc<Self>,
        key: HashedKey,
        bytes: &KeyBytes,
    ) -> Verdict<Arc<Counter>> {
        let (bucket, now) = (self.bucket(), self.clock.monotonic());
        let Some(shared) = &self.shared else {
            let decision = self.owed_here(bucket, key, now);
            return Verdict::Ready(Counter::new(self, key, None).settle(bucket, decision));
        };
        let counter = Counter::new(self, key, Some(bytes.as_slice().into()));
        if let Some(decision) = self.known_debt(shared, bucket, key, now) {
            shared.counters().refused_early.add();
            return Verdict::refuse(self.refusal(bucket, decision));
        }
        if !shared.lets_ask(now) {
            let down = StoreError("it is down".into());
            return Verdict::Ready(self.without(shared, bucket, counter, down));
        }
        let orders = vec![self.order(bucket, bytes.clone(), 0, Draw::Peek)];
        let (accounts, shared) = (Arc::clone(self), Arc::clone(shared));
        Verdict::pending(async move {
            match shared.draw(None, orders).await.map(|decisions| decisions.first().copied()) {
                Ok(Some(decision)) => {
                    if !decision.allowed() {
                        shared.note_denied(0, key, bucket, decision, now);
                    }
                    counter.settle(bucket, decision)
                }
                Ok(None) => accounts.without(
                    &shared,
                    bucket,
                    counter,
                    StoreError("it left out its decision".into()),
                ),
                Err(error) => accounts.without(&shared, bucket, counter, error),
            }
        })
    }

    /// What is known without a trip: the debt that the store told of lately, or the part of it that was made here.
    fn known_debt(
        &self,
        shared: &Guarded,
        bucket: Bucket,
        key: HashedKey,
        now: Duration,
    ) -> Option<Decision> {
        let here = || {
            let decision = self.owed_here(bucket, key, now);
            (!decision.allowed()).then_some(decision)
        };
        let denied = shared.denied(0, key, bucket, 0, now);
        match self.when_unavailable {
            // Admits everybody while the store is down, whatever was sent.
            WhenUnavailable::InsecureAdmit => denied.filter(|_| shared.is_up()),
            _ => denied.or_else(here),
        }
    }

    fn owed_here(&self, bucket: Bucket, key: HashedKey, now: Duration) -> Decision {
        self.table.draw(key, &bucket, now, 0, Draw::Peek)
    }

    /// Does what this limit was told to do in an outage.
    #[cold]
    fn without(
        &self,
        shared: &Guarded,
        bucket: Bucket,
        counter: Counter,
        error: StoreError,
    ) -> Result<Arc<Counter>, Rejection> {
        let counters = shared.counters();
        match self.when_unavailable {
            WhenUnavailable::Refuse => {
                counters.refused_unavailable.add();
                Err(unavailable(error))
            }
            WhenUnavailable::InsecureAdmit => {
                counters.admitted_unchecked.add();
                Ok(Arc::new(counter))
            }
            mode @ (WhenUnavailable::CountHere | WhenUnavailable::CountShareHere(_)) => {
                counters.counted_here.add();
                let bucket = mode.bucket(bucket);
                let decision = self.owed_here(bucket, counter.key, self.clock.monotonic());
                counter.settle(bucket, decision)
            }
        }
    }

    #[cold]
    fn refusal(&self, bucket: Bucket, decision: Decision) -> Rejection {
        let refusal = Rejection::new(RejectionKind::QuotaExceeded, "bandwidth_exceeded")
            .with_violated_policy(Arc::clone(&self.policy))
            .with_retry_after(bucket.retry_after(decision))
            .with_source(format!("bandwidth limit {:?}", self.policy));
        match &self.fields {
            Some(fields) => fields.tell_spent(refusal, Some(bucket.seconds(decision))),
            None => refusal,
        }
    }

    fn order(&self, bucket: Bucket, key: KeyBytes, cost: u64, draw: Draw) -> Order {
        Order {
            policy: Arc::clone(&self.policy),
            key,
            bucket,
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

    /// Admits whose bytes this counts, where nothing is owed.
    fn settle(self, bucket: Bucket, decision: Decision) -> Result<Arc<Self>, Rejection> {
        if decision.allowed() {
            Ok(Arc::new(self))
        } else {
            Err(self.accounts.refusal(bucket, decision))
        }
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
        let Accounts { table, shared, when_unavailable, clock, .. } = &*self.accounts;
        let bucket = self.accounts.bucket();
        // In this process too where a store is shared: what it sent outlives an outage.
        let here = match shared {
            Some(shared) if !shared.is_up() => when_unavailable.bucket(bucket),
            _ => bucket,
        };
        table.draw(self.key, &here, clock.monotonic(), due, Draw::Owe);
        if let (Some(shared), Some(bytes)) = (shared, &self.bytes) {
            let key = KeyBytes::from_slice(bytes);
            shared.owe(vec![self.accounts.order(bucket, key, due, Draw::Owe)]);
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.charge();
    }
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
