//! Quotas that change while requests come in.

use std::time::Duration;

use tower_warden::rate_limit::{Limit, LimitKey, Limiter, Quota, RateLimitLayer, Standing};
use tower_warden::testing::FakeClock;

use super::{built, from, status};
use crate::support::through;

fn layer(quota: Quota) -> (RateLimitLayer, Limiter, FakeClock) {
    let (layer, clock) = built(RateLimitLayer::by_address("a", quota));
    let limiter = layer.limiter("a").unwrap();
    (layer, limiter, clock)
}

async fn standing(limiter: &Limiter, address: &str) -> Standing {
    limiter.peek(&LimitKey::address(address.parse().unwrap())).await.unwrap()
}

async fn admitted(layer: &RateLimitLayer, address: &str, requests: u32) -> u32 {
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += u32::from(status(layer, address).await == 200);
    }
    admitted
}

#[tokio::test]
async fn q8_a_new_quota_is_in_force_at_once_for_every_clone() {
    let (layer, limiter, _clock) = layer(Quota::per_minute(2));
    let clone = layer.clone();
    limiter.set_quota(Quota::per_minute(7)).unwrap();
    for (layer, left) in [(&layer, 6), (&clone, 5)] {
        let answer = through(layer, from("192.0.2.1", &[])).await;
        assert_eq!(answer.header("ratelimit-policy"), "\"a\";q=7;w=60");
        assert!(answer.header("ratelimit").starts_with(&format!("\"a\";r={left};")));
    }
    assert!(layer.to_string().contains("7 at once"), "{layer}");
    assert!(layer.limiter("b").is_none());
}

#[tokio::test]
async fn q8_what_was_used_stays_used_in_proportion() {
    for (before, after, left) in [
        (Quota::per_minute(10), Quota::per_minute(100), 50),
        (Quota::per_minute(100), Quota::per_minute(10), 5),
        (Quota::per_minute(10), Quota::per_day(1000), 500),
        (Quota::per_day(1000), Quota::per_minute(10), 5),
        (Quota::per_second(30), Quota::per_second(70), 35),
        (Quota::per_second(7).burst(10), Quota::per_hour(3).burst(40), 20),
        (Quota::calendar_day(10), Quota::calendar_day(30), 25), // In tokens: a day has no proportion.
    ] {
        let (layer, limiter, _clock) = layer(before);
        let half = u32::try_from(standing(&limiter, "192.0.2.1").await.limit / 2).unwrap();
        assert_eq!(admitted(&layer, "192.0.2.1", half).await, half);
        limiter.set_quota(after).unwrap();
        assert_eq!(standing(&limiter, "192.0.2.1").await.remaining, left, "{before:?} {after:?}");
        let of_a_stranger = standing(&limiter, "192.0.2.2").await;
        assert_eq!(of_a_stranger.remaining, of_a_stranger.limit);
    }
}

#[tokio::test]
async fn q8_a_shorter_period_sets_free_those_who_had_spent_a_day() {
    let (layer, limiter, clock) = layer(Quota::per_day(5));
    assert_eq!(admitted(&layer, "192.0.2.1", 9).await, 5);
    limiter.set_quota(Quota::per_minute(5)).unwrap();
    assert_eq!(admitted(&layer, "192.0.2.1", 9).await, 0);
    clock.advance(Duration::from_secs(60));
    assert_eq!(admitted(&layer, "192.0.2.1", 9).await, 5);
}

#[tokio::test]
async fn q10_a_longer_refill_holds_what_is_in_use_and_nothing_that_was_full() {
    let (layer, limiter, clock) = layer(Quota::per_minute(4));
    assert_eq!(admitted(&layer, "192.0.2.1", 4).await, 4);
    clock.advance(Duration::from_secs(60));
    assert_eq!(admitted(&layer, "192.0.2.2", 4).await, 4);
    limiter.set_quota(Quota::per_day(4)).unwrap();
    // The first was full again when the quota changed, and is full under the new one.
    let both = [standing(&limiter, "192.0.2.1").await, standing(&limiter, "192.0.2.2").await];
    assert_eq!(both.map(|standing| standing.remaining), [4, 0]);
    assert_eq!(both[1].full_after, Duration::from_secs(86_400));
    // It is a day's bucket from the moment of the change, also for whom nobody asked meanwhile.
    clock.advance(Duration::from_secs(6 * 3600));
    assert_eq!(admitted(&layer, "192.0.2.2", 9).await, 1);
    assert_eq!(limiter.usage().active_keys, 1);
}

#[tokio::test]
async fn q8_many_changes_lose_nothing_and_give_nothing() {
    // Half a minute is a whole number of ticks in every scale; three sevenths of a second are not, and are rounded up.
    for (seconds, tokens, used, left) in [(60, 100, 50, 50), (1, 7, 3, 3)] {
        let quota = |tokens| Quota::new(tokens, Duration::from_secs(seconds));
        let (layer, limiter, _clock) = layer(quota(tokens));
        assert_eq!(admitted(&layer, "192.0.2.1", used).await, used);
        let before = standing(&limiter, "192.0.2.1").await.full_after;
        for tokens in (1..60).map(|step| 11 * step + 2) {
            limiter.set_quota(quota(tokens)).unwrap();
        }
        limiter.set_quota(quota(tokens)).unwrap();
        let after = standing(&limiter, "192.0.2.1").await;
        assert_eq!(after.remaining, left);
        assert!(after.full_after - before < Duration::from_micros(1), "{after:?}, {before:?}");
    }
}

#[tokio::test]
async fn q8_a_bad_quota_is_refused_and_the_one_before_stays() {
    let limit = Limit::by_address("a", Quota::per_minute(3)).cost(2).plan_by(|_| None);
    let (layer, _clock) =
        built(RateLimitLayer::builder().limit(limit.plan("pro", Quota::per_minute(5))));
    let limiter = layer.limiter("a").unwrap();
    for (plan, quota, part) in [
        (None, Quota::per_minute(0), "zero"),
        (None, Quota::new(5, Duration::ZERO), "zero"),
        (None, Quota::per_day(1).burst(u64::MAX), "exactly"),
        (None, Quota::per_minute(1), "costs more"),
        (None, Quota::calendar_day(5), "same calendar"),
        (Some("gold"), Quota::per_minute(5), "no plan \"gold\""),
        (Some("pro"), Quota::per_second(0), "plan \"pro\": "),
    ] {
        let error = match plan {
            None => limiter.set_quota(quota),
            Some(plan) => limiter.set_plan(plan, quota),
        };
        let error = error.unwrap_err();
        assert_eq!(error.problems()[0].culprit(), "rate limiter \"a\"");
        assert!(error.to_string().contains(part), "{error}");
    }
    let exports = Limit::by_address("a", Quota::per_minute(9)).cost_of_route("/exports", 5);
    let (exporting, _clock) = built(RateLimitLayer::builder().limit(exports));
    let exporting = exporting.limiter("a").unwrap();
    let error = exporting.set_quota(Quota::per_minute(4)).unwrap_err();
    assert!(error.to_string().contains("\"/exports\" costs more"), "{error}");
    assert!(exporting.set_quota(Quota::per_minute(5)).is_ok());
    let (_, alone, _clock) = self::layer(Quota::per_day(5));
    assert!(alone.set_quota(Quota::calendar_day(5)).is_err());
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(answer.header("ratelimit-policy"), "\"a\";q=3;w=60");
}

#[tokio::test]
async fn q8_a_plan_changes_alone() {
    let limit = Limit::by_address("a", Quota::per_minute(3))
        .plan("pro", Quota::per_second(3))
        .plan_by(|head| head.headers.get("x-plan")?.to_str().ok());
    let (layer, _clock) = built(RateLimitLayer::builder().limit(limit));
    layer.limiter("a").unwrap().set_plan("pro", Quota::per_second(7)).unwrap();
    for (headers, policy) in
        [(&[][..], "\"a\";q=3;w=60"), (&[("x-plan", "pro")][..], "\"a\";q=7;w=1")]
    {
        let answer = through(&layer, from("192.0.2.1", headers)).await;
        assert_eq!(answer.header("ratelimit-policy"), policy);
    }
}

#[test]
fn q8_threads_that_draw_while_the_quota_changes_get_no_more_than_the_greatest() {
    let (layer, limiter, _clock) = layer(Quota::per_day(300));
    let draw = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(admitted(&layer, "192.0.2.1", 400))
    };
    let total: u32 = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(draw));
        for tokens in [301, 307, 300, 299, 311].into_iter().cycle().take(200) {
            limiter.set_quota(Quota::per_day(tokens)).unwrap();
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Half of the tokens of one quota are half of the other's: 311 is the most that any way through them adds up to, and
    // a draw that began before a change counts by the quota before.
    assert!((280..=311 + 4).contains(&total), "{total}");
}
