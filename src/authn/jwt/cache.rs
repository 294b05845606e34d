//! Tokens that were validated before: seeing one again costs a lookup instead of a signature check.
//!
//! A token is found by a keyed mix of its last bytes, which are signature and so differ from token to token, and is told
//! from others by its length and a keyed digest of all of it: whoever makes up tokens pays for no more than the first.
//! Both keys are this cache's own, made at random, and neither result is ever shown.
//!
//! The mix has to spread tokens that verified, which nobody chooses freely. All that is asked of the digest is that two
//! texts of one length hardly ever collide, whatever they are. POLYVAL (RFC 8452 3) is a polynomial in the key, of one
//! degree for each 16 bytes; the difference of two texts has no more roots than that. For tokens of 16 KiB the probability
//! is at most 2^-118. Such a hash would give its key away to whoever saw results of it; here nobody sees any. Nothing of the
//! token itself is kept.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use aws_lc_rs::rand;
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;
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
    pub(super) issuer: usize,
    /// The key set that the signing key was in.
    pub(super) key_set: u64,
    /// From when, and until before when, the times in the claims allow it.
    pub(super) from: Duration,
    pub(super) until: Duration,
}

pub(super) struct TokenCache {
    entries: Cache<u64, Entry, ByMemory, AsItIs>,
    by_tail: u128,
    by_whole: Polyval,
}

#[derive(Clone)]
struct Entry {
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
        let (tail, whole) = secret.split_first_chunk::<TAIL>()?;
        Some(Self {
            entries: Cache::with(
                usize::try_from(bytes / typical).ok()?,
                bytes,
                ByMemory,
                AsItIs::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            by_tail: u128::from_ne_bytes(*tail),
            by_whole: Polyval::new(whole.try_into().ok()?),
        })
    }

    /// What is known of `token`. The caller has to see that it still holds.
    pub(super) fn get(&self, token: &str) -> Option<Validated> {
        let entry = self.entries.get(&self.place(token)?)?;
        let same =
            usize::try_from(entry.length) == Ok(token.len()) && entry.digest == self.digest(token);
        same.then_some(entry.validated)
    }

    pub(super) fn insert(&self, token: &str, validated: Validated) {
        if let (Some(place), Ok(length)) = (self.place(token), u32::try_from(token.len())) {
            self.entries.insert(place, Entry { digest: self.digest(token), length, validated });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn place(&self, token: &str) -> Option<u64> {
        let tail = u128::from_ne_bytes(*token.as_bytes().last_chunk::<TAIL>()?) ^ self.by_tail;
        let product = u128::from((tail >> 64) as u64) * u128::from(tail as u64);
        Some((product >> 64) as u64 ^ product as u64)
    }

    fn digest(&self, token: &str) -> u128 {
        let mut digest = self.by_whole.clone();
        digest.update_padded(token.as_bytes());
        u128::from_ne_bytes(digest.finalize().into())
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
