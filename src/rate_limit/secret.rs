use std::hash::{BuildHasher, Hasher, RandomState};

use siphasher::sip::SipHasher13;

/// Hashes keys so that nobody outside this process can tell which of them meet in a table.
#[derive(Clone, Copy)]
pub(super) struct Secret(u64, u64);

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
        Self(random.hash_one(0_u8), random.hash_one(1_u8))
    }

    pub(super) fn hash(&self, key: &[u8]) -> HashedKey {
        HashedKey(self.hasher().hash(key))
    }

    /// The hash of the bytes of these words, without a loop over them.
    pub(super) fn hash_words(&self, low: u64, high: u64) -> HashedKey {
        let mut hasher = self.hasher();
        hasher.write_u64(low.to_le());
        hasher.write_u64(high.to_le());
        HashedKey(hasher.finish())
    }

    /// The place of a number that is spread by a secret of this process already: another one in every limiter.
    pub(super) const fn blind(&self, number: u64) -> HashedKey {
        HashedKey(number ^ self.0)
    }

    fn hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
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

    #[test]
    fn q10_a_number_that_is_spread_already_lands_in_another_place_in_every_limiter() {
        let (one, other) = (Secret::random(), Secret::random());
        assert_eq!(one.blind(7), one.blind(7));
        assert_ne!(one.blind(7), one.blind(8));
        assert_ne!(one.blind(7), other.blind(7));
    }

    #[test]
    fn q10_words_are_hashed_as_their_bytes_are() {
        let secret = Secret::random();
        assert_eq!(secret.hash_words(1, 2), secret.hash(&(2_u128 << 64 | 1).to_le_bytes()));
    }
}
