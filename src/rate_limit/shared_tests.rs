use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response, request};
use tokio::time::Instant;

use super::store::{FakeStore, Mood};
use super::*;
use crate::client_address::ClientAddress;
use crate::gate::{Gate, Pass, Verdict};
use crate::rejection::{Rejection, RejectionKind};
use crate::testing::FakeClock;

const SECOND: Duration = Duration::from_secs(1);

fn head(address: u32) -> request::Parts {
    let mut head = Request::new(()).into_parts().0;
    let address = std::net::Ipv4Addr::from_bits(address);
    head.extensions.insert(ClientAddress::new(address.into()));
    head
}

async fn admit(layer: &RateLimitLayer, address: u32) -> Result<RateLimitPass, Rejection> {
    match layer.admit(&mut head(address)) {
        Verdict::Ready(outcome) => outcome,
        Verdict::Pending(verdict) => verdict.await,
    }
}

/// The reason of a refusal.
async fn reason(layer: &RateLimitLayer, address: u32) -> &'static str {
    admit(layer, address).await.err().map_or("", |rejection| rejection.reason())
}

/// How many of so many requests are admitted, one after the other.
async fn admitted(layer: &RateLimitLayer, address: u32, requests: u32) -> u32 {
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += u32::from(admit(layer, address).await.is_ok());
    }
    admitted
}

fn sharing(store: &FakeStore, clock: &FakeClock, limits: &[Limit]) -> RateLimitLayer {
    let builder = limits.iter().cloned().fold(RateLimitLayer::builder(), RateLimitBuilder::limit);
    builder.shared_store(Arc::new(store.clone())).clock(clock.clone()).build().unwrap()
}

fn world() -> (FakeClock, FakeStore) {
    let clock = FakeClock::at_unix(0);
    clock.advance(1000 * SECOND);
    let store = FakeStore::new(&clock);
    (clock, store)
}

fn by_address(tokens: u64) -> Limit {
    Limit::by_address("address", Quota::per_hour(tokens))
}

#[tokio::test]
async fn q13_each_limit_does_what_it_was_told_to_do_while_the_store_is_down() {
    const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
    const EIGHT: NonZeroU32 = NonZeroU32::new(8).unwrap();
    let failures = Limit::failed_authentication("failures", Quota::per_hour(4));
    let refused = "rate_limit_store_unavailable";
    let cases = [
        (vec![by_address(4)], 4, "address_quota_exceeded"),
        (
            vec![by_address(4).when_unavailable(WhenUnavailable::CountHere)],
            4,
            "address_quota_exceeded",
        ),
        (
            vec![by_address(4).when_unavailable(WhenUnavailable::CountShareHere(TWO))],
            2,
            "address_quota_exceeded",
        ),
        (
            vec![by_address(4).when_unavailable(WhenUnavailable::CountShareHere(EIGHT))],
            1,
            "address_quota_exceeded",
        ),
        (vec![by_address(4).when_unavailable(WhenUnavailable::Refuse)], 0, refused),
        (vec![by_address(4).when_unavailable(WhenUnavailable::InsecureAdmit)], 10, ""),
        (vec![failures.clone()], 0, refused),
        (vec![by_address(4), failures.clone()], 0, refused),
        (
            vec![by_address(4), failures.when_unavailable(WhenUnavailable::CountHere)],
            4,
            "address_quota_exceeded",
        ),
    ];
    for mood in [Mood::Fails, Mood::AnswersForNone] {
        for (limits, expected, last) in &cases {
            let (clock, store) = world();
            let layer = sharing(&store, &clock, limits);
            store.set(mood);
            assert_eq!(admitted(&layer, 1, 10).await, *expected, "{mood:?} {limits:?}");
            assert_eq!(reason(&layer, 1).await, *last, "{mood:?} {limits:?}");
            let counts = layer.store_counts().unwrap();
            assert_eq!(
                (store.trips(), counts.trips, counts.failed_trips, counts.outages),
                (3, 3, 3, 1)
            );
            let without =
                [counts.refused_unavailable, counts.counted_here, counts.admitted_unchecked];
            assert_eq!(without.iter().sum::<u64>(), 11, "each is counted once: {counts:?}");
            assert_eq!(counts.admitted_unchecked > 0, *expected == 10);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn q13_a_store_that_hangs_holds_up_three_requests_and_no_other() {
    let (clock, store) = world();
    let layer = sharing(&store, &clock, &[by_address(1000)]);
    store.set(Mood::Hangs);
    let started = Instant::now();
    assert_eq!(admitted(&layer, 1, 1000).await, 1000);
    assert_eq!(store.trips(), 3);
    assert!(started.elapsed() < 3 * Duration::from_millis(610));
    clock.advance(SECOND);
    assert_eq!(admitted(&layer, 2, 100).await, 100);
    assert_eq!(store.trips(), 4, "one finds out");
    store.set(Mood::Answers);
    clock.advance(SECOND);
    assert_eq!(admitted(&layer, 3, 2).await, 2);
    assert_eq!(store.trips(), 6, "it is back");
    assert_eq!(admitted(&layer, 4, 1001).await, 1000, "and counts");
}

#[tokio::test]
async fn q13_failures_during_an_outage_are_not_forgotten_after_it() {
    let fail = async |layer: &RateLimitLayer| {
        let pass = admit(layer, 1).await.unwrap();
        let mut head = Response::new(()).into_parts().0;
        head.extensions.insert(Rejection::new(RejectionKind::InvalidCredentials, "wrong"));
        pass.on_response(&mut head);
    };
    for when in [WhenUnavailable::CountHere, WhenUnavailable::InsecureAdmit] {
        let (clock, store) = world();
        let limit = Limit::failed_authentication("failures", Quota::per_hour(3));
        let layer = sharing(&store, &clock, &[limit.when_unavailable(when)]);
        fail(&layer).await;
        store.set(Mood::Fails);
        fail(&layer).await;
        fail(&layer).await;
        assert_eq!(reason(&layer, 1).await, "failed_authentication_quota_exceeded", "{when:?}");
        store.set(Mood::Answers);
        store.forget();
        assert_eq!(reason(&layer, 1).await, "failed_authentication_quota_exceeded", "{when:?}");
        assert_eq!(reason(&layer, 2).await, "");
        clock.advance(1200 * SECOND);
        assert_eq!(reason(&layer, 1).await, "");
    }
}

#[tokio::test]
async fn q13_who_was_refused_is_refused_again_without_a_trip() {
    let (clock, store) = world();
    let hourly = Limit::new("network", Key::address_with_ipv6_prefix(32), Quota::per_hour(100));
    let layer = sharing(&store, &clock, &[by_address(3), hourly]);
    assert_eq!(admitted(&layer, 1, 4).await, 3);
    assert_eq!(store.trips(), 4);
    assert_eq!(admitted(&layer, 1, 1000).await, 0);
    assert_eq!(store.trips(), 4);
    assert_eq!(layer.store_counts().unwrap().refused_early, 1000);
    assert_eq!(reason(&layer, 2).await, "", "another key");
    clock.advance(SECOND + Duration::from_millis(1));
    assert_eq!(reason(&layer, 1).await, "address_quota_exceeded");
    assert_eq!(store.trips(), 6, "not believed for longer than a second");
    // Nor does an outage give who is refused a new bucket.
    store.set(Mood::Fails);
    admitted(&layer, 7, 3).await;
    clock.advance(10 * SECOND);
    assert_eq!(reason(&layer, 1).await, "address_quota_exceeded");
}

#[tokio::test]
async fn q13_a_hot_key_needs_20_times_fewer_trips_and_cold_keys_need_one_each() {
    let (clock, store) = world();
    let store = store.leasing(Lease::new(100));
    let limit = Limit::by_address("address", Quota::per_second(1000));
    let failures = Limit::failed_authentication("failures", Quota::per_minute(10));
    let layer = sharing(&store, &clock, &[limit, failures]);
    for address in 0..1000 {
        assert_eq!(reason(&layer, address).await, "");
    }
    assert_eq!(store.trips(), 1000);
    assert_eq!(layer.store_counts().unwrap().leased, 0);
    for _ in 0..10_000 {
        assert_eq!(reason(&layer, 5000).await, "");
        clock.advance(Duration::from_millis(2));
    }
    let trips = store.trips() - 1000;
    println!("10,000 requests of a hot key: {trips} trips");
    assert!((10_000 / 100..10_000 / 20).contains(&trips), "{trips}");
}

#[tokio::test]
async fn q13_leases_admit_no_more_than_the_quota_and_a_lease_a_process() {
    const PROCESSES: usize = 4;
    const LEASE: u64 = 20;
    let (clock, store) = world();
    let store = store.leasing(Lease::new(LEASE as u32));
    let quota = Quota::per_second(100);
    let layers =
        [(); PROCESSES].map(|()| sharing(&store, &clock, &[Limit::by_address("address", quota)]));
    // When requests were admitted, in milliseconds; far more are made than there are tokens.
    let mut times = Vec::new();
    for milli in 0..10_000_u64 {
        for (number, layer) in layers.iter().enumerate() {
            // The processes are busy one after the other: tokens wait elsewhere meanwhile.
            let busy = milli / 300 % PROCESSES as u64 == number as u64 || milli % 7 == 0;
            if busy && reason(layer, 1).await.is_empty() {
                times.push(milli);
            }
        }
        clock.advance(Duration::from_millis(1));
    }
    let over = |span: u64| {
        let most = (0..10_000 - span).step_by(10).map(|from| {
            times.iter().filter(|time| (from..from + span).contains(time)).count() as i64
        });
        most.max().unwrap_or(0) - 100 - (100 * span / 1000) as i64
    };
    let most = (1..20).map(|step| over(step * 100)).max().unwrap();
    let in_all = times.len();
    println!(
        "beyond the quota in any span: {most} of {}; in all {in_all}",
        PROCESSES as u64 * LEASE
    );
    assert!(most <= (PROCESSES as u64 * LEASE) as i64 && most <= 100, "{most}");
    assert!((900..=1100).contains(&in_all), "{in_all}");
}

#[tokio::test]
async fn q13_leases_that_wait_are_what_the_quota_is_exceeded_by() {
    let (clock, store) = world();
    let store = store.leasing(Lease::new(20));
    let quota = Quota::per_second(100);
    let layers = [(); 4].map(|()| sharing(&store, &clock, &[Limit::by_address("address", quota)]));
    for _ in 0..40 {
        for layer in &layers {
            assert_eq!(reason(layer, 1).await, "");
        }
        clock.advance(SECOND / 40);
    }
    clock.advance(SECOND * 9 / 10);
    for layer in &layers {
        let trips = store.trips();
        while store.trips() == trips {
            assert_eq!(reason(layer, 1).await, "");
        }
    }
    // The bucket is full again, just before the leases are over.
    clock.advance(SECOND * 99 / 100);
    let mut at_once = 0;
    for layer in &layers {
        at_once += admitted(layer, 1, 200).await;
    }
    println!("admitted at once: {at_once} of 100, and of 180 with four leases");
    assert!((101..=180).contains(&at_once), "{at_once}");
}

#[tokio::test]
async fn q13_a_crowd_at_one_key_waits_for_one_trip_at_a_time() {
    let (clock, store) = world();
    let store = store.leasing(Lease::new(100));
    let layer = sharing(&store, &clock, &[Limit::by_address("address", Quota::per_second(10_000))]);
    store.set(Mood::AnswersSlowly);
    let all = join_all((0..500).map(|_| reason(&layer, 1))).await;
    assert_eq!(all, [""; 500]);
    assert_eq!(store.most_under_way(), 1);
    assert!(store.trips() <= 12, "{}", store.trips());
    // Those that wait are refused together, and fall back together.
    let layer = sharing(&store, &clock, &[by_address(10)]);
    let all = join_all((0..500).map(|_| reason(&layer, 2))).await;
    assert_eq!(all.iter().filter(|reason| reason.is_empty()).count(), 10);
    assert!(store.trips() <= 12 + 11, "{}", store.trips());
    store.set(Mood::Fails);
    let layer = sharing(&store, &clock, &[by_address(10)]);
    let all = join_all((0..500).map(|_| reason(&layer, 3))).await;
    assert_eq!(all.iter().filter(|reason| reason.is_empty()).count(), 10);
}

#[tokio::test]
async fn q13_a_request_that_goes_away_takes_nobody_with_it() {
    let (clock, store) = world();
    let store = store.leasing(Lease::new(100));
    let layer = sharing(&store, &clock, &[by_address(1000)]);
    store.set(Mood::AnswersSlowly);
    let Verdict::Pending(mut first) = layer.admit(&mut head(1)) else { panic!("a trip is due") };
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = admit(&layer, 1);
    drop(first);
    assert!(tokio::time::timeout(30 * SECOND, second).await.unwrap().is_ok());
    assert_eq!(admitted(&layer, 1, 100).await, 100);
}

#[tokio::test]
async fn q4_what_is_told_of_a_lease_is_what_is_left_in_the_bucket_and_the_lease() {
    let (clock, store) = world();
    let store = store.leasing(Lease::new(10));
    let layer = sharing(&store, &clock, &[by_address(100)]);
    for left in (60..100).rev() {
        let mut head = Response::new(()).into_parts().0;
        admit(&layer, 1).await.unwrap().on_response(&mut head);
        let told = head.headers["ratelimit"].to_str().unwrap().to_owned();
        // Where a lease was just drawn, it is told apart: what is in it is not in the bucket.
        let r: u64 = told.split_once("r=").unwrap().1.split_once(';').unwrap().0.parse().unwrap();
        assert_eq!(r, left, "{told}");
    }
    assert!(store.trips() < 15, "{}", store.trips());
}

#[tokio::test]
async fn q10_tokens_of_a_lease_that_is_over_are_not_used() {
    let (clock, store) = world();
    let store = store.leasing(Lease::new(50));
    let layer = sharing(&store, &clock, &[by_address(1000)]);
    assert_eq!(admitted(&layer, 1, 300).await, 300);
    store.set(Mood::Fails);
    let leased = || layer.store_counts().unwrap().leased;
    clock.advance(SECOND);
    let before = leased();
    assert_eq!(admitted(&layer, 1, 5).await, 5);
    assert_eq!(leased(), before, "counted here");
}

#[tokio::test]
async fn q13_limits_that_share_a_store_find_out_together_that_it_is_down() {
    let (clock, store) = world();
    let [one, two] = [(); 2].map(|()| sharing(&store, &clock, &[by_address(1000)]));
    store.set(Mood::Fails);
    admitted(&one, 1, 3).await;
    admitted(&two, 1, 100).await;
    assert_eq!(store.trips(), 3, "the other knew");
    clock.advance(SECOND);
    admitted(&one, 2, 10).await;
    admitted(&two, 2, 10).await;
    assert_eq!(store.trips(), 4, "one of all finds out");
    store.set(Mood::Answers);
    clock.advance(SECOND);
    admitted(&two, 3, 1).await;
    admitted(&one, 3, 1).await;
    assert_eq!(store.trips(), 6, "back for both");
    let counts = one.store_counts().unwrap();
    assert_eq!((counts.trips, counts.outages, counts.counted_here), (6, 1, 123));
    assert_eq!(two.store_counts(), Some(counts));
}

/// While the store is down one request a second asks for it. Somebody who sends many, and hangs up at once, is that one
/// most of the time.
#[tokio::test]
async fn q13_callers_that_hang_up_do_not_keep_a_store_down() {
    let (clock, store) = world();
    let layer = sharing(&store, &clock, &[by_address(100)]);
    store.set(Mood::Fails);
    admitted(&layer, 1, 3).await;
    assert_eq!(layer.store_counts().unwrap().outages, 1);
    store.set(Mood::AnswersSlowly);
    clock.advance(SECOND);
    let Verdict::Pending(verdict) = layer.admit(&mut head(2)) else { panic!("nobody asked") };
    assert!(futures_util::FutureExt::now_or_never(verdict).is_none(), "hung up");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let before = layer.store_counts().unwrap().trips;
    admit(&layer, 1).await.unwrap();
    assert_eq!(layer.store_counts().unwrap().trips, before + 1, "asked for everybody again");
}

/// Requests that are charged alike wait for one trip; one that nobody drives on says nothing about now.
#[tokio::test]
async fn q13_nobody_is_refused_by_an_answer_that_somebody_left_behind_long_ago() {
    let (clock, store) = world();
    let store = store.leasing(Lease::new(10));
    let layer = sharing(&store, &clock, &[by_address(2)]);
    assert_eq!(admitted(&layer, 1, 2).await, 2);
    store.set(Mood::AnswersSlowly);
    let Verdict::Pending(mut verdict) = layer.admit(&mut head(1)) else { panic!("nobody asked") };
    for _ in 0..2 {
        // It has the answer of the store within reach, and goes away before it takes it.
        assert!(futures_util::poll!(&mut verdict).is_pending());
    }
    drop(verdict);
    store.set(Mood::Answers);
    clock.advance(Duration::from_secs(3600));
    store.forget();
    for request in 0..2 {
        assert_eq!(reason(&layer, 1).await, "", "request {request}");
    }
}
