use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use self::server::Server;
use super::*;
use crate::rate_limit::Quota;
use crate::rate_limit::bucket::{Bucket, Decision, Draw};
use crate::rate_limit::key::KeyBytes;

#[allow(dead_code)]
#[path = "../../../../tests/suite/rate_limit/redis/server.rs"]
mod server;

/// Reads the time from a key, so that a test can turn it; and nothing expires by another time.
const TURNED: &str = "
local server = redis
local redis = { error_reply = server.error_reply }
function redis.call(command, ...)
  return server.call(command, unpack({...}, 1, command == 'SET' and 2 or 1))
end
local now = tonumber(redis.call('GET', 'time'))
";

/// A time of day, in microseconds.
const NOW: u64 = 1_795_311_972_630_001;

impl RedisStore {
    /// A store that reads the time from a key.
    fn turned(server: &Server, prefix: &str) -> Self {
        let store = Self::builder(server.url()).prefix(prefix).timeout(Duration::from_secs(30));
        let mut store = store.build().unwrap();
        Arc::get_mut(&mut store.0).unwrap().script = DrawScript::with_clock(TURNED);
        set_time(server, NOW);
        store
    }
}

fn set_time(server: &Server, now: u64) {
    server.ask::<()>(&["SET", "time", &now.to_string()]);
}

fn bucket(quota: Quota) -> Bucket {
    Bucket::new(quota).unwrap()
}

fn order(policy: &str, key: &str, bucket: Bucket, cost: u64, draw: Draw) -> Order {
    let key = KeyBytes::from_slice(key.as_bytes());
    Order { policy: policy.into(), key, bucket, cost, draw, binding: true }
}

fn hourly(draw: Draw) -> Order {
    order("hourly", "ada", bucket(Quota::per_hour(10)), 1, draw)
}

/// Whether it was granted, and what is left in each.
async fn draw(store: &RedisStore, orders: &[Order], requests: u32) -> (bool, u32, Vec<u64>) {
    let granted = store.draw(orders.to_vec(), requests).await.unwrap();
    let pairs = || orders.iter().zip(&granted.decisions);
    let allowed = pairs().all(|(order, decision)| !order.binding || decision.allowed());
    let left = pairs().map(|(order, decision)| order.bucket.remaining(*decision)).collect();
    (allowed, granted.requests, left)
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q8_a_burst_is_exact_and_refilled_to_the_tick() {
    let server = Server::start(&[]);
    let store = RedisStore::turned(&server, "test");
    let hourly = [hourly(Draw::Take)];
    for left in (0..10).rev() {
        assert_eq!(draw(&store, &hourly, 1).await, (true, 1, vec![left]));
    }
    let refused = store.draw(hourly.to_vec(), 1).await.unwrap();
    let bucket = hourly[0].bucket;
    assert_eq!(bucket.retry_after(refused.decisions[0]), Duration::from_secs(360));
    set_time(&server, NOW + 359_999_999);
    assert_eq!(draw(&store, &hourly, 1).await, (false, 1, vec![0]));
    set_time(&server, NOW + 360_000_000);
    assert_eq!(draw(&store, &hourly, 1).await, (true, 1, vec![0]));
    assert_eq!(draw(&store, &hourly, 1).await, (false, 1, vec![0]));
    set_time(&server, NOW + 3_960_000_000);
    assert_eq!(draw(&store, &hourly, 1).await, (true, 1, vec![9]));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q9_all_buckets_are_charged_or_none_in_one_round_trip() {
    let server = Server::start(&[]);
    let store = RedisStore::turned(&server, "test");
    let few = order("few", "ada", bucket(Quota::per_hour(2)), 1, Draw::Take);
    let orders =
        [hourly(Draw::Take), few, order("free", "ada", bucket(Quota::per_day(5)), 0, Draw::Take)];
    assert_eq!(draw(&store, &orders, 1).await, (true, 1, vec![9, 1, 5]));
    let before = (server.calls("evalsha"), server.calls("eval"));
    assert_eq!(draw(&store, &orders, 1).await, (true, 1, vec![8, 0, 5]));
    assert_eq!(draw(&store, &orders, 1).await, (false, 1, vec![8, 0, 5]));
    assert_eq!((server.calls("evalsha"), server.calls("eval")), (before.0 + 2, before.1));

    let mut lenient = orders.clone();
    lenient[1].binding = false;
    assert_eq!(draw(&store, &lenient, 1).await, (true, 1, vec![7, 0, 5]), "what does not bind");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q9_several_requests_are_drawn_for_at_once_or_one() {
    let server = Server::start(&[]);
    let store = RedisStore::turned(&server, "test");
    let dear = order("dear", "ada", bucket(Quota::per_hour(30)), 3, Draw::Take);
    let orders = [hourly(Draw::Take), dear];
    assert_eq!(draw(&store, &orders, 7).await, (true, 7, vec![3, 9]));
    assert_eq!(draw(&store, &orders, 4).await, (true, 1, vec![2, 6]));
    assert_eq!(draw(&store, &orders, 2).await, (true, 2, vec![0, 0]));
    assert_eq!(draw(&store, &orders, 2).await, (false, 1, vec![0, 0]));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q12_looking_takes_nothing_and_what_is_owed_refuses_for_longer() {
    let server = Server::start(&[]);
    let store = RedisStore::turned(&server, "test");
    let (peek, owe) = ([hourly(Draw::Peek)], hourly(Draw::Owe));
    assert_eq!(draw(&store, &peek, 1).await, (true, 1, vec![10]));
    assert_eq!(server.ask::<Vec<String>>(&["KEYS", "*"]), ["time"], "looking stores nothing");
    let owed = Order { cost: 20, binding: false, ..owe };
    draw(&store, &[owed], 1).await;
    let refused = store.draw(peek.to_vec(), 1).await.unwrap().decisions[0];
    assert_eq!(peek[0].bucket.retry_after(refused), Duration::from_secs(11 * 360));
    set_time(&server, NOW + 11 * 360_000_000);
    assert_eq!(draw(&store, &peek, 1).await, (true, 1, vec![1]));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q8_a_clock_that_goes_back_adds_nothing_and_takes_nothing() {
    let server = Server::start(&[]);
    let store = RedisStore::turned(&server, "test");
    let hourly = [hourly(Draw::Take)];
    assert_eq!(draw(&store, &hourly, 10).await, (true, 10, vec![0]));
    let day = 24 * 3_600_000_000;
    set_time(&server, NOW - day);
    assert_eq!(draw(&store, &hourly, 1).await, (false, 1, vec![0]));
    set_time(&server, NOW - day + 360_000_000);
    assert_eq!(draw(&store, &hourly, 1).await, (true, 1, vec![0]), "refilled from there on");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q8_a_changed_quota_takes_over_what_the_old_one_left() {
    let server = Server::start(&[]);
    let store = RedisStore::turned(&server, "test");
    let of = |quota| [order("same", "ada", bucket(quota), 1, Draw::Take)];
    let old = Quota::new(7, Duration::from_nanos(3_600_000_000_001));
    assert_eq!(draw(&store, &of(old), 7).await, (true, 7, vec![0]));
    assert_eq!(draw(&store, &of(Quota::per_hour(14)), 1).await, (false, 1, vec![0]));
    set_time(&server, NOW + 3_600_000_000 / 14);
    assert_eq!(draw(&store, &of(Quota::per_hour(14)), 1).await, (false, 1, vec![0]), "rounded up");
    set_time(&server, NOW + 3_600_000_000 / 14 + 2);
    assert_eq!(draw(&store, &of(Quota::per_hour(14)), 1).await, (true, 1, vec![0]));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q10_a_bucket_is_forgotten_when_it_is_full_again_and_a_name_tells_nobody() {
    let server = Server::start(&[]);
    let store = RedisStore::builder(server.url()).prefix("shop").build().unwrap();
    draw(&store, &[hourly(Draw::Take)], 1).await;
    let names: Vec<String> = server.ask(&["KEYS", "*"]);
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("shop:{") && names[0].ends_with("}:hourly"), "{names:?}");
    assert!(!names[0].contains("ada"));
    let left: u64 = server.ask(&["PTTL", &names[0]]);
    assert!((330_000..=361_000).contains(&left), "{left} ms");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_a_bucket_that_somebody_else_wrote_is_an_error_and_admits_nobody() {
    let server = Server::start(&[]);
    let store = RedisStore::turned(&server, "test");
    draw(&store, &[hourly(Draw::Take)], 1).await;
    let names: Vec<String> = server.ask(&["KEYS", "test:*"]);
    let name = &*names[0];
    let long = format!("{NOW} 1 0 {}", "9".repeat(400));
    let texts = [
        "",
        "1",
        "1 1 1",
        "-1 1 1 2",
        "1 1 2 2",
        "1e3 1 0 1",
        "nan nan nan nan",
        " 1 1 0 1",
        &long,
    ];
    for text in texts {
        server.ask::<()>(&["SET", name, text]);
        let error = store.draw(vec![hourly(Draw::Take)], 1).await.unwrap_err();
        assert!(error.to_string().contains("NONSENSE"), "{text:?}: {error}");
        assert_eq!(server.ask::<String>(&["GET", name]), text);
    }
    server.ask::<()>(&["DEL", name]);
    server.ask::<()>(&["LPUSH", name, "1"]);
    assert!(store.draw(vec![hourly(Draw::Take)], 1).await.is_err());
    server.ask::<()>(&["DEL", name]);
    // Full in a far future: as a bucket that owes, it refuses.
    server.ask::<()>(&["SET", name, "9007199254740991 9007199254740991 0 1000"]);
    assert!(!draw(&store, &[hourly(Draw::Take)], 1).await.0);
}

/// What the script should do, with [`Bucket`] in charge: when a bucket was written, and what it was short of then.
#[derive(Default)]
struct Model(HashMap<Arc<str>, (u64, u128)>);

impl Model {
    fn draw(&mut self, orders: &[Order], requests: u32, now: u64) -> (u32, Vec<Decision>) {
        let state = |order: &Order| {
            let (at, used) = self.0.get(&order.policy).copied().unwrap_or((now, 0));
            (order.bucket.instant_of(at.min(now)) + used).max(order.bucket.instant_of(now))
        };
        let states: Vec<_> = orders.iter().map(state).collect();
        let decide = |order: &Order, state, requests: u32, draw| {
            // What is only looked at is looked at for one.
            let requests = if order.draw == Draw::Peek { 1 } else { requests };
            let cost = order.cost * u64::from(requests);
            order.bucket.draw(state, order.bucket.instant_of(now), cost, draw)
        };
        let refuses = |requests| {
            let mut pairs = orders.iter().zip(&states);
            pairs.any(|(order, state)| {
                order.binding && !decide(order, *state, requests, Draw::Peek).1.allowed()
            })
        };
        let drawn = if !refuses(requests) { requests } else { u32::from(!refuses(1)) };
        let mut decisions = Vec::new();
        for (order, state) in orders.iter().zip(states) {
            let draw = if drawn == 0 { Draw::Peek } else { order.draw };
            let (next, decision) = decide(order, state, drawn.max(1), draw);
            let went_back = self.0.get(&order.policy).is_some_and(|(at, _)| *at > now);
            let takes = draw == Draw::Owe || (draw == Draw::Take && decision.allowed());
            let used = next - order.bucket.instant_of(now);
            if used > 0 && (takes || went_back) {
                self.0.insert(order.policy.clone(), (now, used));
            }
            decisions.push(decision);
        }
        (drawn.max(1), decisions)
    }
}

/// How the clock moves, for how many requests, and what is drawn from each bucket: cost, how, and whether it binds.
type Step = (i64, u32, Vec<(u64, u8, bool)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let moves = prop_oneof![Just(0), 0..1000_i64, 0..3_000_000_i64, -2_000_000..0_i64];
    let orders = prop::collection::vec((0..4_u64, 0..6_u8, any::<bool>()), 4);
    prop::collection::vec((moves, 1..4_u32, orders), 1..40)
}

#[test]
#[ignore = "needs redis-server: tests/run installs it"]
fn q8_the_script_agrees_with_the_arithmetic_of_buckets() {
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() };
    let rate = (1..1_000_000_u64, 1..3_000_000_000_u64, 1..9_u64);
    let runs = (steps(), prop::collection::vec(rate, 2));
    let run = TestRunner::new(config).run(&runs, |(steps, rates)| {
        server.ask::<()>(&["FLUSHALL"]);
        let store = RedisStore::turned(&server, "test");
        let random = rates.iter().map(|(tokens, nanos, burst)| {
            Quota::new(*tokens, Duration::from_nanos(*nanos)).burst(*burst)
        });
        let quotas = [Quota::per_second(3), Quota::new(7, Duration::from_nanos(1_000_003))];
        let buckets: Vec<_> = quotas.into_iter().chain(random).map(bucket).collect();
        let (mut model, mut now) = (Model::default(), NOW);
        for (shift, requests, wanted) in steps {
            now = now.checked_add_signed(shift).unwrap();
            set_time(&server, now);
            let all = wanted.iter().zip(&buckets).enumerate();
            let orders = all.filter_map(|(number, ((cost, how, binding), bucket))| {
                let hows = [Draw::Take, Draw::Peek, Draw::Owe, Draw::Take, Draw::Take];
                let draw = *hows.get(usize::from(*how))?;
                let order = order(&format!("policy{number}"), "ada", *bucket, *cost, draw);
                Some(Order { binding: *binding, ..order })
            });
            let orders: Vec<_> = orders.collect();
            if !orders.is_empty() {
                let granted = runtime.block_on(store.draw(orders.clone(), requests)).unwrap();
                let expected = model.draw(&orders, requests, now);
                prop_assert_eq!((granted.requests, granted.decisions), expected);
            }
        }
        Ok(())
    });
    run.unwrap();
}

/// How the clock moves, for how many requests, by which of two calendars, how many tokens, and how.
type Days = Vec<(i64, u32, bool, u64, u8)>;

fn days() -> impl Strategy<Value = Days> {
    const DAY: i64 = 86_400_000_000;
    let moves = prop_oneof![
        2 => Just(0),
        2 => 0..DAY,
        1 => -2 * DAY..4 * DAY,
        1 => -70 * DAY..400 * DAY,
        // To a midnight, or a microsecond before: see below.
        2 => prop::sample::select(vec![i64::MAX, i64::MIN]),
    ];
    prop::collection::vec((moves, 1..4_u32, any::<bool>(), 1..4_u64, 0..4_u8), 1..60)
}

#[test]
#[ignore = "needs redis-server: tests/run installs it"]
fn q8_the_script_agrees_with_the_arithmetic_of_the_calendar() {
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() };
    let day = 86_400_000_000_u64;
    // From 1975 to the year 2100.
    let run =
        TestRunner::new(config).run(&(5 * 365 * day..130 * 365 * day, days()), |(start, steps)| {
            server.ask::<()>(&["FLUSHALL"]);
            let store = RedisStore::turned(&server, "test");
            let buckets = [Quota::calendar_day(7), Quota::calendar_month(9)].map(bucket);
            let (mut states, mut now) = ([0, 0], start);
            for (shift, requests, monthly, cost, how) in steps {
                now = match shift {
                    i64::MAX => now / day * day + day,
                    i64::MIN => now / day * day - 1,
                    shift => now.saturating_add_signed(shift),
                };
                set_time(&server, now);
                let which = usize::from(monthly);
                let draw = [Draw::Take, Draw::Take, Draw::Peek, Draw::Owe][usize::from(how)];
                let order = order(&format!("policy{which}"), "ada", buckets[which], cost, draw);
                let order = Order { binding: draw != Draw::Owe, ..order };
                let granted = runtime.block_on(store.draw(vec![order.clone()], requests)).unwrap();

                let bucket = buckets[which].at(|| Duration::from_micros(now));
                let times =
                    |requests: u32| if draw == Draw::Peek { 1 } else { u64::from(requests) };
                let of = |requests: u32| {
                    bucket.draw(
                        states[which],
                        bucket.instant(Duration::ZERO),
                        cost * times(requests),
                        draw,
                    )
                };
                let all = of(requests);
                let (drawn, (state, expected)) =
                    if all.1.allowed() || draw == Draw::Owe { (requests, all) } else { (1, of(1)) };
                states[which] = state;
                let told = |decision| (bucket.remaining(decision), bucket.retry_after(decision));
                prop_assert_eq!(
                    (granted.requests, granted.decisions[0].allowed(), told(granted.decisions[0])),
                    (drawn, expected.allowed(), told(expected))
                );
            }
            Ok(())
        });
    run.unwrap();
}
