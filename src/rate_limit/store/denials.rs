use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::rate_limit::bucket::{Bucket, Decision, Ticks};
use crate::rate_limit::secret::HashedKey;

/// How many callers are remembered at most: 4,096, at about 100 bytes each. A flood of more pushes others out, which
/// costs a trip for their next request and nothing else.
const SETS: usize = 1024;
const WAYS: usize = 4;

/// For how long what the store said is believed without asking again. The bucket alone could be believed until it has
/// enough again; but another process may have raised the quota, or emptied the store.
pub(in crate::rate_limit) const BELIEVED: Duration = Duration::from_secs(1);

/// Who was refused by the store lately: until the bucket has enough again, the next is refused without a trip.
///
/// A bucket changes by refilling, which is known, and by being drawn from, which makes the wait longer. So whoever is
/// refused here would be refused there.
#[derive(Debug)]
pub(super) struct Denials {
    sets: Box<[Mutex<Vec<Denial>>]>,
}

#[derive(Clone, Copy, Debug)]
struct Denial {
    limit: usize,
    key: u64,
    /// By which quota: a changed one is another bucket.
    bucket: Bucket,
    full_at: Ticks,
    /// When the store was asked.
    seen: Duration,
}

impl Denials {
    pub(super) fn new() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::default()).collect() }
    }

    /// What the bucket said when it was last seen to refuse, if that is still a refusal.
    ///
    /// `old` is how old the news may be.
    pub(super) fn find(
        &self,
        limit: usize,
        HashedKey(key): HashedKey,
        bucket: Bucket,
        cost: u64,
        now: Duration,
        old: Duration,
    ) -> Option<Decision> {
        let set = self.set(key);
        let denial = set.iter().find(|denial| denial.limit == limit && denial.key == key)?;
        // News from the future: the clock went back.
        let fresh = denial.seen <= now && now - denial.seen <= old;
        if !fresh || denial.bucket != bucket {
            return None;
        }
        let decision = bucket.look(denial.full_at, now, cost);
        (!decision.allowed()).then_some(decision)
    }

    /// Remembers a refusal that was asked for at `seen`.
    pub(super) fn note(
        &self,
        limit: usize,
        HashedKey(key): HashedKey,
        bucket: Bucket,
        decision: Decision,
        seen: Duration,
    ) {
        let full_at = bucket.known(decision, seen);
        let denial = Denial { limit, key, bucket, full_at, seen };
        let mut set = self.set(key);
        if let Some(same) = set.iter_mut().find(|same| same.limit == limit && same.key == key) {
            *same = denial;
        } else if set.len() < WAYS {
            set.push(denial);
        } else if let Some(oldest) = set.iter_mut().min_by_key(|denial| denial.seen) {
            *oldest = denial;
        }
    }

    fn set(&self, key: u64) -> MutexGuard<'_, Vec<Denial>> {
        // Written whole: one that was poisoned is good.
        self.sets[key as usize % SETS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate_limit::Quota;
    use crate::rate_limit::bucket::Draw;

    const SECOND: Duration = Duration::from_secs(1);

    /// What an empty bucket says to one token.
    fn empty(bucket: &Bucket, now: Duration) -> Decision {
        let (state, _) = bucket.draw(0, bucket.instant(now), bucket.burst(), Draw::Take);
        bucket.look(state, now, 1)
    }

    #[test]
    fn q13_who_was_refused_is_refused_until_the_bucket_has_enough_and_nobody_else_is() {
        let (denials, now) = (Denials::new(), 100 * SECOND);
        let bucket = Bucket::new(Quota::per_second(4)).unwrap();
        let key = HashedKey(7);
        denials.note(0, key, bucket, empty(&bucket, now), now);
        let find = |limit, key, bucket, cost, now| {
            denials.find(limit, key, bucket, cost, now, BELIEVED).is_some()
        };
        let quarter = SECOND / 4;
        assert!(find(0, key, bucket, 1, now));
        assert!(find(0, key, bucket, 1, now + quarter - Duration::from_nanos(1)));
        assert!(!find(0, key, bucket, 1, now + quarter), "there is enough");
        assert!(find(0, key, bucket, 2, now + quarter), "not for two");
        assert!(find(0, key, bucket, 5, now + SECOND) && !find(0, key, bucket, 4, now + SECOND));
        assert!(!find(0, key, bucket, 5, now + SECOND + Duration::from_nanos(1)), "too old");
        assert!(!find(0, key, bucket, 1, now - quarter), "the clock went back");
        assert!(!find(1, key, bucket, 1, now), "another limit");
        assert!(!find(0, HashedKey(8), bucket, 1, now), "another key");
        let raised = Bucket::new(Quota::per_second(40)).unwrap();
        assert!(!find(0, key, raised, 1, now), "another quota");
    }

    #[test]
    fn q10_a_flood_of_keys_takes_no_more_room() {
        let denials = Denials::new();
        let bucket = Bucket::new(Quota::per_hour(1)).unwrap();
        for key in 0..100_000 {
            denials.note(0, HashedKey(key), bucket, empty(&bucket, SECOND), SECOND);
        }
        let held = |set: &Mutex<Vec<Denial>>| set.lock().unwrap().capacity();
        assert_eq!(denials.sets.iter().map(held).sum::<usize>(), SETS * WAYS);
    }
}
