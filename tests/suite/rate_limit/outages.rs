//! A real Redis that dies, hangs or is cut off in mid-traffic, and what each limit does then.

#![expect(clippy::print_stdout, reason = "what was admitted beyond the quota is reported")]

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_warden::rate_limit::{Lease, Limit, Quota, RateLimitLayer, RedisStore, WhenUnavailable};
use tower_warden::rejection::{Rejection, RejectionKind};

use super::proxy::{Fault, Proxy};
use super::redis::server::Server;
use super::{from, status};
use crate::support::{Logs, TestBody, ask};

const TIMEOUT: Duration = Duration::from_millis(200);

/// Beyond the time-out, for a machine that is busy with other things.
const MARGIN: Duration = Duration::from_secs(5);

/// None comes back while a test runs.
const QUOTA: u64 = 50;

const HOT: &str = "192.0.2.1";

#[derive(Default)]
struct Seen {
    statuses: Vec<u16>,
    longest: Duration,
}

impl Seen {
    fn count(&self, status: u16) -> usize {
        self.statuses.iter().filter(|seen| **seen == status).count()
    }
}

fn store(url: &str) -> tower_warden::rate_limit::RedisStoreBuilder {
    RedisStore::builder(url).timeout(TIMEOUT)
}

fn layer(url: &str, when: WhenUnavailable) -> RateLimitLayer {
    let limit = Limit::by_address("address", Quota::per_day(QUOTA)).when_unavailable(when);
    // Each mode counts for itself.
    let store = store(url).prefix(format!("{when:?}")).build().unwrap();
    RateLimitLayer::builder().limit(limit).store(store).build().unwrap()
}

/// Requests of one address, 16 at a time, while `act` runs and half a second longer.
async fn traffic(layer: &RateLimitLayer, act: impl Future<Output = ()>) -> Seen {
    let seen = Mutex::new(Seen::default());
    let ended = Mutex::new(None::<Instant>);
    let worker = async || {
        while ended.lock().unwrap().is_none_or(|at| at.elapsed() < Duration::from_millis(500)) {
            let started = Instant::now();
            let status = status(layer, HOT).await;
            {
                let mut seen = seen.lock().unwrap();
                seen.longest = seen.longest.max(started.elapsed());
                seen.statuses.push(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let act = async {
        act.await;
        *ended.lock().unwrap() = Some(Instant::now());
    };
    tokio::join!(join_all((0..16).map(|_| worker())), act);
    seen.into_inner().unwrap()
}

/// Asks for other addresses until the store answers one.
async fn until_back(layer: &RateLimitLayer) {
    let trips = || {
        let counts = layer.store_counts().unwrap();
        (counts.trips, counts.failed_trips)
    };
    let recovered = async {
        for number in 0.. {
            let before = trips();
            status(layer, &format!("198.51.100.{}", number % 250)).await;
            let after = trips();
            if after.0 > before.0 && after.1 == before.1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), recovered).await.expect("recovers by itself");
}

/// Breaks the store in mid-traffic and heals it again. `forgets` says whether the store loses its buckets by that.
async fn outage(
    name: &str,
    url: &str,
    forgets: bool,
    break_it: &mut dyn FnMut(),
    heal: &mut dyn FnMut(),
) {
    let modes =
        [WhenUnavailable::Refuse, WhenUnavailable::CountHere, WhenUnavailable::InsecureAdmit];
    let layers = modes.map(|mode| layer(url, mode));
    for layer in &layers {
        until_back(layer).await;
        for _ in 0..10 {
            assert_eq!(status(layer, HOT).await, 200, "{name}");
        }
    }
    let breaks = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        break_it();
        tokio::time::sleep(Duration::from_millis(1000)).await;
    };
    let pause = || tokio::time::sleep(Duration::from_millis(1010));
    let [refuse, here, admit] = &layers;
    let (refuse, here, admit, ()) = tokio::join!(
        traffic(refuse, pause()),
        traffic(here, pause()),
        traffic(admit, pause()),
        breaks
    );
    heal();
    let most = if forgets { 2 * QUOTA } else { QUOTA } as usize;
    for ((layer, mode), mut seen) in layers.iter().zip(modes).zip([refuse, here, admit]) {
        until_back(layer).await;
        let after = traffic(layer, async {}).await;
        let counts = layer.store_counts().unwrap();
        let during = seen.count(200);
        seen.statuses.extend(after.statuses);
        seen.longest = seen.longest.max(after.longest);
        let admitted = 10 + seen.count(200);
        println!(
            "{name}, {mode:?}: {} requests, longest {:?}, admitted {admitted} of {QUOTA} ({during} in the outage), \
             429: {}, 503: {}; {counts:?}",
            seen.statuses.len(),
            seen.longest,
            seen.count(429),
            seen.count(503),
        );
        assert!(seen.longest < TIMEOUT + MARGIN, "{name} {mode:?}");
        assert!(counts.outages >= 1 && counts.failed_trips >= 3, "{name} {mode:?} {counts:?}");
        let known = seen.count(200) + seen.count(429) + seen.count(503);
        assert_eq!(known, seen.statuses.len(), "{name} {mode:?}");
        assert!(seen.count(429) > 0, "{name} {mode:?}: it counts again");
        match mode {
            WhenUnavailable::Refuse => {
                assert!(admitted <= most, "{name}: {admitted}");
                assert!(seen.count(503) > 0, "{name}");
            }
            WhenUnavailable::CountHere => {
                assert!(admitted <= most + QUOTA as usize, "{name}: {admitted}");
                assert_eq!(seen.count(503), 0, "{name}");
            }
            _ => {
                assert!(during > 2 * QUOTA as usize, "{name}: {during}");
                assert_eq!(seen.count(503), 0, "{name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_redis_killed_in_mid_traffic() {
    let server = Server::start(&[]);
    let url = server.url();
    let server = std::cell::RefCell::new(server);
    let (mut kill, mut restart) = (|| server.borrow_mut().kill(), || server.borrow_mut().restart());
    outage("killed", &url, true, &mut kill, &mut restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_redis_paused_in_mid_traffic() {
    let server = Server::start(&[]);
    let (mut stop, mut go_on) = (|| server.signal("-STOP"), || server.signal("-CONT"));
    outage("paused", &server.url(), false, &mut stop, &mut go_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_redis_cut_off_in_mid_traffic() {
    let server = Server::listening(&[]);
    for fault in [Fault::BlackHole, Fault::Reset, Fault::Garbage, Fault::Delay(TIMEOUT * 4)] {
        let proxy = Proxy::to(server.port()).await;
        let (mut cut, mut heal) = (|| proxy.set(fault), || proxy.set(Fault::None));
        server.ask::<()>(&["FLUSHALL"]);
        outage(&format!("{fault:?}"), &proxy.url(), false, &mut cut, &mut heal).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_redis_byte_by_byte_is_no_outage() {
    let server = Server::listening(&[]);
    let proxy = Proxy::to(server.port()).await;
    proxy.set(Fault::Bytes);
    let store = RedisStore::builder(proxy.url()).timeout(Duration::from_secs(20));
    let layer = RateLimitLayer::by_address("address", Quota::per_day(QUOTA));
    let layer = layer.store(store.build().unwrap()).build().unwrap();
    let seen = join_all((0..100).map(|_| status(&layer, HOT))).await;
    assert_eq!(seen.iter().filter(|status| **status == 200).count(), QUOTA as usize);
    assert_eq!(layer.store_counts().unwrap().failed_trips, 0);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_an_outage_is_two_lines_in_the_log_and_not_one_a_request() {
    let logs = Logs::capture();
    let mut server = Server::start(&[]);
    let layer = layer(&server.url(), WhenUnavailable::CountHere);
    until_back(&layer).await;
    server.kill();
    join_all((0..100).map(|_| status(&layer, "192.0.2.9"))).await;
    server.restart();
    until_back(&layer).await;
    let text = logs.text();
    let lines = |event: &str| text.matches(event).count();
    assert_eq!((lines("rate_limit_store_down"), lines("rate_limit_store_up")), (1, 1), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_failed_log_ins_during_an_outage_are_not_forgotten() {
    let mut server = Server::start(&[]);
    let limit = Limit::failed_authentication("failed", Quota::per_day(5));
    let refusing = RateLimitLayer::builder().limit(limit.clone());
    let refusing = refusing.store(store(&server.url()).build().unwrap()).build().unwrap();
    let counting =
        RateLimitLayer::builder().limit(limit.when_unavailable(WhenUnavailable::CountHere));
    let counting = counting.store(store(&server.url()).build().unwrap()).build().unwrap();
    let wrong = service_fn(|_request: Request<TestBody>| async {
        let mut response = Response::new(TestBody::default());
        response.extensions_mut().insert(Rejection::new(RejectionKind::InvalidCredentials, "test"));
        Ok::<_, Infallible>(response)
    });
    until_back(&refusing).await;
    until_back(&counting).await;
    server.kill();
    for _ in 0..5 {
        let refused = ask(refusing.layer(wrong), from(HOT, &[])).await;
        assert_eq!((refused.status, refused.reason()), (503, "rate_limit_store_unavailable"));
        assert_eq!(ask(counting.layer(wrong), from(HOT, &[])).await.status, 200);
    }
    assert_eq!(status(&counting, HOT).await, 429);
    server.restart();
    until_back(&counting).await;
    assert_eq!(status(&counting, HOT).await, 429, "the server knows nothing of them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_with_a_lease_a_hot_key_needs_20_times_fewer_trips() {
    let leased = leased(100_000).await;
    assert!(leased.admitted >= 20 * leased.trips, "{leased:?}");
    assert_eq!(leased.requests, leased.admitted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_with_a_lease_the_quota_is_exceeded_by_no_more_than_one_lease_a_process() {
    let leased = leased(1000).await;
    assert!(leased.requests > leased.admitted, "the quota was spent: {leased:?}");
    assert!(leased.beyond <= (PROCESSES as u32 * LEASE).into(), "{leased:?}");
    let most = 1000.0 * (1.0 + leased.took.as_secs_f64());
    assert!(leased.admitted as f64 <= most, "{leased:?} of {most}");
}

const LEASE: u32 = 50;
const PROCESSES: usize = 2;

#[derive(Debug)]
struct Leased {
    requests: u64,
    admitted: u64,
    trips: u64,
    /// The most requests that were surely admitted within some span, over the quota of that span.
    beyond: i64,
    took: Duration,
}

/// Two instances with leases, busy in turns with requests of one address.
async fn leased(rate: u64) -> Leased {
    let server = Server::start(&[]);
    let layers = [(); PROCESSES].map(|()| {
        let lease = Lease::new(LEASE).time(Duration::from_secs(1));
        let store = RedisStore::builder(server.url()).timeout(Duration::from_secs(20)).lease(lease);
        let layer = RateLimitLayer::by_address("address", Quota::per_second(rate));
        layer.store(store.build().unwrap()).build().unwrap()
    });
    for layer in &layers {
        assert_eq!(status(layer, "192.0.2.9").await, 200);
    }
    let calls = server.calls("evalsha");
    let begun = Instant::now();
    let ended = Duration::from_millis(2500);
    // Each process is busy for a while and silent for a while, so that tokens wait.
    let worker = async |number: usize| {
        let mut admitted = Vec::new();
        let mut requests = 0_u64;
        while begun.elapsed() < ended {
            let phase = begun.elapsed().as_millis() as usize / 250;
            if phase % PROCESSES != number {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            let started = begun.elapsed();
            requests += 1;
            if status(&layers[number], HOT).await == 200 {
                admitted.push((started, begun.elapsed()));
            }
            if requests.is_multiple_of(4) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        (requests, admitted)
    };
    let workers = (0..8).map(|number| worker(number % PROCESSES));
    let (requests, admitted): (Vec<_>, Vec<_>) = join_all(workers).await.into_iter().unzip();
    let took = begun.elapsed();
    let (requests, admitted) = (requests.iter().sum::<u64>(), admitted.concat());
    let trips = server.calls("evalsha") - calls;
    // An admission lies somewhere between its two times: those that lie surely within a span.
    let within = |from: Duration, to: Duration| {
        admitted.iter().filter(|(started, answered)| *started >= from && *answered <= to).count()
    };
    let mut beyond = i64::MIN;
    for from in (0..2400).step_by(50) {
        for span in [50, 100, 200, 400, 800, 1600] {
            let [from, span] = [from, span].map(Duration::from_millis);
            let quota = rate as i64 + (rate as f64 * span.as_secs_f64()).ceil() as i64;
            beyond = beyond.max(within(from, from + span) as i64 - quota);
        }
    }
    let leased = Leased { requests, admitted: admitted.len() as u64, trips, beyond, took };
    println!("{rate} a second: {leased:?}; at most {} beyond", PROCESSES as u32 * LEASE);
    leased
}
