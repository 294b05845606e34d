use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::secret::HashedKey;

/// What is known of keys, in parts with a lock each, so that two threads seldom wait for each other.
///
/// A lock is held for a few lines of this module's neighbours, never over anybody else's code.
pub(super) struct Shards<T>(Box<[Mutex<T>]>);

/// A map from hashed keys.
pub(super) type KeyMap<V> = HashMap<u64, V, BuildHasherDefault<AlreadyHashed>>;

impl<T: Default> Shards<T> {
    /// So many parts, at least one.
    pub(super) fn new(parts: usize) -> Self {
        Self((0..parts.max(1)).map(|_| Mutex::default()).collect())
    }

    /// The part of a key, for nobody else meanwhile.
    pub(super) fn lock(&self, HashedKey(hash): HashedKey) -> MutexGuard<'_, T> {
        // The map takes the lowest and the highest bits for itself.
        let part = (hash >> 32) as usize % self.0.len();
        // Nothing panics under the lock, and a part is changed in one step: a poisoned one is a good one.
        self.0[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parts(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(super) fn sum(&self, count: impl Fn(&T) -> usize) -> usize {
        let parts = self.0.iter();
        parts.map(|part| count(&part.lock().unwrap_or_else(PoisonError::into_inner))).sum()
    }
}

impl<T> fmt::Debug for Shards<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards").field("parts", &self.0.len()).finish_non_exhaustive()
    }
}

/// Keys come hashed with a secret: there is nothing left to hash, and nobody can aim at a place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
