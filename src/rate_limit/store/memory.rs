//! Buckets in this process's memory: a fixed number of them, found without a search through the rest.
//!
//! A key comes hashed with a secret, so nobody can aim at a place in the table. The hash chooses one segment, and a place in
//! it to start looking; the key stays within that segment, under that segment's lock. A slot is a bucket's state beside
//! a fingerprint of its key. A slot whose bucket is full again says no more than an empty one, and may be reused, so
//! there is nothing to sweep; a slot whose bucket is not full is never given away.
//!
//! Where a segment has no slot left, new keys share one bucket. A flood of keys can therefore neither push out nor
//! refill the bucket of a key that is known, nor win itself more than one bucket a segment.
//!
//! When the terms of a limit change, each segment remembers by which of them its states count, and converts them when it
//! is next locked: nobody waits for a whole table. A draw that began under the terms before finds them changed, and then
//! counts in its own scale once more, which keeps everybody's time until full.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::rate_limit::bucket::{Basis, Bucket, Decision, Draw, Exchange, STATE_BITS, Ticks};
use crate::rate_limit::secret::HashedKey;

const SLOTS: usize = 64;

/// Keys for each segment at capacity: 70 % full, so that few segments are full by bad luck.
const KEYS_PER_SEGMENT: usize = SLOTS * 7 / 10;

const STATE: u128 = (1 << STATE_BITS) - 1;

/// How often a full segment is worth a line in the log.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The buckets of one limiter.
#[derive(Debug)]
pub(in crate::rate_limit) struct MemoryStore {
    policy: Arc<str>,
    /// Each is allocated when it is first used.
    segments: Box<[OnceLock<Box<Mutex<Segment>>>]>,
    overflows: AtomicU64,
    /// How many of them the log was told of.
    told: AtomicU64,
    /// When an overflow may be logged again, in milliseconds.
    log_again: AtomicU64,
    /// The last change of terms, which some segments may not have seen.
    change: Mutex<Option<Change>>,
}

/// How states of some terms become those of the next ones.
#[derive(Clone, Copy, Debug)]
pub(in crate::rate_limit) struct Change {
    pub(in crate::rate_limit) before: Basis,
    pub(in crate::rate_limit) after: Basis,
    pub(in crate::rate_limit) exchange: Exchange,
}

#[derive(Debug)]
struct Segment {
    /// 40 bits of fingerprint above 88 bits of state. A slot never used is 0: a full bucket, like any other.
    slots: [u128; SLOTS],
    /// The bucket of all keys that found no slot.
    shared: Ticks,
    /// How many draws took something, and how many requests were refused.
    charged: u64,
    refused: u64,
    /// What the states are counted by.
    basis: Basis,
}

/// What was counted in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::rate_limit) struct Tally {
    pub(in crate::rate_limit) charged: u64,
    pub(in crate::rate_limit) refused: u64,
    /// Keys whose buckets are not full.
    pub(in crate::rate_limit) active: u64,
}

/// Where to look for a key.
#[derive(Clone, Copy, Debug)]
struct Place {
    segment: usize,
    start: usize,
    fingerprint: u128,
}

/// What was found for a key.
enum Found {
    /// The slot that is its own, or that may become so.
    Slot { at: usize, state: Ticks },
    /// Every slot belongs to another key that is active.
    Shared,
}

impl MemoryStore {
    pub(in crate::rate_limit) fn new(policy: Arc<str>, keys: usize) -> Self {
        let segments = keys.div_ceil(KEYS_PER_SEGMENT).max(1);
        Self {
            policy,
            segments: (0..segments).map(|_| OnceLock::new()).collect(),
            overflows: AtomicU64::new(0),
            told: AtomicU64::new(0),
            log_again: AtomicU64::new(0),
            change: Mutex::new(None),
        }
    }

    /// Holds the bucket of `key`, and what drawing from it comes to, so that several of several stores can be looked at
    /// before any is drawn from.
    ///
    /// Whoever holds more than one took them in the order of their limits, so nobody waits in a circle.
    pub(in crate::rate_limit) fn hold(
        &self,
        key: HashedKey,
        bucket: &Bucket,
        now: Duration,
        cost: u64,
        draw: Draw,
    ) -> Held<'_> {
        let place = self.place(key);
        let instant = bucket.instant(now);
        let segment = &self.segments[place.segment];
        if draw == Draw::Peek && segment.get().is_none() {
            let (next, decision) = bucket.draw(0, instant, cost, draw);
            return Held { slot: None, state: 0, next, instant, decision }; // Looking allocates nothing.
        }
        let segment = segment.get_or_init(|| Box::new(Mutex::new(Segment::new(bucket.basis()))));
        let segment = self.lock(segment, bucket.basis());
        let (at, state) = match segment.find(place, instant) {
            Found::Slot { at, state } => (at, state),
            Found::Shared => {
                self.overflows.fetch_add(1, Ordering::Relaxed);
                (SHARED, segment.shared)
            }
        };
        let (next, decision) = bucket.draw(state, instant, cost, draw);
        let slot = Some(Slot { segment, at, fingerprint: place.fingerprint });
        Held { slot, state, next, instant, decision }
    }

    /// Locks a segment, whose states count by `basis` from now on.
    fn lock<'s>(&self, segment: &'s Mutex<Segment>, basis: Basis) -> MutexGuard<'s, Segment> {
        // Nothing panics under the lock, and a state is written whole: a poisoned segment is a good one.
        let mut segment = segment.lock().unwrap_or_else(PoisonError::into_inner);
        if segment.basis != basis {
            self.adapt(&mut segment, basis);
        }
        segment
    }

    #[cold]
    fn adapt(&self, segment: &mut Segment, basis: Basis) {
        let change = *self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Change { before, after, exchange }) = change
            && (segment.basis.era, basis.era) == (before.era, after.era)
        {
            segment.count_in(before.per_nano);
            segment.convert(&exchange);
            segment.basis = after;
        }
        segment.count_in(basis.per_nano);
        segment.basis.era = segment.basis.era.max(basis.era);
    }

    /// Prepares for other terms, before they are in force. Called by one thread at a time.
    ///
    /// Returns when every segment has seen the change before this one; there is none at the first change.
    pub(in crate::rate_limit) fn change(&self, change: Change) {
        let first = self.change.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        if !first {
            for segment in self.allocated() {
                drop(self.lock(segment, change.before));
            }
        }
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }

    fn allocated(&self) -> impl Iterator<Item = &Mutex<Segment>> {
        self.segments.iter().filter_map(OnceLock::get).map(|segment| &**segment)
    }

    /// Adds up what the segments have counted. Locks each of them for a moment, one after another.
    pub(in crate::rate_limit) fn tally(&self, bucket: &Bucket, now: Duration) -> Tally {
        let (basis, now) = (bucket.basis(), bucket.instant(now));
        self.allocated().fold(Tally::default(), |sum, segment| {
            let segment = self.lock(segment, basis);
            let active = segment.slots.iter().filter(|slot| **slot & STATE > now).count();
            Tally {
                charged: sum.charged + segment.charged,
                refused: sum.refused + segment.refused,
                active: sum.active + active as u64,
            }
        })
    }

    /// Draws from the bucket of `key` alone.
    pub(in crate::rate_limit) fn draw(
        &self,
        key: HashedKey,
        bucket: &Bucket,
        now: Duration,
        cost: u64,
        draw: Draw,
    ) -> Decision {
        let decision = self.hold(key, bucket, now, cost, draw).draw();
        self.note_overflows(now);
        decision
    }

    /// Whether the bucket of `key` is full because nothing was ever drawn near it.
    pub(in crate::rate_limit) fn is_untouched(&self, key: HashedKey) -> bool {
        self.segments[self.place(key).segment].get().is_none()
    }

    /// Draws from the bucket of `key` alone, and counts that; nothing happens where there is too little.
    #[inline]
    pub(in crate::rate_limit) fn draw_allowed(
        &self,
        key: HashedKey,
        bucket: &Bucket,
        now: Duration,
        cost: u64,
        draw: Draw,
    ) -> Option<Decision> {
        let place = self.place(key);
        let instant = bucket.instant(now);
        let segment = &self.segments[place.segment];
        if draw == Draw::Peek && segment.get().is_none() {
            return Some(bucket.draw(0, instant, cost, draw).1).filter(|it| it.allowed());
        }
        let segment = segment.get_or_init(|| Box::new(Mutex::new(Segment::new(bucket.basis()))));
        let mut segment = self.lock(segment, bucket.basis());
        let Found::Slot { at, state } = segment.find(place, instant) else { return None };
        let (next, decision) = bucket.draw(state, instant, cost, draw);
        if !decision.allowed() {
            return None;
        }
        if draw != Draw::Peek {
            segment.slots[at] = place.fingerprint << STATE_BITS | next;
            segment.charged = segment.charged.wrapping_add(1);
        }
        Some(decision)
    }

    /// How many draws found no slot, and were charged to a shared bucket.
    pub(in crate::rate_limit) fn overflows(&self) -> u64 {
        self.overflows.load(Ordering::Relaxed)
    }

    fn place(&self, HashedKey(hash): HashedKey) -> Place {
        // The high bits choose the segment, the low ones the rest: they tell nothing of each other.
        let segment = (u128::from(hash) * self.segments.len() as u128) >> 64;
        Place {
            segment: segment as usize,
            start: (hash >> 40) as usize % SLOTS,
            fingerprint: u128::from(hash) & (u128::MAX >> STATE_BITS),
        }
    }

    /// Tells the log of overflows, at most once in a while. Nothing is held meanwhile: a log may be slow.
    pub(in crate::rate_limit) fn note_overflows(&self, now: Duration) {
        if self.overflows() > self.told.load(Ordering::Relaxed) {
            self.tell_overflows(now);
        }
    }

    #[cold]
    fn tell_overflows(&self, now: Duration) {
        let count = self.overflows();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let due = self.log_again.load(Ordering::Relaxed);
        let next = now.saturating_add(LOG_EVERY.as_millis() as u64);
        if now >= due
            && self
                .log_again
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.told.store(count, Ordering::Relaxed);
            tracing::warn!(
                target: "tower_warden::rate_limit",
                policy = &*self.policy, count,
                "more active keys than the limiter has room for: new keys share buckets"
            );
        }
    }
}

/// A bucket that nobody else can draw from meanwhile.
pub(in crate::rate_limit) struct Held<'s> {
    /// None where no segment is.
    slot: Option<Slot<'s>>,
    state: Ticks,
    /// The state once it is drawn from.
    next: Ticks,
    instant: Ticks,
    decision: Decision,
}

/// A place in a segment that is locked.
struct Slot<'s> {
    segment: MutexGuard<'s, Segment>,
    /// [`SHARED`] for the bucket of all keys that found no slot.
    at: usize,
    fingerprint: u128,
}

/// No slot has this place.
const SHARED: usize = SLOTS;

impl Held<'_> {
    /// What drawing comes to.
    pub(in crate::rate_limit) const fn decision(&self) -> Decision {
        self.decision
    }

    /// What is there for somebody who wants so much and draws nothing.
    pub(in crate::rate_limit) fn leave(&self, bucket: &Bucket, cost: u64) -> Decision {
        bucket.draw(self.state, self.instant, cost, Draw::Peek).1
    }

    /// Draws.
    pub(in crate::rate_limit) fn draw(&mut self) -> Decision {
        if self.next != self.state
            && let Some(Slot { segment, at, fingerprint }) = &mut self.slot
        {
            match segment.slots.get_mut(*at) {
                Some(slot) => *slot = *fingerprint << STATE_BITS | self.next,
                None => segment.shared = self.next,
            }
        }
        self.decision
    }

    /// Lets others draw again.
    pub(in crate::rate_limit) fn release(&mut self) {
        self.slot = None;
    }

    /// Counts what came of it.
    pub(in crate::rate_limit) fn count(&mut self, charged: bool, refused: bool) {
        if let Some(Slot { segment, .. }) = &mut self.slot {
            segment.charged = segment.charged.wrapping_add(charged.into());
            segment.refused = segment.refused.wrapping_add(refused.into());
        }
    }
}

impl Segment {
    const fn new(basis: Basis) -> Self {
        Self { slots: [0; SLOTS], shared: 0, charged: 0, refused: 0, basis }
    }

    /// Lets the states count in another scale.
    fn count_in(&mut self, per_nano: u32) {
        if self.basis.per_nano != per_nano {
            self.convert(&Exchange::of_scales(self.basis.per_nano, per_nano));
            self.basis.per_nano = per_nano;
        }
    }

    fn convert(&mut self, exchange: &Exchange) {
        for slot in self.slots.iter_mut().filter(|slot| **slot != 0) {
            *slot = *slot & !STATE | exchange.convert(*slot & STATE);
        }
        self.shared = exchange.convert(self.shared);
    }

    fn find(&self, place: Place, now: Ticks) -> Found {
        let mut free = None;
        for at in (0..SLOTS).map(|step| (place.start + step) % SLOTS) {
            let slot = self.slots[at];
            if slot >> STATE_BITS == place.fingerprint {
                return Found::Slot { at, state: slot & STATE };
            }
            if free.is_none() && slot & STATE <= now {
                free = Some(at);
            }
            if slot == 0 {
                break; // A key takes the first free slot on its way, so it cannot lie behind one never used.
            }
        }
        free.map_or(Found::Shared, |at| Found::Slot { at, state: 0 })
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
