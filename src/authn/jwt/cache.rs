//! Tokens that were validated before: seeing one again costs a lookup instead of a signature check.
//!
//! A token is found by a keyed hash of its last bytes, which are signature and so differ from token to token, and is
//! told from others by a keyed digest of all of it: whoever makes up tokens pays for no more than the first. Both keys
//! are this cache's own, made at random, and neither hash is ever shown, so nobody outside can tell or choose what
//! collides. All that is asked of the digest is that two texts collide with a probability of about 2^-128 over the keys;
//! the best differential known for SipHash-1-3 has 2^-167 (Dobraunig, Mendel, Schläffer, "Differential Cryptanalysis of
//! SipHash", 2014). Nothing of the token itself is kept.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use aws_lc_rs::rand;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use siphasher::{sip::SipHasher13, sip128};

use crate::principal::Principal;

/// The bytes at the end of a token that it is looked up by: 24 of any signature's 32 or more.
const TAIL: usize = 32;

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
    by_tail: SipHasher13,
    by_whole: sip128::SipHasher13,
}

#[derive(Clone)]
struct Entry {
    digest: u128,
    /// The length of the token, which tells how much the entry takes.
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
        let (tail, whole) = secret.split_first_chunk::<16>()?;
        Some(Self {
            entries: Cache::with(
                usize::try_from(bytes / typical).ok()?,
                bytes,
                ByMemory,
                AsItIs::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            by_tail: SipHasher13::new_with_key(tail),
            by_whole: sip128::SipHasher13::new_with_key(whole.first_chunk()?),
        })
    }

    /// What is known of `token`. The caller has to see that it still holds.
    pub(super) fn get(&self, token: &str) -> Option<Validated> {
        let entry = self.entries.get(&self.place(token)?)?;
        (entry.digest == self.digest(token)).then_some(entry.validated)
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
        let tail = token.as_bytes().last_chunk::<TAIL>()?;
        Some(self.by_tail.hash(tail))
    }

    fn digest(&self, token: &str) -> u128 {
        self.by_whole.hash(token.as_bytes()).as_u128()
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

/// The place of a token is a keyed hash already.
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
