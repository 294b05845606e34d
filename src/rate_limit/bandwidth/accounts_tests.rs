use std::num::NonZeroU32;

use super::*;
use crate::rate_limit::Quota;
use crate::rate_limit::store::{FakeStore, Mood};
use crate::testing::FakeClock;

const SECOND: Duration = Duration::from_secs(1);

/// Ten bytes a second.
fn accounts(
    store: &FakeStore,
    clock: &FakeClock,
    when_unavailable: WhenUnavailable,
) -> Arc<Accounts> {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Arc::new(Accounts {
        policy: "download".into(),
        bucket: Bucket::new(Quota::per_second(10)).unwrap(),
        table: MemoryStore::new("download".into(), 1000),
        shared: Some(Arc::new(Guarded::new(Arc::new(store.clone()), Arc::clone(&clock)))),
        when_unavailable,
        clock,
        fields: None,
    })
}

fn world() -> (FakeClock, FakeStore) {
    let clock = FakeClock::at_unix(0);
    clock.advance(1000 * SECOND);
    let store = FakeStore::new(&clock);
    (clock, store)
}

async fn open(accounts: &Arc<Accounts>, key: u8) -> Result<Arc<Counter>, Rejection> {
    match accounts.open(HashedKey(key.into()), &KeyBytes::from_slice(&[key])) {
        Verdict::Ready(outcome) => outcome,
        Verdict::Pending(verdict) => verdict.await,
    }
}

/// The reason of a refusal, and when to come back.
async fn refusal(accounts: &Arc<Accounts>, key: u8) -> (&'static str, u64) {
    open(accounts, key).await.err().map_or(("", 0), |refusal| {
        (refusal.reason(), refusal.retry_after().map_or(0, |wait| wait.as_secs_f64().ceil() as u64))
    })
}

const SPENT: &str = "bandwidth_exceeded";
const DOWN: &str = "rate_limit_store_unavailable";

#[tokio::test]
async fn q13_bytes_are_owed_to_a_shared_store_by_the_step_and_at_the_end() {
    let (clock, store) = world();
    let [one, two] = [(); 2].map(|()| accounts(&store, &clock, WhenUnavailable::CountHere));
    let counter = open(&one, 1).await.unwrap();
    counter.passed(1);
    assert_eq!(refusal(&two, 1).await, ("", 0), "less than a step");
    counter.passed(STEP as usize);
    assert_eq!(refusal(&two, 1).await, (SPENT, (STEP + 1 - 10).div_ceil(10)), "elsewhere too");
    clock.advance(STEP as u32 / 10 * SECOND);
    assert_eq!(refusal(&two, 1).await, ("", 0));
    counter.passed(15);
    drop(counter);
    assert_eq!(refusal(&two, 1).await, (SPENT, 2), "7 of the first, and these");
    assert_eq!(refusal(&two, 2).await, ("", 0), "another key");
}

#[tokio::test]
async fn q13_who_owes_is_refused_without_a_trip() {
    let (clock, store) = world();
    let [one, two] = [(); 2].map(|()| accounts(&store, &clock, WhenUnavailable::CountHere));
    open(&one, 1).await.unwrap().passed(100);
    assert_eq!(store.trips(), 1);
    for _ in 0..100 {
        assert_eq!(refusal(&one, 1).await, (SPENT, 9), "sent by this process");
    }
    assert_eq!(store.trips(), 1);
    for _ in 0..100 {
        assert_eq!(refusal(&two, 1).await, (SPENT, 9), "told by the store");
    }
    assert_eq!(store.trips(), 2);
    assert_eq!(one.shared.as_ref().unwrap().counters().read().refused_early, 199);
}

#[tokio::test]
async fn q13_in_an_outage_bytes_are_limited_as_was_said() {
    let two = WhenUnavailable::CountShareHere(NonZeroU32::new(2).unwrap());
    for mood in [Mood::Fails, Mood::AnswersForNone] {
        // What 18 bytes come to, of a bucket of 10 a second.
        for (mode, first, second) in [
            (WhenUnavailable::Refuse, (DOWN, 0), (DOWN, 0)),
            (WhenUnavailable::CountHere, ("", 0), (SPENT, 1)),
            (two, ("", 0), (SPENT, 3)),
            (WhenUnavailable::InsecureAdmit, ("", 0), ("", 0)),
        ] {
            let (clock, store) = world();
            let accounts = accounts(&store, &clock, mode);
            store.set(mood);
            for _ in 0..3 {
                let _ = open(&accounts, 9).await;
            }
            assert_eq!(store.trips(), 3);
            if let Ok(counter) = open(&accounts, 1).await {
                assert_eq!(first, ("", 0), "{mode:?}");
                counter.passed(18);
            } else {
                assert_eq!(first, (DOWN, 0), "{mode:?}");
            }
            assert_eq!(refusal(&accounts, 1).await, second, "{mode:?}");
            assert_eq!(store.trips(), 3, "nobody waits for it");
            store.set(Mood::Answers);
            clock.advance(4 * SECOND);
            assert_eq!(refusal(&accounts, 1).await, ("", 0), "{mode:?}");
            assert_eq!(store.trips(), 4, "it is back");
        }
    }
}

#[tokio::test]
async fn q13_what_was_sent_before_an_outage_is_still_owed_in_it() {
    let (clock, store) = world();
    let accounts = accounts(&store, &clock, WhenUnavailable::CountHere);
    open(&accounts, 1).await.unwrap().passed(1_000);
    store.set(Mood::Fails);
    for _ in 0..3 {
        assert_eq!(refusal(&accounts, 2).await, ("", 0));
    }
    assert_eq!(refusal(&accounts, 1).await, (SPENT, 99));
    store.set(Mood::Answers);
    store.forget();
    clock.advance(10 * SECOND);
    assert_eq!(refusal(&accounts, 1).await, (SPENT, 89), "nor does a store that forgot forgive it");
}
