use std::hash::{BuildHasher, RandomState};

use siphasher::sip::SipHasher13;

/// Hashes keys so that nobody outside this process can tell which of them meet in a table.
#[derive(Clone, Copy)]
pub(super) struct Secret(SipHasher13);

/// A key, hashed with the secret of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HashedKey(pub(super) u64);

impl HashedKey {
    /// Stands for a key until it is known.
    pub(super) const UNKNOWN: Self = Self(0);
}

impl Secret {
    /// Drawn from the randomness of the operating system, from which the standard library's maps take theirs.
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        Self(SipHasher13::new_with_keys(random.hash_one(0_u8), random.hash_one(1_u8)))
    }

    pub(super) fn hash(&self, key: &[u8]) -> HashedKey {
        HashedKey(self.0.hash(key))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q10_a_key_lands_in_another_place_in_every_limiter() {
        let (one, other) = (Secret::random(), Secret::random());
        assert_eq!(one.hash(b"ada"), one.hash(b"ada"));
        assert_ne!(one.hash(b"ada"), one.hash(b"adb"));
        assert_ne!(one.hash(b"ada"), other.hash(b"ada"));
    }
}
