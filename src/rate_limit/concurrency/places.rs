use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::rate_limit::secret::HashedKey;
use crate::rate_limit::shards::{KeyMap, Shards};

const PARTS: usize = 64;

/// A part smaller than this keeps its memory.
const SMALL: usize = 64;

/// The places that requests hold.
#[derive(Debug)]
pub(super) struct Places {
    most: u32,
    overall: usize,
    /// How many requests each key has under way, without those that have none.
    by_key: Shards<KeyMap<u32>>,
    all: AtomicUsize,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The caller has too many requests under way.
    ByCaller,
    /// All callers together have.
    ByAll,
}

/// A place that a request holds until this is dropped.
#[derive(Debug)]
pub(in crate::rate_limit) struct Place {
    places: Arc<Places>,
    /// None for a request of nobody.
    key: Option<HashedKey>,
}

impl Places {
    pub(super) fn new(most: u32, overall: usize) -> Self {
        Self { most, overall, by_key: Shards::new(PARTS), all: AtomicUsize::new(0) }
    }

    /// How many requests are under way.
    pub(super) fn taken(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Takes a place of the caller's and one of all callers', or neither.
    pub(super) fn take(self: &Arc<Self>, key: Option<HashedKey>) -> Result<Place, Taken> {
        if let Some(key) = key
            && !self.enter(key)
        {
            return Err(Taken::ByCaller);
        }
        let one_more = |all: usize| (all < self.overall).then_some(all + 1);
        if self.all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            if let Some(key) = key {
                self.leave(key);
            }
            return Err(Taken::ByAll);
        }
        Ok(Place { places: Arc::clone(self), key })
    }

    fn enter(&self, key: HashedKey) -> bool {
        let mut part = self.by_key.lock(key);
        let count = part.entry(key.0).or_insert(0); // the most is at least 1: no entry stays at 0
        let is_free = *count < self.most;
        *count += u32::from(is_free);
        is_free
    }

    fn leave(&self, key: HashedKey) {
        let mut part = self.by_key.lock(key);
        if let Entry::Occupied(mut entry) = part.entry(key.0) {
            if *entry.get() > 1 {
                *entry.get_mut() -= 1;
                return;
            }
            entry.remove();
        }
        // After a flood, the room for it is given back in steps that halve it.
        if part.capacity() > SMALL && part.len() < part.capacity() / 8 {
            let len = part.len();
            part.shrink_to(len * 4);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(key) = self.key {
            self.places.leave(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q9_a_request_takes_both_places_or_none() {
        let places = Arc::new(Places::new(2, 3));
        let ada = |key| places.take(Some(HashedKey(key)));
        let held = [ada(1).unwrap(), ada(1).unwrap()];
        assert_eq!(ada(1).unwrap_err(), Taken::ByCaller);
        assert_eq!(places.taken(), 2, "the refused one took none");
        let other = places.take(None).unwrap();
        assert_eq!(ada(2).unwrap_err(), Taken::ByAll);
        drop(other);
        let two = [ada(2).unwrap()];
        assert_eq!(ada(2).unwrap_err(), Taken::ByAll, "the one that all refused took none");
        drop((held, two));
        let _both = [ada(2).unwrap(), ada(2).unwrap()];
    }

    #[test]
    fn q10_keys_without_requests_are_forgotten() {
        let places = Arc::new(Places::new(1, usize::MAX));
        let keys = || places.by_key.sum(KeyMap::len);
        let held: Vec<_> = (0..50_000_u64)
            .map(|key| {
                let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                places.take(Some(HashedKey(hash))).unwrap()
            })
            .collect();
        assert_eq!((keys(), places.taken()), (50_000, 50_000));
        drop(held);
        assert_eq!((keys(), places.taken()), (0, 0));
        let room = places.by_key.sum(KeyMap::capacity);
        assert!(room <= PARTS * SMALL * 2, "room for {room} keys was kept");
    }

    #[test]
    fn q9_threads_never_hold_more_places_than_there_are() {
        let places = Arc::new(Places::new(3, 5));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mine: Arc<Places> = Arc::clone(&places);
                    for turn in 0..20_000_u64 {
                        let place = mine.take(Some(HashedKey(turn % 2)));
                        assert!(mine.taken() <= 5);
                        for count in mine.by_key.lock(HashedKey(turn % 2)).values() {
                            assert!(*count <= 3);
                        }
                        drop(place);
                    }
                });
            }
        });
        assert_eq!((places.taken(), places.by_key.sum(KeyMap::len)), (0, 0));
    }
}
