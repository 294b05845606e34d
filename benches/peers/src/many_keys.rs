//! governor with a million and ten million keys, as a gate beside ours and the floor; what a key takes there, and the
//! dearest insert; two threads at once.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use governor::clock::QuantaClock;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::{Request, request};
use tower_warden::client_address::ClientAddress;
use tower_warden::gate::{Gate, Verdict};
use tower_warden::rate_limit::{self, Limit, RateLimitLayer};
use tower_warden::rejection::{Rejection, RejectionKind};

use crate::harness::{Case, case, live_bytes};
use crate::ours::many_keys::{MILLION, TEN_MILLION, asked};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("governor, 1,000,000 keys", || asked(Governor::new(), MILLION)),
        case("governor, 10,000,000 keys", || asked(Governor::new(), TEN_MILLION)),
    ]
}

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, QuantaClock>;

fn plenty<K: std::hash::Hash + Eq + Clone>() -> Keyed<K> {
    let burst = NonZeroU32::new(1_000_000).expect("not zero");
    let quota = Quota::with_period(Duration::from_nanos(1)).expect("not zero").allow_burst(burst);
    RateLimiter::dashmap(quota)
}

/// governor's own limiter by address, asked as ours is.
#[derive(Clone)]
struct Governor(Arc<Keyed<IpAddr>>);

impl Governor {
    fn new() -> Self {
        Self(Arc::new(plenty()))
    }
}

impl Gate for Governor {
    type Pass = ();

    fn admit(&self, head: &mut request::Parts) -> Verdict<()> {
        let client = ClientAddress::of(&head.extensions).expect("every request has one");
        match self.0.check_key(&client.ip()) {
            Ok(()) => Verdict::admit(()),
            Err(_) => Verdict::refuse(Rejection::new(RejectionKind::QuotaExceeded, "spent")),
        }
    }
}

/// Bytes a key and the dearest insert; how long a sweep of all keys takes.
pub(crate) fn report() {
    report_threads();
    println!("| governor | bytes a key | dearest insert | sweep of full buckets, all at once |");
    println!("|---|--:|--:|--:|");
    for keys in [MILLION, TEN_MILLION] {
        row(&format!("{keys} integers"), keys, u64::from);
        row(&format!("{keys} addresses"), keys, address);
        row(&format!("{keys} texts"), keys, |number| format!("{number:010}"));
    }
}

fn report_threads() {
    println!("\n| checks a second, 1,000,000 addresses | one thread | two threads together |");
    println!("|---|--:|--:|");
    let governor = Governor::new();
    threads("governor", &governor);
    let quota = rate_limit::Quota::per_second(1_000_000).burst(1_000_000);
    let limit = Limit::by_address("address", quota);
    let ours = RateLimitLayer::builder().limit(limit).without_headers().build();
    threads("tower-warden", &ours.expect("a sound limiter"));
}

fn row<K: std::hash::Hash + Eq + Clone>(name: &str, keys: u32, key: impl Fn(u32) -> K) {
    let before = live_bytes();
    let limiter = plenty::<K>();
    let mut dearest = Duration::ZERO;
    for number in 0..keys {
        let key = key(number);
        let started = Instant::now();
        limiter.check_key(&key).expect("the quota is plenty");
        dearest = dearest.max(started.elapsed());
    }
    let bytes = (live_bytes() - before) as f64 / f64::from(keys);
    let started = Instant::now();
    limiter.retain_recent();
    println!("| {name} | {bytes:.1} | {dearest:?} | {:?} |", started.elapsed());
}

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn threads(name: &str, gate: &impl Gate) {
    const CHECKS: u32 = 3_000_000;
    let run = |offset: u32| {
        let (mut head, ()) = Request::new(()).into_parts();
        for number in 0..CHECKS {
            let caller = number.wrapping_add(offset).wrapping_mul(7_919) % MILLION;
            head.extensions.insert(ClientAddress::new(address(caller)));
            // Not all are admitted: clocks of two processors may differ by more than a burst that comes back in 1 ms.
            drop(black_box(gate.admit(&mut head)));
        }
    };
    run(0);
    let rate = |many: u32| {
        let started = Instant::now();
        thread::scope(|scope| (0..many).for_each(|thread| drop(scope.spawn(move || run(thread)))));
        f64::from(many * CHECKS) / started.elapsed().as_secs_f64()
    };
    let rates = [rate(1), rate(2)];
    println!("| {name} | {:.0} | {:.0} |", rates[0], rates[1]);
}
