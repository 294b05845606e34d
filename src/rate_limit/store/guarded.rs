use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::counts::Counters;
use super::denials::{BELIEVED, Denials};
use super::health::{GRACE, Health};
use super::leases::{Decisions, Leases, Round, Turn};
use super::{Granted, Order, SharedStore, StoreError};
use crate::clock::Clock;
use crate::rate_limit::bucket::{Bucket, Decision};
use crate::rate_limit::secret::HashedKey;

/// How often a request waits for a trip that was made for others before it makes one for itself.
const MOST_WAITS: u32 = 32;

/// A shared store behind what keeps requests from waiting for it: a breaker, what it refused, and tokens drawn ahead.
#[derive(Debug)]
pub(in crate::rate_limit) struct Guarded {
    store: Arc<dyn SharedStore>,
    clock: Arc<dyn Clock>,
    patience: Duration,
    denials: Denials,
    leases: Option<Leases>,
    /// Shared by all who share the store.
    health: Arc<Health>,
}

impl Guarded {
    pub(in crate::rate_limit) fn new(store: Arc<dyn SharedStore>, clock: Arc<dyn Clock>) -> Self {
        let lease = store.lease().filter(|lease| lease.requests > 1 && !lease.time.is_zero());
        let patience = store.patience();
        Self {
            clock,
            patience,
            denials: Denials::new(),
            leases: lease.map(|lease| Leases::new(lease, patience + GRACE)),
            health: Arc::clone(store.health()),
            store,
        }
    }

    /// What was done with the store and without it.
    pub(in crate::rate_limit) fn counters(&self) -> &Counters {
        &self.health.counters
    }

    /// Whether the store counts as up.
    pub(in crate::rate_limit) fn is_up(&self) -> bool {
        self.health.is_up()
    }

    /// Whether tokens are drawn ahead.
    pub(in crate::rate_limit) const fn leases(&self) -> bool {
        self.leases.is_some()
    }

    /// What the store said when it refused the like, if that is still a refusal. While it is down, that is believed for
    /// longer: nobody can ask again.
    pub(in crate::rate_limit) fn denied(
        &self,
        limit: usize,
        key: HashedKey,
        bucket: Bucket,
        cost: u64,
        now: Duration,
    ) -> Option<Decision> {
        let old = if self.is_up() { BELIEVED } else { Duration::MAX };
        self.denials.find(limit, key, bucket, cost, now, old)
    }

    /// Remembers that the store refused, when asked at `seen`.
    pub(in crate::rate_limit) fn note_denied(
        &self,
        limit: usize,
        key: HashedKey,
        bucket: Bucket,
        decision: Decision,
        seen: Duration,
    ) {
        self.denials.note(limit, key, bucket, decision, seen);
    }

    /// Whether a request may ask the store. One that may should: while the store is down, no other may for a while.
    pub(in crate::rate_limit) fn lets_ask(&self, now: Duration) -> bool {
        self.health.lets_ask(now)
    }

    /// Admits with a token that was drawn ahead.
    pub(in crate::rate_limit) fn take_leased(
        &self,
        id: u64,
        orders: &[Order],
        now: Duration,
    ) -> Option<Decisions> {
        let decisions = self.leases.as_ref()?.take(id, orders, now)?;
        self.counters().leased.add();
        Some(decisions)
    }

    /// Draws from the store for one request, or, with an `id` for requests that are charged alike, for several of them.
    pub(in crate::rate_limit) async fn draw(
        self: &Arc<Self>,
        id: Option<u64>,
        orders: Vec<Order>,
    ) -> Result<Decisions, StoreError> {
        if !self.is_up() {
            return self.find_out(orders).await;
        }
        let drawing = async {
            match (&self.leases, id) {
                (Some(leases), Some(id)) => self.draw_leased(leases, id, orders).await,
                _ => {
                    let granted = self.trip(self.store.draw(orders.clone(), 1), orders.len()).await;
                    granted.map(|granted| granted.decisions.into())
                }
            }
        };
        // A trip is timed by itself; this is for those that wait for several.
        timeout(self.patience + GRACE, drawing).await.unwrap_or_else(|_| Err(late()))
    }

    /// Asks a store that is down whether it is back, in a task of its own: a caller that goes away again and again would
    /// otherwise keep everybody from learning it.
    async fn find_out(self: &Arc<Self>, orders: Vec<Order>) -> Result<Decisions, StoreError> {
        let this = Arc::clone(self);
        let asking = async move {
            let granted = this.trip(this.store.draw(orders.clone(), 1), orders.len()).await?;
            Ok(granted.decisions.into())
        };
        match Handle::try_current() {
            Ok(runtime) => runtime.spawn(asking).await.unwrap_or_else(|_| Err(late())),
            Err(_) => asking.await,
        }
    }

    async fn draw_leased(
        self: &Arc<Self>,
        leases: &Leases,
        id: u64,
        orders: Vec<Order>,
    ) -> Result<Decisions, StoreError> {
        let started = Instant::now();
        let orders: Arc<[Order]> = orders.into();
        for _ in 0..MOST_WAITS {
            let begin = |requests| self.round(id, Arc::clone(&orders), requests);
            let (round, mine) = match leases.turn(id, &orders, self.clock.monotonic(), begin) {
                Turn::Leased(decisions) => {
                    self.counters().leased.add();
                    return Ok(decisions);
                }
                Turn::Wait(round) => (round, false),
                Turn::Go(round) => (round, true),
            };
            let granted = round.await?;
            let refused = orders
                .iter()
                .zip(&granted.decisions)
                .any(|(order, decision)| order.binding && !decision.allowed());
            // Who waited wanted the same at the same time, and is refused with it.
            if mine || refused {
                let told = || leases.tell(id, &orders, self.clock.monotonic());
                let told = if refused { None } else { told() };
                return Ok(told.unwrap_or_else(|| granted.decisions.as_slice().into()));
            }
            if started.elapsed() > self.patience / 4 {
                break;
            }
        }
        let granted = self.trip(self.store.draw(orders.to_vec(), 1), orders.len()).await?;
        Ok(granted.decisions.into())
    }

    /// One trip that several may wait for.
    fn round(self: &Arc<Self>, id: u64, orders: Arc<[Order]>, requests: u32) -> Round {
        // The leases hold the trip, so the trip does not hold them.
        let guarded: Weak<Self> = Arc::downgrade(self);
        async move {
            let gone = || StoreError("the rate limits are gone".into());
            let this = guarded.upgrade().ok_or_else(gone)?;
            let (started, drawing) =
                (this.clock.monotonic(), this.store.draw(orders.to_vec(), requests));
            let granted = this.trip(drawing, orders.len()).await.map(|granted| {
                Arc::new(Granted { requests: granted.requests.clamp(1, requests), ..granted })
            });
            if let Some(leases) = &this.leases {
                leases.finish(id, &orders, started, granted.as_deref());
            }
            granted
        }
        .boxed()
        .shared()
    }

    /// Waits for an answer, and learns from it how the store is.
    async fn trip(
        &self,
        drawing: impl Future<Output = Result<Granted, StoreError>>,
        orders: usize,
    ) -> Result<Granted, StoreError> {
        self.counters().trips.add();
        let answer = match timeout(self.patience + GRACE, drawing).await {
            Ok(Ok(granted)) if granted.decisions.len() != orders => {
                Err(StoreError("it answered for another number of buckets".into()))
            }
            Ok(answer) => answer,
            Err(_) => Err(late()),
        };
        self.health.note(answer.as_ref().err(), self.clock.monotonic());
        answer
    }

    /// Draws some time soon; nothing while the store is down, which would only pile up.
    pub(in crate::rate_limit) fn owe(&self, orders: Vec<Order>) {
        if self.is_up() {
            self.store.owe(orders);
        }
    }
}

fn late() -> StoreError {
    StoreError("it did not answer in time".into())
}
