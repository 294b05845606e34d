//! Who asks most of a limit, in a fixed amount of memory.
//!
//! A sample of what is asked for goes into a Space-Saving sketch (Metwally, Agrawal and El Abbadi, 2005). A key that asks for
//! more than one part in `capacity` of everything is in it for certain: a flood of keys that ask once takes the places of
//! those that ask little, never of those that ask much. Counts fade, so that it tells of now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::Duration;

use super::Limit;
use super::secret::{HashedKey, Secret};
use crate::clock::Clock;

/// All of them are looked through for each request of the sample.
pub(super) const MOST_CONSUMERS: usize = 1_000;

/// One request in so many is counted, as so many.
const SAMPLE: u64 = 16;

/// After so long, what was asked for counts half.
const HALF_LIFE: Duration = Duration::from_secs(10 * 60);

/// What is kept of a key: somebody could send a very long one.
const MOST_BYTES: usize = 256;

/// One of the callers that ask most of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    key: String,
    tokens: u64,
    surplus: u64,
}

impl Consumer {
    /// Who it is, for people: an address or its network, or issuer and subject. At most 256 bytes of it are kept.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How much it has asked for in the last minutes, admitted or not, in tokens: an estimate from a sample, in which
    /// everything counts half after 10 minutes.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.tokens
    }

    /// What of [`tokens`](Self::tokens) may have been asked for by others.
    #[must_use]
    pub const fn surplus(&self) -> u64 {
        self.surplus
    }
}

/// The sketch of one limit.
#[derive(Debug)]
pub(super) struct Consumers {
    capacity: usize,
    seen: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: Vec<Entry>,
    halved: Duration,
}

#[derive(Debug)]
struct Entry {
    hash: HashedKey,
    key: Box<[u8]>,
    count: u64,
    surplus: u64,
}

impl Consumers {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, seen: AtomicU64::new(0), kept: Mutex::default() }
    }

    /// Takes note of a request, if it falls into the sample. The secret makes it impossible to stay out of that.
    pub(super) fn note(
        &self,
        secret: &Secret,
        hash: HashedKey,
        key: &[u8],
        cost: u64,
        clock: &dyn Clock,
    ) {
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        if secret.hash(&number.to_le_bytes()).0.is_multiple_of(SAMPLE) && cost > 0 {
            self.keep(hash, key, cost.saturating_mul(SAMPLE), clock.monotonic());
        }
    }

    #[cold]
    fn keep(&self, hash: HashedKey, key: &[u8], weight: u64, now: Duration) {
        let mut kept = match self.kept.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(kept)) => kept.into_inner(),
            // Somebody else takes note at this moment: nobody waits for a sample.
            Err(TryLockError::WouldBlock) => return,
        };
        kept.fade(now);
        let entries = &mut kept.entries;
        if let Some(own) = entries.iter_mut().find(|entry| entry.hash == hash) {
            own.count = own.count.saturating_add(weight);
            return;
        }
        let key = key[..key.len().min(MOST_BYTES)].into();
        if entries.len() < self.capacity {
            entries.push(Entry { hash, key, count: weight, surplus: 0 });
        } else if let Some(least) = entries.iter_mut().min_by_key(|entry| entry.count) {
            let surplus = least.count;
            *least = Entry { hash, key, count: surplus.saturating_add(weight), surplus };
        }
    }

    /// The first `most`, and what they are called.
    pub(super) fn top(
        &self,
        most: usize,
        now: Duration,
        name: impl Fn(&[u8]) -> String,
    ) -> Vec<Consumer> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.fade(now);
        let mut entries: Vec<_> = kept.entries.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.count));
        let consumer = |entry: &Entry| Consumer {
            key: name(&entry.key),
            tokens: entry.count,
            surplus: entry.surplus,
        };
        entries.into_iter().take(most).map(consumer).collect()
    }
}

impl Kept {
    fn fade(&mut self, now: Duration) {
        let lives = now.saturating_sub(self.halved).as_secs() / HALF_LIFE.as_secs();
        let Some(halvings) = u32::try_from(lives).ok().filter(|lives| *lives > 0) else { return };
        self.halved = now;
        for entry in &mut self.entries {
            entry.count = entry.count.checked_shr(halvings).unwrap_or(0);
            entry.surplus = entry.surplus.checked_shr(halvings).unwrap_or(0);
        }
        self.entries.retain(|entry| entry.count > 0);
    }
}

impl Limit {
    /// Keeps the names of so many callers, 1 to 1,000, that ask most of this limit, for
    /// [`Limiter::top_consumers`](super::Limiter::top_consumers). Nobody's unless set: addresses and subjects are personal
    /// data. They stay in memory, fade, and are not logged.
    pub const fn track_consumers(mut self, capacity: usize) -> Self {
        self.tracked_consumers = Some(capacity);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeClock;

    fn key(number: u32) -> [u8; 4] {
        number.to_le_bytes()
    }

    fn number(bytes: &[u8]) -> String {
        u32::from_le_bytes(bytes.try_into().unwrap()).to_string()
    }

    #[test]
    fn q10_a_flood_of_callers_does_not_push_out_those_that_ask_most() {
        let (consumers, secret, clock) =
            (Consumers::new(20), Secret::random(), FakeClock::at_unix(0));
        let note = |caller: u32| {
            let key = key(caller);
            consumers.note(&secret, secret.hash(&key), &key, 1, &clock);
        };
        for round in 0..100_000 {
            note(round % 3); // Each of the three asks for a sixth of everything.
            note(1000 + round);
        }
        let top = consumers.top(3, clock.monotonic(), number);
        let mut keys: Vec<_> = top.iter().map(Consumer::key).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["0", "1", "2"]);
        for consumer in &top {
            let sure = consumer.tokens() - consumer.surplus();
            assert!((20_000..50_000).contains(&consumer.tokens()), "{consumer:?} of 33,333");
            assert!(sure <= 40_000, "{consumer:?}");
        }
        assert_eq!(consumers.top(usize::MAX, clock.monotonic(), number).len(), 20);
    }

    #[test]
    fn q10_what_was_asked_for_long_ago_fades() {
        let (consumers, secret) = (Consumers::new(5), Secret::random());
        let key = key(1);
        consumers.keep(secret.hash(&key), &[7; 10_000], 800, Duration::ZERO);
        let top =
            |seconds| consumers.top(5, Duration::from_secs(seconds), |key| key.len().to_string());
        assert_eq!((top(599)[0].tokens(), top(599)[0].key()), (800, "256"));
        assert_eq!(top(600)[0].tokens(), 400);
        assert_eq!(top(600 + 1200)[0].tokens(), 100);
        assert!(top(100_000).is_empty());
    }
}
