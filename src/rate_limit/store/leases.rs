use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared};
use smallvec::SmallVec;

use super::{Granted, Lease, Order, StoreError};
use crate::rate_limit::bucket::{Decision, Draw, Ticks};

/// How many kinds of requests are counted at most, by whom they are charged to: 4,096, at about 200 bytes each. A flood of
/// more pushes out those that came least often; their leased tokens are lost, and nothing else.
const SETS: usize = 1024;
const WAYS: usize = 4;

/// At least so many leases fit into a bucket.
const LEASES_A_BURST: u64 = 4;

/// One trip that several requests wait for. Whoever still waits drives it on.
pub(super) type Round = Shared<BoxFuture<'static, Result<Arc<Granted>, StoreError>>>;

pub(super) type Decisions = SmallVec<[Decision; 2]>;

/// Tokens that were drawn ahead.
pub(super) struct Leases {
    lease: Lease,
    /// How long a trip may take.
    patience: Duration,
    sets: Box<[Mutex<Vec<Entry>>]>,
}

/// Requests that are charged alike: to the same buckets, as much.
struct Entry {
    id: u64,
    frequency: Frequency,
    /// Requests that are paid for.
    left: u32,
    until: Duration,
    /// What the buckets said when that was drawn, in the order of the orders.
    buckets: SmallVec<[Seen; 2]>,
    /// A trip, and when it began.
    round: Option<(Round, Duration)>,
}

#[derive(Clone, Copy)]
struct Seen {
    full_at: Ticks,
    /// Whether something was taken from it.
    charged: bool,
}

/// Requests in spans of a lease's time.
#[derive(Clone, Copy)]
struct Frequency {
    since: Duration,
    now: u32,
    before: u32,
}

/// What a request has to do that found no token.
pub(super) enum Turn {
    /// Nothing: one is here meanwhile.
    Leased(Decisions),
    /// Wait for the trip that another makes.
    Wait(Round),
    /// Make the trip that others wait for.
    Go(Round),
}

impl Leases {
    pub(super) fn new(lease: Lease, patience: Duration) -> Self {
        Self { lease, patience, sets: (0..SETS).map(|_| Mutex::default()).collect() }
    }

    /// Counts a request, and uses a token for it if one is here.
    pub(super) fn take(&self, id: u64, orders: &[Order], now: Duration) -> Option<Decisions> {
        let mut set = self.set(id);
        let entry = self.entry(&mut set, id, now);
        entry.frequency.count(now, self.lease.time);
        entry.take(orders, now)
    }

    /// Finds out what to do without a token. `begin` makes a trip for so many requests, which starts when it is polled.
    pub(super) fn turn(
        &self,
        id: u64,
        orders: &[Order],
        now: Duration,
        begin: impl FnOnce(u32) -> Round,
    ) -> Turn {
        let mut set = self.set(id);
        let entry = self.entry(&mut set, id, now);
        if let Some(decisions) = entry.take(orders, now) {
            return Turn::Leased(decisions);
        }
        // Where everybody who waited has gone away, nobody drives the trip on: what it finds in the end is old.
        if let Some((round, begun)) = &entry.round
            && now.saturating_sub(*begun) <= self.patience
        {
            return Turn::Wait(round.clone());
        }
        let round = begin(self.size(entry.frequency, orders));
        entry.round = Some((round.clone(), now));
        Turn::Go(round)
    }

    /// Ends a trip that began at `started`, and keeps what is over once the request that made it is served.
    pub(super) fn finish(
        &self,
        id: u64,
        orders: &[Order],
        started: Duration,
        granted: Result<&Granted, &StoreError>,
    ) {
        let mut set = self.set(id);
        let Some(entry) = set.iter_mut().find(|entry| entry.id == id) else { return };
        entry.round = None;
        let Ok(granted) = granted else { return };
        let refused = orders
            .iter()
            .zip(&granted.decisions)
            .any(|(order, decision)| order.binding && !decision.allowed());
        entry.left = if refused { 0 } else { granted.requests.saturating_sub(1) };
        // From when it was asked for: it was charged after that.
        entry.until = started + self.lease.time;
        entry.buckets.clear();
        entry.buckets.extend(orders.iter().zip(&granted.decisions).map(|(order, decision)| Seen {
            full_at: order.bucket.known(*decision, started),
            charged: order.draw != Draw::Peek && decision.allowed(),
        }));
    }

    /// What the buckets hold after a trip that served the request which made it.
    pub(super) fn tell(&self, id: u64, orders: &[Order], now: Duration) -> Option<Decisions> {
        let set = self.set(id);
        let entry = set.iter().find(|entry| entry.id == id && entry.left > 0)?;
        Some(entry.tell(orders, now))
    }

    /// For how many requests to draw: half of those that come in the lease's time, so that it is used up before it is over.
    fn size(&self, frequency: Frequency, orders: &[Order]) -> u32 {
        let drawn = orders.iter().filter(|order| order.draw != Draw::Peek && order.cost > 0);
        let fit = drawn.map(|order| order.bucket.burst() / order.cost / LEASES_A_BURST).min();
        let fit = fit.map_or(u32::MAX, |fit| u32::try_from(fit).unwrap_or(u32::MAX));
        (frequency.now.max(frequency.before) / 2).min(self.lease.requests).min(fit).max(1)
    }

    fn entry<'s>(&self, set: &'s mut Vec<Entry>, id: u64, now: Duration) -> &'s mut Entry {
        let at = match set.iter().position(|entry| entry.id == id) {
            Some(at) => at,
            None if set.len() < WAYS => {
                set.push(Entry::new(id, now));
                set.len() - 1
            }
            None => {
                let worth = |entry: &Entry| {
                    let rate = entry.frequency.at(now, self.lease.time);
                    (entry.round.is_some(), rate.now.max(rate.before), rate.since)
                };
                let least = (0..set.len()).min_by_key(|at| worth(&set[*at])).unwrap_or(0);
                set[least] = Entry::new(id, now);
                least
            }
        };
        &mut set[at]
    }

    fn set(&self, id: u64) -> MutexGuard<'_, Vec<Entry>> {
        self.sets[id as usize % SETS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(id: u64, now: Duration) -> Self {
        Self {
            id,
            frequency: Frequency { since: now, now: 0, before: 0 },
            left: 0,
            until: Duration::ZERO,
            buckets: SmallVec::new(),
            round: None,
        }
    }

    fn take(&mut self, orders: &[Order], now: Duration) -> Option<Decisions> {
        if self.left == 0 || now >= self.until || self.buckets.len() != orders.len() {
            return None;
        }
        self.left -= 1;
        Some(self.tell(orders, now))
    }

    /// What the buckets hold, with the tokens that wait here.
    fn tell(&self, orders: &[Order], now: Duration) -> Decisions {
        let tell = |(order, seen): (&Order, &Seen)| {
            if seen.charged {
                let unused = order.cost.saturating_mul(self.left.into());
                order.bucket.told(seen.full_at, now, unused)
            } else {
                order.bucket.look(seen.full_at, now, order.cost)
            }
        };
        orders.iter().zip(&self.buckets).map(tell).collect()
    }
}

impl Frequency {
    fn count(&mut self, now: Duration, span: Duration) {
        *self = self.at(now, span);
        self.now = self.now.saturating_add(1);
    }

    /// The same, seen from now.
    fn at(self, now: Duration, span: Duration) -> Self {
        let passed = now.saturating_sub(self.since);
        if passed < span {
            self
        } else if passed < span * 2 {
            Self { since: self.since + span, now: 0, before: self.now }
        } else {
            Self { since: now, now: 0, before: 0 }
        }
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").field("lease", &self.lease).finish_non_exhaustive()
    }
}
