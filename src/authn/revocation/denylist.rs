use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::Value;

use super::{Revocation, RevocationList, Standing};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::principal::Principal;

/// How many revocations are kept, unless said otherwise.
const DEFAULT_CAPACITY: usize = 100_000;

/// The most that a validator goes on accepting a token after its expiry.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

const SHARDS: usize = 16;

/// Revocations in this process's memory. Clones share them; every change takes effect at once.
///
/// Each is kept until no token is left that it could match. The list is bounded, and a full one forgets nothing: it
/// refuses to take more, and says so.
#[derive(Clone)]
pub struct Denylist(Arc<Inner>);

struct Inner {
    retention: Duration,
    capacity: usize,
    length: AtomicUsize,
    hasher: RandomState,
    /// By the hash of what they match, so that looking costs no allocation.
    shards: [RwLock<HashMap<u64, Vec<Entry>>>; SHARDS],
    clock: Arc<dyn Clock>,
}

struct Entry {
    matched: Matched<Box<str>>,
    /// Matches tokens issued in this second or before; `None` matches them all.
    issued_until: Option<u64>,
    /// When no such token is left, by the clock that only counts: one that was set forward for a moment must not make
    /// the list forget.
    until: Duration,
}

/// What an entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Matched<T> {
    by: By,
    issuer: T,
    value: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum By {
    Session,
    Subject,
    Token,
}

/// The list is full: nothing was revoked, and nothing was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the denylist is full: nothing was revoked")]
#[non_exhaustive]
pub struct DenylistFull;

impl Denylist {
    /// A list for tokens that live no longer than `lifetime`, from `iat` to `exp`; the leeway of validators comes on top.
    /// Holds 100,000 revocations.
    ///
    /// # Errors
    ///
    /// If `lifetime` is nothing.
    pub fn new(lifetime: Duration) -> Result<Self, ConfigError> {
        Self::with(lifetime, DEFAULT_CAPACITY, SystemClock::default())
    }

    /// The same with room for so many revocations, and with the time from `clock`.
    ///
    /// # Errors
    ///
    /// If `lifetime` or `capacity` is nothing.
    pub fn with(
        lifetime: Duration,
        capacity: usize,
        clock: impl Clock,
    ) -> Result<Self, ConfigError> {
        if lifetime.is_zero() || capacity == 0 {
            return Err(ConfigError::new("denylist", "would forget every revocation at once"));
        }
        Ok(Self(Arc::new(Inner {
            retention: lifetime.saturating_add(MAX_LEEWAY),
            capacity,
            length: AtomicUsize::new(0),
            hasher: RandomState::new(),
            shards: Default::default(),
            clock: Arc::new(clock),
        })))
    }

    /// Revokes one token, by its `iss` and `jti`.
    ///
    /// # Errors
    ///
    /// If the list is full.
    pub fn revoke_token(&self, issuer: &str, jti: &str) -> Result<(), DenylistFull> {
        self.0.add(Matched { by: By::Token, issuer, value: jti }, None)
    }

    /// Revokes every token of a session, by its `iss` and `sid` (OpenID Connect Back-Channel Logout 2.4).
    ///
    /// # Errors
    ///
    /// If the list is full.
    pub fn revoke_session(&self, issuer: &str, sid: &str) -> Result<(), DenylistFull> {
        self.0.add(Matched { by: By::Session, issuer, value: sid }, None)
    }

    /// Revokes every token of a subject that was issued in the second `issued_before`, since the Unix epoch, or earlier,
    /// and every one that does not say when it was issued.
    ///
    /// The time is the issuer's: where its clock may run ahead of ours, add by how much. Of two revocations of one
    /// subject the later time counts.
    ///
    /// # Errors
    ///
    /// If the list is full.
    pub fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        issued_before: Duration,
    ) -> Result<(), DenylistFull> {
        let matched = Matched { by: By::Subject, issuer, value: subject };
        self.0.add(matched, Some(issued_before.as_secs()))
    }

    /// How many revocations are kept, those included that have ended and not been swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.length.load(Ordering::Relaxed)
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn add(&self, matched: Matched<&str>, issued_until: Option<u64>) -> Result<(), DenylistFull> {
        let until = self.end(issued_until);
        if self.extend(matched, issued_until, until) {
            return Ok(());
        }
        if !self.reserve() {
            self.sweep();
            if !self.reserve() {
                tracing::error!(
                    target: "tower_warden::revocation", capacity = self.capacity,
                    "the denylist is full: a revocation was not taken"
                );
                return Err(DenylistFull);
            }
        }
        let owned =
            Matched { by: matched.by, issuer: matched.issuer.into(), value: matched.value.into() };
        let hash = self.hash(matched);
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        shard.entry(hash).or_default().push(Entry { matched: owned, issued_until, until });
        Ok(())
    }

    /// When no token is left that was issued by then, or until now.
    fn end(&self, issued_until: Option<u64>) -> Duration {
        let ahead = issued_until
            .map_or(Duration::ZERO, |at| Duration::from_secs(at).saturating_sub(self.clock.unix()));
        self.clock.monotonic().saturating_add(self.retention).saturating_add(ahead)
    }

    /// Widens the entry that matches the same, if there is one; also in a full list.
    fn extend(&self, matched: Matched<&str>, issued_until: Option<u64>, until: Duration) -> bool {
        let hash = self.hash(matched);
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        let mut entries = shard.get_mut(&hash).into_iter().flatten();
        let Some(entry) = entries.find(|entry| entry.matches(matched)) else { return false };
        entry.issued_until = entry.issued_until.max(issued_until);
        entry.until = entry.until.max(until);
        true
    }

    fn reserve(&self) -> bool {
        let more = |length| (length < self.capacity).then_some(length + 1);
        self.length.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn sweep(&self) {
        let now = self.clock.monotonic();
        for shard in &self.shards {
            let mut removed = 0;
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, entries| {
                let before = entries.len();
                entries.retain(|entry| now < entry.until);
                removed += before - entries.len();
                !entries.is_empty()
            });
            drop(shard);
            self.length.fetch_sub(removed, Ordering::Relaxed);
        }
    }

    fn hash(&self, matched: Matched<&str>) -> u64 {
        self.hasher.hash_one(matched)
    }

    fn shard(&self, hash: u64) -> &RwLock<HashMap<u64, Vec<Entry>>> {
        &self.shards[hash as usize % SHARDS]
    }

    /// Whether an entry matches that is in force and reaches `issued_at`.
    fn is_listed(&self, matched: Matched<&str>, issued_at: Option<u64>, now: Duration) -> bool {
        let hash = self.hash(matched);
        let shard = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&hash).into_iter().flatten().any(|entry| {
            let reaches = match (entry.issued_until, issued_at) {
                (Some(until), Some(issued_at)) => issued_at <= until,
                // Nobody knows when the token was issued, so it may have been before.
                (Some(_), None) | (None, _) => true,
            };
            reaches && now < entry.until && entry.matches(matched)
        })
    }

    fn standing(&self, principal: &Principal) -> Standing {
        if self.length.load(Ordering::Relaxed) == 0 {
            return Standing::InForce;
        }
        let (now, issuer) = (self.clock.monotonic(), principal.issuer());
        let is_listed = |by, value: &str| self.is_listed(Matched { by, issuer, value }, None, now);
        let named = |by, claim: &str| match principal.claims().get(claim) {
            None | Some(Value::Null) => false,
            Some(Value::String(value)) => is_listed(by, value),
            // No name by the standards (RFC 7519 4.1.7), but whoever revokes knows it by what it looks like.
            Some(other) => is_listed(by, &other.to_string()),
        };
        let subject = Matched { by: By::Subject, issuer, value: principal.subject() };
        let revoked = named(By::Token, "jti")
            || named(By::Session, "sid")
            || self.is_listed(subject, issued_at(principal), now);
        if revoked { Standing::Revoked } else { Standing::InForce }
    }
}

impl Entry {
    fn matches(&self, asked: Matched<&str>) -> bool {
        let Matched { by, issuer, value } = &self.matched;
        *by == asked.by && **issuer == *asked.issuer && **value == *asked.value
    }
}

/// The second in which the token was issued, if it says so in a way that can be read.
fn issued_at(principal: &Principal) -> Option<u64> {
    let seconds = principal.claims().get("iat")?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok().map(|since| since.as_secs())
}

impl RevocationList for Denylist {
    fn check(&self, principal: &Principal) -> Revocation {
        Revocation::Ready(Ok(self.0.standing(principal)))
    }
}

impl fmt::Debug for Denylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denylist")
            .field("revocations", &self.len())
            .field("capacity", &self.0.capacity)
            .finish_non_exhaustive()
    }
}
