use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// A key in the clear. Wiped from memory when dropped, and not shown by `Debug`.
///
/// There is no `Clone`, no `Display` and no serialization: whoever wants the text says [`expose`](Self::expose).
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) const fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text. Keep it out of logs, and do not store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 hash of a key's whole text: what a store keeps.
///
/// It cannot be turned back, yet it belongs into the key table and not into a log: `Debug` does not show it. There is
/// no `PartialEq`; comparisons inside this crate take the same time whatever they find.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Stands in for the hash of a key that does not exist, so that looking for one costs as much. Admits nothing.
    pub(in crate::authn) const NONE: Self = Self([0; 32]);

    /// Hashes the text of a key.
    pub(in crate::authn) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// A hash as it was stored.
    #[must_use]
    pub const fn from_bytes(stored: [u8; 32]) -> Self {
        Self(stored)
    }

    /// The hash, to be stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time, 16 bytes at once.
    pub(in crate::authn) fn is(&self, other: &Self) -> Choice {
        let ((ours, _), (theirs, _)) = (self.0.as_chunks(), other.0.as_chunks());
        ours.iter().zip(theirs).fold(Choice::from(1), |same, (one, other)| {
            same & u128::from_ne_bytes(*one).ct_eq(&u128::from_ne_bytes(*other))
        })
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_the_stored_hash_is_sha_256() {
        // FIPS 180-4, the one-block example "abc".
        let digest: String =
            SecretHash::of("abc").as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a2_a_hash_survives_storage_and_differs_in_any_bit() {
        let hash = SecretHash::of("abc");
        assert!(bool::from(SecretHash::from_bytes(*hash.as_bytes()).is(&hash)));
        for bit in 0..256 {
            let mut other = *hash.as_bytes();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!bool::from(SecretHash::from_bytes(other).is(&hash)), "bit {bit}");
        }
    }
}
