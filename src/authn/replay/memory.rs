//! Used proofs in this process's memory.
//!
//! Proofs lie in shards, each under its own lock, by the key that signed them, so that a shard can count a key's proofs.
//! Within a shard they stand in the order in which they came. Each use of the store lets go of a few that have expired, in
//! its own shard and in the next one in turn; nothing ever goes through all of them at once.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Novelty, Remembered, ReplayStore, ReplayStoreError, SpentProof};
use crate::clock::{Clock, SystemClock};

/// Proofs at a time, unless said otherwise: 15,000 requests a second for 65 s.
const DEFAULT_CAPACITY: usize = 1_000_000;

/// Proofs of one key at a time, unless said otherwise: 150 requests a second for 65 s.
const DEFAULT_QUOTA: u32 = 10_000;

const SHARDS: usize = 64;

/// How many expired proofs one step lets go: more than it adds, so that the store shrinks.
const FEW: usize = 8;

/// The same, where a key would otherwise be refused for proofs that have expired.
const MANY: usize = 512;

/// Half of a SHA-256 digest: nobody finds a second text with the same one.
type Digest = [u8; 16];

/// Remembers used proofs in memory. Clones share them.
///
/// At most 1,000,000 proofs, about 100 bytes each and allocated as they come, and 10,000 of one key.
#[derive(Clone)]
pub struct MemoryReplayStore(Arc<Inner>);

struct Inner {
    shards: [Mutex<Shard>; SHARDS],
    /// How many proofs are held, those included that have expired and were not let go yet.
    held: AtomicUsize,
    /// Whose turn it is to be helped.
    turn: AtomicUsize,
    capacity: usize,
    quota: u32,
    secret: RandomState,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Shard {
    proofs: HashMap<Digest, Use>,
    in_order: VecDeque<Digest>,
    /// How many proofs of each key are held.
    holders: HashMap<Digest, u32>,
}

#[derive(Clone, Copy)]
struct Use {
    holder: Digest,
    until: Duration,
}

impl MemoryReplayStore {
    /// A store for at most `capacity` proofs, and `quota` of one key.
    #[must_use]
    pub fn with_capacity(capacity: usize, quota: u32) -> Self {
        Self::new(capacity, quota, Arc::new(SystemClock::default()))
    }

    /// Takes the time from this clock. Only of a store that remembers nothing yet.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self::new(self.0.capacity, self.0.quota, Arc::new(clock))
    }

    pub(in crate::authn) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::new(DEFAULT_CAPACITY, DEFAULT_QUOTA, clock)
    }

    fn new(capacity: usize, quota: u32, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            shards: std::array::from_fn(|_| Mutex::default()),
            held: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            capacity,
            quota,
            secret: RandomState::new(),
            clock,
        }))
    }

    /// How many proofs are held: those that are remembered, and expired ones that were not let go yet.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }
}

impl Default for MemoryReplayStore {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY, DEFAULT_QUOTA)
    }
}

impl ReplayStore for MemoryReplayStore {
    fn remember(&self, proof: &SpentProof) -> Remembered {
        Remembered::Ready(self.0.remember(proof))
    }
}

impl Inner {
    fn remember(&self, proof: &SpentProof) -> Result<Novelty, ReplayStoreError> {
        let now = self.clock.monotonic();
        let (id, holder) = (half(proof.id()), half(proof.holder()));
        let own = (self.secret.hash_one(holder) % SHARDS as u64) as usize;
        self.help_others(own, now);
        let mut shard = self.lock(own);
        self.let_go(&mut shard, now, FEW);
        if shard.proofs.get(&id).is_some_and(|earlier| earlier.until > now) {
            return Ok(Novelty::Replayed);
        }
        if shard.proofs_of(&holder) >= self.quota {
            self.let_go(&mut shard, now, MANY);
            if shard.proofs_of(&holder) >= self.quota {
                return Ok(Novelty::QuotaSpent);
            }
        }
        let until = now.saturating_add(proof.keep_for());
        // One that has expired and still has its place in the order: it takes up no more room than before.
        if let Some(expired) = shard.proofs.get_mut(&id) {
            expired.until = until;
            return Ok(Novelty::New);
        }
        let room = |held: usize| (held < self.capacity).then_some(held + 1);
        if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return Err(ReplayStoreError::new("the replay store is full"));
        }
        shard.proofs.insert(id, Use { holder, until });
        shard.in_order.push_back(id);
        *shard.holders.entry(holder).or_default() += 1;
        Ok(Novelty::New)
    }

    /// Lets go of expired proofs elsewhere: in one shard in turn, and a few in each when the store is full.
    fn help_others(&self, own: usize, now: Duration) {
        let full = self.held.load(Ordering::Relaxed) >= self.capacity;
        for _ in 0..if full { SHARDS } else { 1 } {
            let next = self.turn.fetch_add(1, Ordering::Relaxed) % SHARDS;
            // A shard that is in use helps itself.
            if next != own
                && let Ok(mut shard) = self.shards[next].try_lock()
            {
                self.let_go(&mut shard, now, FEW);
            }
        }
    }

    fn let_go(&self, shard: &mut Shard, now: Duration, at_most: usize) {
        let gone = (0..at_most).take_while(|_| shard.let_one_go(now)).count();
        self.held.fetch_sub(gone, Ordering::Relaxed);
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn proofs_of(&self, holder: &Digest) -> u32 {
        self.holders.get(holder).copied().unwrap_or_default()
    }

    /// Lets the eldest proof go, if it has expired.
    fn let_one_go(&mut self, now: Duration) -> bool {
        let Some(eldest) = self.in_order.front() else { return false };
        if self.proofs.get(eldest).is_some_and(|proof| proof.until > now) {
            return false;
        }
        let gone = self.in_order.pop_front().and_then(|eldest| self.proofs.remove(&eldest));
        let Some(gone) = gone else { return false };
        if let Entry::Occupied(mut proofs) = self.holders.entry(gone.holder) {
            *proofs.get_mut() -= 1;
            if *proofs.get() == 0 {
                proofs.remove();
            }
        }
        true
    }
}

fn half(digest: &[u8; 32]) -> Digest {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

impl fmt::Debug for MemoryReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplayStore")
            .field("capacity", &self.0.capacity)
            .field("quota", &self.0.quota)
            .finish_non_exhaustive()
    }
}
