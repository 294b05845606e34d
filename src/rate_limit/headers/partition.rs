use std::fmt;

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// Hashes whose bucket it is, for callers to see (draft-ietf-httpapi-ratelimit-headers-10, sections 6.1 and 8.2).
///
/// Never the secret that places keys in the tables: who knew the one from its hashes could aim at a place.
#[derive(Clone, Copy)]
pub(in crate::rate_limit) struct PartitionSecret([u8; 16]);

/// Whose bucket it is, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) struct PartitionKey(pub(super) [u8; 16]);

impl PartitionSecret {
    pub(super) const fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }

    /// The caller of one policy: under another policy the same caller has another key, so that the two do not give away
    /// more than each of them.
    pub(in crate::rate_limit) fn hash(&self, policy: &str, caller: &[u8]) -> PartitionKey {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        // The length tells where one ends and the other begins.
        hasher.write(&(policy.len() as u64).to_le_bytes());
        hasher.write(policy.as_bytes());
        hasher.write(caller);
        PartitionKey(hasher.finish128().as_bytes())
    }
}

impl fmt::Debug for PartitionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartitionSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q6_secret_policy_and_caller_all_count() {
        let one = PartitionSecret::new([1; 16]);
        let key = one.hash("a", b"ada");
        assert_eq!(key, PartitionSecret::new([1; 16]).hash("a", b"ada"), "in every process");
        for other in [
            PartitionSecret::new([2; 16]).hash("a", b"ada"),
            one.hash("b", b"ada"),
            one.hash("aa", b"da"),
            one.hash("a", b"adb"),
            PartitionSecret::new([0; 16]).hash("a", b"ada"),
        ] {
            assert_ne!(key, other);
        }
        assert_eq!(format!("{one:?}"), "PartitionSecret(..)");
    }
}
