//! Rate limiting with a million and ten million keys: the limiter here, and the floor that it is measured against. Each
//! is a gate, asked about the same requests, so that nothing but the limiter differs.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, request};
use http_body_util::Full;
use tower::Layer;
use tower_warden::client_address::ClientAddress;
use tower_warden::gate::{Gate, GateLayer, Verdict};
use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer};
use tower_warden::rejection::{Rejection, RejectionKind};

use super::rate_limit::address;
use crate::harness::{Bare, Case, Run, case, few_under_valgrind, get, service};

pub(crate) const MILLION: u32 = 1_000_000;
pub(crate) const TEN_MILLION: u32 = 10_000_000;

pub(crate) fn bare_case() -> Case {
    case("an empty 200, one of a million addresses known", || {
        service(Bare, from_addresses(MILLION), 200)
    })
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("floor: 16-byte slots, 1,000,000 keys", || asked(Floor::new(MILLION), MILLION)),
        case("floor: 16-byte slots, 10,000,000 keys", || {
            asked(Floor::new(TEN_MILLION), TEN_MILLION)
        }),
        case("tower-warden, 1,000,000 keys", || asked(ours(MILLION), MILLION)),
        case("tower-warden, 10,000,000 keys", || asked(ours(TEN_MILLION), TEN_MILLION)),
    ]
}

/// A gate that has seen every key once.
pub(crate) fn asked(gate: impl Gate, keys: u32) -> Run {
    let keys = few_under_valgrind(keys as usize) as u32;
    let mut run = service(GateLayer::new(gate).layer(Bare), from_addresses(keys), 200);
    run(keys.into());
    Box::new(run)
}

fn ours(keys: u32) -> RateLimitLayer {
    // Slow enough that no bucket is full again before the last key came.
    let quota = Quota::per_second(1).burst(1_000_000);
    let limit = Limit::by_address("address", quota).capacity(keys as usize);
    RateLimitLayer::builder().limit(limit).without_headers().build().expect("a sound limiter")
}

/// Requests of so many addresses in turn.
fn from_addresses(keys: u32) -> impl Fn() -> Request<Full<Bytes>> + 'static {
    let request = get("/", &[]);
    let next = Cell::new(0);
    move || {
        let caller = (next.get() + 7_919) % keys; // a prime: neighbours in time are none in memory
        next.set(caller);
        let mut request: Request<_> = request();
        request.extensions_mut().insert(ClientAddress::new(address(caller)));
        request
    }
}

/// What no table of buckets can do without: a keyed hash, a lock, a slot of a fingerprint and an instant, the clock.
#[derive(Clone)]
struct Floor(Arc<Table>);

struct Table {
    secret: RandomState,
    started: Instant,
    shards: Box<[Mutex<Shard>]>,
}

/// Fingerprints, each with the instant at which its bucket is full again.
type Shard = Box<[(u64, u64)]>;

const SHARDS: usize = 64;

impl Floor {
    /// With three slots in five taken once all keys are there.
    fn new(keys: u32) -> Self {
        let slots = few_under_valgrind(keys as usize) * 5 / 3 / SHARDS;
        let shard = || Mutex::new(vec![(0, 0); slots].into_boxed_slice());
        Self(Arc::new(Table {
            secret: RandomState::new(),
            started: Instant::now(),
            shards: (0..SHARDS).map(|_| shard()).collect(),
        }))
    }
}

impl Gate for Floor {
    type Pass = ();

    fn admit(&self, head: &mut request::Parts) -> Verdict<()> {
        const STEP: u64 = Duration::from_micros(1).as_nanos() as u64;
        const MOST: u64 = 1_000_000 * STEP;
        let Table { secret, started, shards } = &*self.0;
        let client = ClientAddress::of(&head.extensions).expect("every request has one");
        let hash = secret.hash_one(client) | 1; // an empty slot is 0
        let now = started.elapsed().as_nanos() as u64;
        let mut shard = shards[hash as usize >> 1 & (SHARDS - 1)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let slots = shard.len();
        let mut at = ((u128::from(hash) * slots as u128) >> 64) as usize;
        while shard[at].0 != 0 && shard[at].0 != hash {
            at = (at + 1) % slots;
        }
        let full_at = shard[at].1.max(now) + STEP;
        if full_at - now > MOST {
            return Verdict::refuse(Rejection::new(RejectionKind::QuotaExceeded, "spent"));
        }
        shard[at] = (hash, full_at);
        Verdict::admit(())
    }
}
