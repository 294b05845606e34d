//! Several limits on one request: charged to all, or to none.

use std::collections::HashMap;
use std::time::Duration;

use http::Request;
use proptest::prelude::*;
use tower_warden::client_address::ClientAddress;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Key, Limit, LimitKey, Quota, RateLimitBuilder, RateLimitLayer};

use super::{built, from};
use crate::support::{TestBody, get, through};

fn caller(address: u8, subject: u8, cost: u64) -> Request<TestBody> {
    let mut request = get("/", &[("x-cost", &cost.to_string())]);
    request.extensions_mut().insert(ClientAddress::new([192, 0, 2, address].into()));
    let subject = subject.to_string();
    let principal = Principal::builder("test", subject, PrincipalKind::User, "Named").build();
    request.extensions_mut().insert(principal);
    request
}

fn cost(head: &http::request::Parts) -> u64 {
    head.headers["x-cost"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn q9_a_refused_request_costs_nothing_anywhere() {
    let builder = RateLimitLayer::by_address("large", Quota::per_minute(100))
        .limit(Limit::by_address("small", Quota::per_minute(2)))
        .limit(Limit::by_address("dear", Quota::per_minute(100)).cost(10));
    let (layer, _clock) = built(builder);
    for _ in 0..5 {
        through(&layer, from("192.0.2.1", &[])).await;
    }
    let key = LimitKey::address("192.0.2.1".parse().unwrap());
    let mut left = Vec::new();
    for limiter in layer.limiters() {
        left.push(limiter.peek(&key).await.unwrap().remaining);
    }
    assert_eq!(left, [98, 0, 80]);
}

#[tokio::test]
async fn q9_the_longest_wait_counts_when_several_refuse() {
    let builder = RateLimitLayer::by_address("minute", Quota::per_minute(1))
        .limit(Limit::by_address("hour", Quota::per_hour(1)))
        .limit(Limit::by_address("free", Quota::per_hour(100)));
    let (layer, _clock) = built(builder);
    assert_eq!(through(&layer, from("192.0.2.1", &[])).await.status, 200);
    let refused = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "3600"));
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["minute", "hour"]));
}

/// Three limits by two keys; tables so small that different keys share segments, and locks.
fn three(capacity: usize) -> RateLimitBuilder {
    [
        Limit::by_address("address", Quota::per_day(150)),
        Limit::by_principal("principal", Quota::per_day(90)),
        Limit::by_address("again", Quota::per_day(600)),
    ]
    .into_iter()
    .fold(RateLimitLayer::builder(), |builder, limit| builder.limit(limit.capacity(capacity)))
}

#[test]
fn q9_threads_get_all_or_nothing_and_never_stand_still() {
    const CALLERS: u8 = 6;
    let (layer, _clock) = built(three(1));
    let run = |thread: u8| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut admitted = HashMap::<(u8, u8), u64>::new();
        for step in 0..300_u16 {
            let caller = (((step / 7) as u8 + thread) % CALLERS, (step as u8 ^ thread) % CALLERS);
            let answer = runtime.block_on(through(&layer, self::caller(caller.0, caller.1, 1)));
            *admitted.entry(caller).or_default() += u64::from(answer.status == 200);
        }
        admitted
    };
    let mut admitted = HashMap::<(u8, u8), u64>::new();
    std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || run(thread))).collect();
        for thread in threads {
            for (caller, count) in thread.join().unwrap() {
                *admitted.entry(caller).or_default() += count;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let left = |policy: &str, key: LimitKey| {
        let limiter = layer.limiter(policy).unwrap();
        runtime.block_on(async move { limiter.peek(&key).await.unwrap().remaining })
    };
    for number in 0..CALLERS {
        let sum = |own: fn(&(u8, u8)) -> u8| -> u64 {
            admitted.iter().filter(|(caller, _)| own(caller) == number).map(|(_, n)| n).sum()
        };
        let (of_address, of_principal) = (sum(|caller| caller.0), sum(|caller| caller.1));
        let address = || LimitKey::address([192, 0, 2, number].into());
        assert_eq!(left("address", address()), 150 - of_address, "charged for admitted ones alone");
        assert_eq!(left("again", address()), 600 - of_address);
        let principal = LimitKey::principal("test", &number.to_string());
        assert_eq!(left("principal", principal), 90 - of_principal);
    }
    assert!(admitted.values().sum::<u64>() >= 90, "somebody was admitted");
}

/// A bucket as slow as can be: the whole history is gone through for each question. A token is as many units as the period
/// has nanoseconds, so that every level is a whole number of units.
struct Model {
    quota: (u64, u64, u64),
    charges: Vec<(u64, u64)>,
}

impl Model {
    fn level(&self, now: u64) -> u128 {
        let (tokens, period, burst) = self.quota;
        let full = u128::from(burst) * u128::from(period);
        let (mut level, mut at) = (full, 0);
        for (then, cost) in self.charges.iter().copied().chain([(now, 0)]) {
            level = (level + u128::from(then - at) * u128::from(tokens)).min(full);
            level -= u128::from(cost) * u128::from(period);
            at = then;
        }
        level
    }

    fn has(&self, now: u64, cost: u64) -> bool {
        self.level(now) >= u128::from(cost) * u128::from(self.quota.1)
    }

    fn remaining(&self, now: u64) -> u64 {
        (self.level(now) / u128::from(self.quota.1)).try_into().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn q9_the_engine_agrees_with_a_model_that_remembers_everything(
        quotas in prop::collection::vec((1..9_u64, 1..4_000_000_000_u64, 1..20_u64, any::<bool>(), any::<bool>()), 1..4),
        steps in prop::collection::vec((0..3_u8, 0..3_u8, 0..5_u64, prop_oneof![Just(0), 0..2_000_000_000_u64]), 1..60),
    ) {
        let limits = quotas.iter().enumerate().map(|(at, (tokens, period, burst, by_address, same))| {
            let quota = Quota::new(*tokens, Duration::from_nanos(*period)).burst(*burst);
            let key = if *by_address { Key::address() } else { Key::principal() };
            let limit = Limit::new(at.to_string(), key, quota).capacity(64);
            if *same { limit } else { limit.cost_of(cost) }
        });
        let (layer, clock) = built(limits.fold(RateLimitLayer::builder(), RateLimitBuilder::limit));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut models, mut now) = (HashMap::<(usize, u8), Model>::new(), 0);
        for (address, subject, cost, nanos) in steps {
            now += nanos;
            clock.advance(Duration::from_nanos(nanos));
            let mut due = Vec::new();
            for (at, (tokens, period, burst, by_address, same)) in quotas.iter().copied().enumerate() {
                let key = (at, if by_address { address } else { subject });
                models.entry(key).or_insert_with(|| Model { quota: (tokens, period, burst), charges: Vec::new() });
                due.push((key, if same { 1 } else { cost }));
            }
            let admitted = due.iter().all(|(key, cost)| models[key].has(now, *cost));
            let answer = runtime.block_on(through(&layer, caller(address, subject, cost)));
            prop_assert_eq!(answer.status, if admitted { 200 } else { 429 });
            let short = due.iter().filter(|(key, cost)| !models[key].has(now, *cost));
            let short: Vec<_> = short.map(|((at, _), _)| at.to_string()).collect();
            if admitted {
                for (key, cost) in &due {
                    models.get_mut(key).unwrap().charges.push((now, *cost));
                }
            } else {
                prop_assert_eq!(&answer.json()["violated-policies"], &serde_json::json!(short));
            }
            let left = due.iter().map(|(key, _)| format!("\"{}\";r={};", key.0, models[key].remaining(now)));
            let told = answer.all("ratelimit").join(", ");
            // Of what is never admitted, no more is told.
            let never = |((at, _), cost): &((usize, u8), u64)| *cost > quotas[*at].2;
            for left in left.filter(|_| !due.iter().any(never)) {
                prop_assert!(told.contains(&left), "{} in {}", left, told);
            }
        }
    }
}
