use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::left_out::LeftOut;
use super::report::{PrincipalUse, ScopeUseReport};
use super::seen::Entry;
use crate::authz::grants::Grants;
use crate::clock::Clock;
use crate::principal::{Principal, PrincipalKind};

/// Requests of different principals seldom wait for each other.
const SHARDS: usize = 64;

/// The longest issuer, subject and client together, in bytes.
const LONGEST_IDENTITY: usize = 1_024;

/// How often a full shard is searched for those whom nobody has seen for long, in seconds.
const SWEEP_EVERY: u64 = 60;

/// Who was seen with what.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) clock: Arc<dyn Clock>,
    /// Seconds.
    pub(super) retention: u64,
    pub(super) most: usize,
    recorded: AtomicUsize,
    since: AtomicU64,
    secret: RandomState,
    shards: Box<[Mutex<Shard>]>,
    left_out: LeftOut,
}

#[derive(Debug, Default)]
struct Shard {
    /// By keyed hash, so that a look-up needs no owned name; whose entry it is, is compared.
    entries: HashMap<u64, (PrincipalKind, Entry), BuildHasherDefault<Hashed>>,
    swept: u64,
}

/// Who it is. Hashed in as few words as tell keys apart.
struct Key<'p> {
    issuer: &'p str,
    subject: &'p str,
    client_id: Option<&'p str>,
    kind: PrincipalKind,
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let kind = match self.kind {
            PrincipalKind::App => 1,
            PrincipalKind::Machine => 2,
            PrincipalKind::User => 3,
        };
        // The lengths tell where one ends and the next begins; no client is not the same as one without a name.
        let client = self.client_id.map_or(0, |client_id| client_id.len() + 1);
        hasher.write_u64((self.issuer.len() as u64) << 40 | (client as u64) << 8 | kind);
        hasher.write(self.issuer.as_bytes());
        hasher.write(self.client_id.unwrap_or_default().as_bytes());
        hasher.write(self.subject.as_bytes());
    }
}

/// The hash of a hash.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Ledger {
    pub(super) fn new(clock: Arc<dyn Clock>, retention: Duration, most: usize) -> Self {
        let since = AtomicU64::new(clock.unix().as_secs());
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            clock,
            retention: retention.as_secs(),
            most,
            recorded: AtomicUsize::new(0),
            since,
            secret: RandomState::new(),
            shards,
            left_out: LeftOut::default(),
        }
    }

    pub(super) fn record(&self, principal: &Principal, used: Grants) {
        let now = self.now();
        let (issuer, subject) = principal.identity();
        let client_id = principal.client_id();
        let hash = self.secret.hash_one(Key { issuer, subject, client_id, kind: principal.kind() });
        // Bits that the map below makes no use of.
        let mut shard = locked(&self.shards[(hash >> 32) as usize % SHARDS]);
        if let Some((kind, entry)) = shard.entries.get_mut(&hash) {
            if *kind == principal.kind() && entry.is_of(principal) {
                return entry.note(principal, used, now);
            }
        } else if issuer.len() + subject.len() + client_id.map_or(0, str::len) <= LONGEST_IDENTITY
            && self.make_room(&mut shard, now)
        {
            let mut entry = Entry::new(principal);
            entry.note(principal, used, now);
            shard.entries.insert(hash, (principal.kind(), entry));
            return;
        }
        drop(shard);
        self.left_out.note(hash);
    }

    /// Takes up room for one more, if need be that of somebody in the shard whom nobody has seen for long.
    fn make_room(&self, shard: &mut Shard, now: u64) -> bool {
        let take = || {
            let one_more = |recorded| (recorded < self.most).then_some(recorded + 1);
            self.recorded.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
        };
        if take() {
            return true;
        }
        if now < shard.swept.saturating_add(SWEEP_EVERY) {
            return false;
        }
        shard.swept = now;
        self.forget(shard, |entry| self.is_over(entry, now));
        take()
    }

    fn is_over(&self, entry: &Entry, now: u64) -> bool {
        // A clock that is not to be believed shows the end of time; nothing is forgotten for that.
        now < u64::MAX && now.saturating_sub(entry.last_request) > self.retention
    }

    fn forget(&self, shard: &mut Shard, is_over: impl Fn(&Entry) -> bool) {
        let before = shard.entries.len();
        shard.entries.retain(|_, (_, entry)| !is_over(entry));
        self.recorded.fetch_sub(before - shard.entries.len(), Ordering::Relaxed);
    }

    /// What is recorded; with `take`, nothing is any more.
    pub(super) fn report(&self, take: bool) -> ScopeUseReport {
        let until = self.now();
        let mut principals = Vec::new();
        for shard in &self.shards {
            let mut shard = locked(shard);
            self.forget(&mut shard, |entry| self.is_over(entry, until));
            principals.extend(
                shard.entries.values().map(|(kind, entry)| PrincipalUse::new(*kind, entry)),
            );
            if take {
                self.forget(&mut shard, |_| true);
                shard.entries.shrink_to_fit();
            }
        }
        let since = if take {
            self.since.swap(until, Ordering::Relaxed)
        } else {
            self.since.load(Ordering::Relaxed)
        };
        ScopeUseReport::new(since, until, principals, self.left_out.count(take))
    }

    pub(super) fn recorded(&self) -> usize {
        self.recorded.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        self.clock.unix().as_secs()
    }
}

/// Nothing panics under the lock, and every number stands for itself: what a poisoned shard holds is good.
fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::FakeClock;

    const DAY: Duration = Duration::from_secs(86_400);

    fn ledger(clock: &FakeClock, most: usize) -> Ledger {
        Ledger::new(Arc::new(clock.clone()), 30 * DAY, most)
    }

    fn record(ledger: &Ledger, subject: &str, kind: PrincipalKind) {
        let principal = Principal::builder("issuer", subject, kind, "Bearer").scope("a");
        ledger.record(&principal.build(), Grants::scope_at(0));
    }

    #[test]
    fn newcomers_take_the_place_of_somebody_not_seen_for_long_without_a_report() {
        let clock = FakeClock::at_unix(1_800_000_000);
        let ledger = ledger(&clock, 1);
        record(&ledger, "ada", PrincipalKind::User);
        clock.advance(30 * DAY);
        let knock = || {
            (0..2_000).for_each(|number| record(&ledger, &number.to_string(), PrincipalKind::User));
        };
        knock();
        let report = ledger.report(false);
        assert_eq!((report.principals[0].subject.as_str(), ledger.recorded()), ("ada", 1));
        assert_eq!(report.requests_not_recorded, 2_000);
        // Two of 65,536 bits may be one, a few times.
        assert!((1_900..=2_000).contains(&report.principals_not_recorded), "{report}");

        clock.advance(Duration::from_secs(61));
        knock(); // one of them finds ada's shard, all but surely
        assert_ne!(ledger.report(false).principals[0].subject, "ada");
        assert_eq!(ledger.recorded(), 1);
    }

    #[test]
    fn kinds_are_kept_apart_and_names_without_end_are_left_out() {
        let ledger = ledger(&FakeClock::at_unix(1_800_000_000), 10);
        record(&ledger, "ada", PrincipalKind::User);
        record(&ledger, "ada", PrincipalKind::Machine);
        record(&ledger, &"x".repeat(1_024), PrincipalKind::User);
        let report = ledger.report(false);
        assert_eq!((report.principals.len(), report.requests_not_recorded), (2, 1));
    }

    #[test]
    fn a_clock_that_is_not_believed_makes_nobody_forgotten() {
        let clock = FakeClock::at_unix(1_800_000_000);
        let ledger = ledger(&clock, 10);
        record(&ledger, "ada", PrincipalKind::User);
        clock.set_unix(Duration::MAX);
        assert_eq!(ledger.report(false).principals.len(), 1);
        clock.set_unix(Duration::from_secs(1_800_000_000) + 31 * DAY);
        assert!(ledger.report(false).principals.is_empty());
    }
}
