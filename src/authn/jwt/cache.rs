//! Tokens that were validated before: seeing one again costs a lookup instead of a signature check.
//!
//! A token is found by a keyed mix of its last bytes, which are signature and so differ from token to token. It is told
//! from others by its length, by what was signed, which is compared as it stands, and by a keyed digest of the rest, the
//! signature: whoever makes up tokens pays for no more than the look-up. Both keys are this cache's own, made at random,
//! and neither result is ever shown.
//!
//! The mix has to spread tokens that verified, which nobody chooses freely. All that is asked of the digest is that two
//! texts of one length hardly ever collide, whatever they are. POLYVAL (RFC 8452 3) is a polynomial in the key, of one
//! degree for each 16 bytes; the difference of two texts has no more roots than that. For texts of 16 KiB the probability
//! is at most 2^-117. Such a hash would give its key away to whoever saw results of it; here nobody sees any. Nothing of
//! the signature itself is kept, and without it the rest of a token is no credential.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use aws_lc_rs::rand;
use polyval::universal_hash::UniversalHash;
use polyval::{BLOCK_SIZE, Block, Polyval};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::principal::Principal;

/// The bytes at the end of a token that it is looked up by: 12 of any signature's 32 or more.
const TAIL: usize = 16;

/// What an entry takes beside its claims, about, in bytes.
const ENTRY: u64 = 512;

/// How much larger claims are when they are read than they were in the token, about.
const GROWTH: u64 = 4;

/// What was found out about a token, and under which conditions it still holds.
#[derive(Clone, Debug)]
pub(super) struct Validated {
    pub(super) principal: Principal,
    /// Which of the validator's issuers signed.
    pub(super) issuer: u32,
    /// The key set that the signing key was in.
    pub(super) key_set: u64,
    /// From when, and until before when, the times in the claims allow it.
    pub(super) from: Nanos,
    pub(super) until: Nanos,
}

/// A time since the Unix epoch in nanoseconds, for entries are many; up to the year 2554.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nanos(u64);

impl From<Duration> for Nanos {
    fn from(time: Duration) -> Self {
        Self(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

pub(super) struct TokenCache {
    entries: Cache<u64, Entry, ByMemory, AsItIs>,
    by_tail: u128,
    by_signature: Polyval,
}

#[derive(Clone)]
struct Entry {
    /// Of the signature.
    digest: u128,
    /// The length of the token, which also tells how much the entry takes.
    length: u32,
    validated: Validated,
}

impl TokenCache {
    /// A cache that takes so much memory, about. `None` when it would hold nothing, or without randomness to key it with.
    pub(super) fn new(bytes: usize) -> Option<Self> {
        let bytes = u64::try_from(bytes).ok()?;
        let typical = ENTRY + 800 * GROWTH;
        let mut secret = [0; 32];
        if bytes < typical || rand::fill(&mut secret).is_err() {
            return None;
        }
        let (tail, signature) = secret.split_first_chunk::<TAIL>()?;
        Some(Self {
            entries: Cache::with(
                usize::try_from(bytes / typical).ok()?,
                bytes,
                ByMemory,
                AsItIs::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            by_tail: u128::from_ne_bytes(*tail),
            by_signature: Polyval::new(signature.try_into().ok()?),
        })
    }

    /// What is known of `token`. The caller has to see that it still holds.
    pub(super) fn get(&self, token: &[u8]) -> Option<Validated> {
        let Entry { digest, length, validated } = self.entries.get(&self.place(token)?)?;
        if usize::try_from(length) != Ok(token.len()) {
            return None;
        }
        let signature = token.strip_prefix(validated.principal.signed_text())?;
        (self.digest(signature) == Some(digest)).then_some(validated)
    }

    /// Remembers a token whose principal knows what was signed of it.
    pub(super) fn insert(&self, token: &[u8], validated: Validated) {
        let entry = || {
            let signature = token.strip_prefix(validated.principal.signed_text())?;
            let (place, digest) = (self.place(token)?, self.digest(signature)?);
            Some((place, digest, u32::try_from(token.len()).ok()?))
        };
        if let Some((place, digest, length)) = entry() {
            self.entries.insert(place, Entry { digest, length, validated });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn place(&self, token: &[u8]) -> Option<u64> {
        let tail = u128::from_ne_bytes(*token.last_chunk::<TAIL>()?) ^ self.by_tail;
        let product = u128::from((tail >> 64) as u64) * u128::from(tail as u64);
        Some((product >> 64) as u64 ^ product as u64)
    }

    /// The digest of a signature that has a block at least. The last one overlaps the one before it, which tells texts of
    /// one length apart as well as padding does, and is cheaper.
    fn digest(&self, signature: &[u8]) -> Option<u128> {
        let last = *signature.last_chunk::<BLOCK_SIZE>()?;
        let (blocks, _) = Block::slice_as_chunks(signature);
        let mut digest = self.by_signature.clone();
        digest.update(blocks);
        digest.update(&[last.into()]);
        Some(u128::from_ne_bytes(digest.finalize().into()))
    }
}

/// How many tokens; never which.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct ByMemory;

impl Weighter<u64, Entry> for ByMemory {
    fn weight(&self, _: &u64, entry: &Entry) -> u64 {
        ENTRY + u64::from(entry.length) * GROWTH
    }
}

/// The place of a token is spread already.
#[derive(Clone, Default)]
struct AsItIs(u64);

impl BuildHasher for AsItIs {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_texts_of_one_length_apart_by_any_byte() {
        let cache = TokenCache::new(1 << 20).unwrap();
        let text: Vec<u8> = (0..200).collect();
        for length in [16, 17, 31, 32, 33, 64, 65, 80, 87, 128, 200] {
            let digest = cache.digest(&text[..length]);
            assert!(digest.is_some());
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 1;
                assert_ne!(cache.digest(&other), digest, "byte {at} of {length}");
            }
        }
        assert_eq!(cache.digest(&text[..15]), None);
    }
}
