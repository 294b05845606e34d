use std::collections::HashMap;
use std::mem::size_of;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::rate_limit::Quota;
use crate::rate_limit::secret::Secret;

const NOW: Duration = Duration::from_secs(1000);

fn store(keys: usize) -> MemoryStore {
    MemoryStore::new("test".into(), keys)
}

fn bucket(burst: u64) -> Bucket {
    Bucket::new(Quota::per_hour(burst)).unwrap()
}

fn key(number: u32) -> HashedKey {
    static SECRET: LazyLock<Secret> = LazyLock::new(Secret::random);
    SECRET.hash(&number.to_le_bytes())
}

fn take(store: &MemoryStore, bucket: &Bucket, number: u32, now: Duration) -> Decision {
    store.draw(key(number), bucket, now, 1, Draw::Take)
}

fn allocated(store: &MemoryStore) -> usize {
    store.segments.iter().filter(|segment| segment.get().is_some()).count()
}

#[test]
fn q10_a_key_costs_at_most_32_bytes_at_capacity() {
    const ALLOCATOR: usize = 16;
    let keys = 1_000_000;
    let segments = store(keys).segments.len();
    let bytes = segments
        * (size_of::<OnceLock<Box<Mutex<Segment>>>>() + size_of::<Mutex<Segment>>() + ALLOCATOR);
    assert!(bytes <= 32 * keys, "{} bytes a key", bytes as f64 / keys as f64);
}

#[test]
fn q10_at_capacity_hardly_a_key_finds_no_slot() {
    let (store, bucket) = (store(100_000), bucket(10));
    for number in 0..100_000 {
        take(&store, &bucket, number, NOW);
    }
    let overflows = store.overflows();
    assert!(overflows < 500, "{overflows} of 100000 keys found no slot");
}

#[test]
fn q10_a_flood_of_new_keys_cannot_reset_an_active_key() {
    let (store, bucket) = (store(1), bucket(3));
    assert_eq!(bucket.remaining(take(&store, &bucket, 0, NOW)), 2);
    assert_eq!(bucket.remaining(take(&store, &bucket, 0, NOW)), 1);
    for number in 1..100_000 {
        take(&store, &bucket, number, NOW);
    }
    assert_eq!(bucket.remaining(take(&store, &bucket, 0, NOW)), 0);
    assert!(!take(&store, &bucket, 0, NOW).allowed());
    assert_eq!(allocated(&store), 1);
}

#[test]
fn q10_a_flood_wins_itself_no_more_than_the_slots_and_one_shared_bucket() {
    let (store, bucket) = (store(1), bucket(3));
    let admitted = (0..10_000).flat_map(|number| [number; 5]);
    let admitted = admitted.filter(|number| take(&store, &bucket, *number, NOW).allowed()).count();
    assert_eq!(admitted, (SLOTS + 1) * 3);
}

#[test]
fn q10_newcomers_in_a_flood_share_one_bucket_and_what_it_refills() {
    let (store, bucket) = (store(1), bucket(3));
    for number in 0..SLOTS as u32 {
        store.draw(key(number), &bucket, NOW, 6, Draw::Owe);
    }
    let newcomers = |keys: std::ops::Range<u32>, now| {
        keys.filter(|number| take(&store, &bucket, *number, now).allowed()).count()
    };
    assert_eq!(newcomers(100..110, NOW), 3);
    assert_eq!(newcomers(110..120, NOW + Duration::from_secs(20 * 60)), 1);
}

#[test]
fn q10_a_slot_is_reused_when_its_bucket_is_full_again_and_not_before() {
    let (store, bucket) = (store(1), Bucket::new(Quota::per_second(1)).unwrap());
    for number in 0..SLOTS as u32 {
        take(&store, &bucket, number, NOW);
    }
    let nearly = NOW + Duration::from_nanos(999_999_999);
    store.draw(key(1000), &bucket, nearly, 1, Draw::Peek);
    assert_eq!(store.overflows(), 1);
    for round in 1..1000 {
        for number in 0..SLOTS as u32 {
            let stranger = round * SLOTS as u32 + number;
            assert!(
                take(&store, &bucket, stranger, NOW + Duration::from_secs(round.into())).allowed()
            );
        }
    }
    assert_eq!(store.overflows(), 1);
}

#[test]
fn q10_looking_takes_no_slot() {
    let (store, bucket) = (store(1), bucket(3));
    for number in 0..1000 {
        assert!(store.draw(key(number), &bucket, NOW, 1, Draw::Peek).allowed());
    }
    assert_eq!(store.overflows(), 0);
    assert!(store.segments[0].get().is_none(), "nothing was taken, so nothing was made");

    take(&store, &bucket, 0, NOW);
    for number in 1..1000 {
        assert!(store.draw(key(number), &bucket, NOW, 1, Draw::Peek).allowed());
    }
    let slots = store.segments[0].get().unwrap().lock().unwrap().slots;
    assert_eq!(slots.iter().filter(|slot| **slot != 0).count(), 1);
}

#[test]
fn q10_a_fingerprint_of_zero_is_a_fingerprint() {
    let place = Place { segment: 0, start: 60, fingerprint: 0 };
    let mut segment = Segment::new(Basis::default());
    assert!(matches!(segment.find(place, 5), Found::Slot { at: 60, state: 0 }));
    segment.slots[60] = 9 << STATE_BITS | 77; // another key's, active
    assert!(matches!(segment.find(place, 5), Found::Slot { at: 61, state: 0 }));
    segment.slots[61] = 77; // its own
    assert!(matches!(segment.find(place, 5), Found::Slot { at: 61, state: 77 }));
    segment.slots[60] = 9 << STATE_BITS | 4; // the other bucket is full, and its slot is first on the way
    assert!(matches!(segment.find(place, 5), Found::Slot { at: 61, state: 77 }), "still its own");
}

#[test]
fn q10_a_thread_that_died_under_the_lock_does_not_close_the_limiter() {
    let (store, bucket) = (store(1), bucket(2));
    assert_eq!(bucket.remaining(take(&store, &bucket, 7, NOW)), 1);
    let poison = || {
        let _guard = store.segments[0].get().unwrap().lock();
        panic!("on purpose");
    };
    assert!(std::thread::scope(|scope| scope.spawn(poison).join()).is_err());
    assert!(store.segments[0].get().unwrap().is_poisoned());
    assert_eq!(bucket.remaining(take(&store, &bucket, 7, NOW)), 0);
}

#[test]
fn q10_threads_cannot_draw_more_than_there_is() {
    let (store, bucket) = (store(1000), bucket(500));
    let draw = || (0..300).filter(|_| take(&store, &bucket, 7, NOW).allowed()).count();
    let admitted: usize = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(draw));
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, 500);
}

proptest! {
    #[test]
    fn q10_the_table_is_as_good_as_a_map_while_there_is_room(
        steps in prop::collection::vec((0..40_u32, 0..3_000_u64), 1..300),
    ) {
        let (store, bucket) = (store(1), Bucket::new(Quota::per_second(2).burst(3)).unwrap());
        let (mut map, mut now) = (HashMap::<u32, Ticks>::new(), NOW);
        for (number, millis) in steps {
            now += Duration::from_millis(millis);
            let state = map.entry(number).or_default();
            let (next, expected) = bucket.draw(*state, bucket.instant(now), 1, Draw::Take);
            *state = next;
            prop_assert_eq!(take(&store, &bucket, number, now), expected);
        }
        prop_assert_eq!(store.overflows(), 0);
    }
}

#[test]
fn q12_a_look_at_a_key_never_charged_allocates_nothing_and_finds_a_full_bucket() {
    let (store, bucket) = (store(100), bucket(3));
    let looked = store.draw(key(1), &bucket, NOW, 1, Draw::Peek);
    assert!(looked.allowed());
    assert_eq!((bucket.remaining(looked), allocated(&store)), (3, 0));
    take(&store, &bucket, 1, NOW);
    assert_eq!(bucket.remaining(store.draw(key(1), &bucket, NOW, 1, Draw::Peek)), 2);
}

/// The same quota, in the terms after so many changes.
fn in_era(quota: Quota, era: u32) -> Bucket {
    Bucket::new(quota).unwrap().in_era(era)
}

fn change(store: &MemoryStore, before: &Bucket, after: &Bucket, at: Duration) -> Exchange {
    let exchange = Exchange::of_quotas(before, after, at);
    store.change(Change { before: before.basis(), after: after.basis(), exchange });
    exchange
}

fn bases(store: &MemoryStore) -> Vec<u32> {
    let mut eras: Vec<_> =
        store.allocated().map(|segment| segment.lock().unwrap().basis.era).collect();
    eras.sort_unstable();
    eras.dedup();
    eras
}

#[test]
fn q10_after_a_change_each_segment_is_converted_when_it_is_next_locked() {
    let store = store(1000);
    let quotas = [3, 7, 11].map(|tokens| Quota::per_second(tokens).burst(100));
    let [first, second, third] = [0, 1, 2].map(|era| in_era(quotas[era as usize], era));
    for number in 0..500 {
        take(&store, &first, number, NOW);
    }
    change(&store, &first, &second, NOW);
    assert_eq!(bases(&store), [0], "nobody waited for it");
    take(&store, &second, 0, NOW);
    assert_eq!(bases(&store), [0, 1]);
    change(&store, &second, &third, NOW);
    assert_eq!(bases(&store), [1], "nothing lags behind by two");
    for number in 0..500 {
        let used = if number == 0 { 2 } else { 1 };
        let looked = store.draw(key(number), &third, NOW, 0, Draw::Peek);
        assert!((99 - used..=100 - used).contains(&third.remaining(looked)), "{number}");
    }
}

#[test]
fn q10_a_draw_that_began_before_a_change_counts_in_its_own_scale() {
    let store = store(1);
    let [before, after] =
        [(3, 0), (7, 1)].map(|(tokens, era)| in_era(Quota::new(tokens, NOW), era));
    take(&store, &before, 1, NOW);
    change(&store, &before, &after, NOW);
    let left = |bucket: &Bucket, draw| bucket.remaining(store.draw(key(1), bucket, NOW, 1, draw));
    // A third is used, which is between two and three of seven.
    assert_eq!(left(&after, Draw::Peek), 4);
    // To and fro costs a part of a tick, never gives one: two of three are used, and a little more.
    assert_eq!(left(&before, Draw::Take), 0);
    assert_eq!(left(&after, Draw::Peek), 2);
    let wait = after.retry_after(store.draw(key(1), &after, NOW, 7, Draw::Peek));
    let two_thirds = NOW * 2 / 3;
    assert!(wait >= two_thirds && wait - two_thirds < Duration::from_nanos(10), "{wait:?}");
}

#[test]
fn q10_a_million_new_addresses_a_minute_leave_active_keys_their_buckets() {
    const HONEST: u32 = 1000;
    let (store, bucket) = (store(100_000), Bucket::new(Quota::per_minute(10)).unwrap());
    let mut alone = vec![0; HONEST as usize];
    let mut stranger = HONEST;
    for step in 0..12 {
        let now = NOW + Duration::from_secs(5 * step);
        for number in 0..HONEST {
            let state = &mut alone[number as usize];
            let (next, expected) = bucket.draw(*state, bucket.instant(now), 1, Draw::Take);
            *state = next;
            assert_eq!(take(&store, &bucket, number, now), expected, "{number} at step {step}");
        }
        for _ in 0..1_000_000 / 12 {
            take(&store, &bucket, stranger, now);
            stranger += 1;
        }
    }
    assert!(store.overflows() > 100_000, "a flood");
}

proptest! {
    #[test]
    fn q10_converting_late_is_as_good_as_converting_at_once(
        steps in prop::collection::vec((0..60_u32, 0..3_000_u64, prop::option::weighted(0.1, 1..50_u64)), 1..300),
    ) {
        let (store, quota) = (store(300), |tokens| Quota::new(tokens, Duration::from_secs(tokens % 7 + 1)));
        let (mut bucket, mut era) = (in_era(quota(5), 0), 0);
        let (mut map, mut now) = (HashMap::<u32, Ticks>::new(), NOW);
        for (number, millis, changed) in steps {
            now += Duration::from_millis(millis);
            if let Some(tokens) = changed {
                era += 1;
                let after = in_era(quota(tokens), era);
                let exchange = change(&store, &bucket, &after, now);
                map.values_mut().for_each(|state| *state = exchange.convert(*state));
                bucket = after;
            }
            let state = map.entry(number).or_default();
            let (next, expected) = bucket.draw(*state, bucket.instant(now), 1, Draw::Take);
            *state = next;
            prop_assert_eq!(take(&store, &bucket, number, now), expected);
        }
        prop_assert_eq!(store.overflows(), 0);
    }
}

#[test]
fn q10_what_a_table_counted_is_added_up() {
    let (store, bucket) = (store(1000), bucket(2));
    for number in (0..30).chain(0..30).chain(0..10) {
        let mut held = store.hold(key(number), &bucket, NOW, 1, Draw::Take);
        let allowed = held.draw().allowed();
        held.count(allowed, !allowed);
    }
    let tally = |now| store.tally(&bucket, now);
    assert_eq!(tally(NOW), Tally { charged: 60, refused: 10, active: 30 });
    assert_eq!(tally(NOW + Duration::from_secs(3600)).active, 0);
}
