use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::identity::Digest;

const SHARDS: usize = 16;

/// Remembers a bounded number of answers for a bounded time.
///
/// What has no room is not remembered: nobody active is pushed out. Nothing outlives its time by more than the next
/// entry of its shard.
pub(super) struct Cache<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    /// Entries for each shard.
    room: usize,
}

struct Shard<V> {
    entries: HashMap<Digest, Entry<V>>,
    /// Nothing ends before.
    first_end: Duration,
}

struct Entry<V> {
    value: V,
    from: Duration,
    until: Duration,
}

impl<V> Entry<V> {
    /// Also where the clock went back.
    fn is_in_force(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }
}

impl<V: Clone> Cache<V> {
    /// A cache for about that many entries; none at all for 0.
    pub(super) fn new(capacity: usize) -> Self {
        let shard = || Mutex::new(Shard { entries: HashMap::new(), first_end: Duration::MAX });
        Self { shards: std::array::from_fn(|_| shard()), room: capacity.div_ceil(SHARDS) }
    }

    pub(super) fn get(&self, key: &Digest, now: Duration) -> Option<V> {
        self.with(key, |shard| {
            let entry = shard.entries.get(key)?;
            entry.is_in_force(now).then(|| entry.value.clone())
        })
    }

    pub(super) fn insert(&self, key: Digest, value: V, now: Duration, lifetime: Duration) {
        let until = now.saturating_add(lifetime);
        if self.room == 0 || until <= now {
            return;
        }
        self.with(&key, |shard| {
            if now >= shard.first_end {
                shard.sweep(now);
            }
            if shard.entries.len() < self.room || shard.entries.contains_key(&key) {
                shard.first_end = shard.first_end.min(until);
                shard.entries.insert(key, Entry { value, from: now, until });
            }
        });
    }

    pub(super) fn remove(&self, key: &Digest) {
        self.with(key, |shard| drop(shard.entries.remove(key)));
    }

    fn with<T>(&self, key: &Digest, act: impl FnOnce(&mut Shard<V>) -> T) -> T {
        let shard = &self.shards[usize::from(key[0]) % SHARDS];
        // Nothing panics half-way through a change: a poisoned shard is a good one.
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn len(&self) -> usize {
        let length = |shard: &Mutex<Shard<V>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).entries.len()
        };
        self.shards.iter().map(length).sum()
    }
}

impl<V> Shard<V> {
    fn sweep(&mut self, now: Duration) {
        self.entries.retain(|_, entry| entry.is_in_force(now));
        self.first_end =
            self.entries.values().map(|entry| entry.until).min().unwrap_or(Duration::MAX);
    }
}

impl<V: Clone> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("entries", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A key of that shard.
    fn key(shard: u8, number: u8) -> Digest {
        let mut key = [0; 32];
        (key[0], key[1]) = (shard, number);
        key
    }

    #[test]
    fn i4_an_entry_lives_from_now_until_its_end() {
        let cache = Cache::new(16);
        cache.insert(key(0, 0), 'a', seconds(5), seconds(2));
        for (now, found) in [(4, None), (5, Some('a')), (6, Some('a')), (7, None)] {
            assert_eq!(cache.get(&key(0, 0), seconds(now)), found, "{now}");
        }
        cache.insert(key(0, 0), 'b', seconds(6), seconds(9));
        assert_eq!(cache.get(&key(0, 0), seconds(7)), Some('b'));
        cache.remove(&key(0, 0));
        assert_eq!(cache.get(&key(0, 0), seconds(7)), None);
        cache.insert(key(0, 0), 'c', seconds(6), Duration::ZERO);
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn i4_a_full_cache_pushes_nobody_out_and_makes_room_in_time() {
        let cache = Cache::new(2 * SHARDS);
        for number in 0..9 {
            cache.insert(key(1, number), number, seconds(0), seconds(10));
        }
        let found = |now: u64| -> Vec<u8> {
            let is_there = |number: &u8| cache.get(&key(1, *number), seconds(now)).is_some();
            (0..20).filter(is_there).collect()
        };
        assert_eq!(found(9), [0, 1]);
        cache.insert(key(1, 10), 10, seconds(10), seconds(10));
        assert_eq!(found(11), [10]);
        assert_eq!(cache.len(), 1, "what has ended is gone");
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let cache = Cache::new(0);
        cache.insert(key(0, 0), 'a', seconds(0), seconds(9));
        assert_eq!(cache.get(&key(0, 0), seconds(1)), None);
    }
}
