//! A shared store in this process, which can be made to fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};

use super::{Granted, Health, Lease, Order, SharedStore, StoreError};
use crate::clock::Clock;
use crate::rate_limit::bucket::{Draw, Ticks};
use crate::testing::FakeClock;

const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub(in crate::rate_limit) struct FakeStore {
    inner: Arc<Inner>,
    lease: Option<Lease>,
}

/// Policy and key.
type Name = (Arc<str>, Vec<u8>);

#[derive(Debug)]
struct Inner {
    clock: FakeClock,
    mood: Mutex<Mood>,
    trips: AtomicU64,
    under_way: AtomicU64,
    most_under_way: AtomicU64,
    buckets: Mutex<HashMap<Name, Ticks>>,
    health: Arc<Health>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::rate_limit) enum Mood {
    Answers,
    /// Once everybody else had a turn.
    AnswersSlowly,
    Fails,
    Hangs,
    AnswersForNone,
}

impl FakeStore {
    pub(in crate::rate_limit) fn new(clock: &FakeClock) -> Self {
        let inner = Inner {
            clock: clock.clone(),
            mood: Mutex::new(Mood::Answers),
            trips: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            most_under_way: AtomicU64::new(0),
            buckets: Mutex::default(),
            health: Arc::new(Health::new(PATIENCE)),
        };
        Self { inner: Arc::new(inner), lease: None }
    }

    pub(in crate::rate_limit) fn leasing(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    pub(in crate::rate_limit) fn set(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    pub(in crate::rate_limit) fn trips(&self) -> u64 {
        self.inner.trips.load(Ordering::Relaxed)
    }

    /// The most trips that were made at the same time.
    pub(in crate::rate_limit) fn most_under_way(&self) -> u64 {
        self.inner.most_under_way.load(Ordering::Relaxed)
    }

    pub(in crate::rate_limit) fn forget(&self) {
        self.inner.buckets.lock().unwrap().clear();
    }
}

impl Inner {
    fn draw(&self, orders: &[Order], requests: u32) -> Granted {
        let mut buckets = self.buckets.lock().unwrap();
        let now = self.clock.monotonic();
        let mut run = |requests: u32, act: bool| {
            let draw = |order: &Order| {
                let state = buckets.entry((order.policy.clone(), order.key.to_vec())).or_default();
                let times = if order.draw == Draw::Peek { 1 } else { requests };
                let (cost, draw) = (order.cost * u64::from(times), order.draw);
                let instant = order.bucket.instant(now);
                let draw = if act { draw } else { Draw::Peek };
                let (next, decision) = order.bucket.draw(*state, instant, cost, draw);
                *state = next;
                decision
            };
            let decisions: Vec<_> = orders.iter().map(draw).collect();
            let refused = orders
                .iter()
                .zip(&decisions)
                .any(|(order, decision)| order.binding && !decision.allowed());
            (!refused, Granted { requests, decisions })
        };
        for requests in [requests, 1] {
            if run(requests, false).0 {
                return run(requests, true).1;
            }
        }
        run(1, false).1
    }
}

impl SharedStore for FakeStore {
    fn draw(
        &self,
        orders: Vec<Order>,
        requests: u32,
    ) -> BoxFuture<'static, Result<Granted, StoreError>> {
        let inner = Arc::clone(&self.inner);
        let mood = *inner.mood.lock().unwrap();
        async move {
            inner.trips.fetch_add(1, Ordering::Relaxed);
            let under_way = inner.under_way.fetch_add(1, Ordering::Relaxed) + 1;
            inner.most_under_way.fetch_max(under_way, Ordering::Relaxed);
            if mood == Mood::AnswersSlowly {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            }
            inner.under_way.fetch_sub(1, Ordering::Relaxed);
            match mood {
                Mood::Answers | Mood::AnswersSlowly => Ok(inner.draw(&orders, requests)),
                Mood::Fails => Err(StoreError("it fails".into())),
                Mood::Hangs => pending().await,
                Mood::AnswersForNone => Ok(Granted { requests, decisions: Vec::new() }),
            }
        }
        .boxed()
    }

    fn owe(&self, orders: Vec<Order>) {
        if *self.inner.mood.lock().unwrap() == Mood::Answers {
            self.inner.draw(&orders, 1);
        }
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn health(&self) -> &Arc<Health> {
        &self.inner.health
    }

    fn lease(&self) -> Option<Lease> {
        self.lease
    }
}
