//! Limits on trial: they count and tell, and refuse nothing.

use std::time::Duration;

use tower_warden::authz::{Rules, public};
use tower_warden::client_address::PeerAddress;
use tower_warden::rate_limit::{Fields, Limit, Quota, RateLimitLayer, ShadowRefusals};
use tower_warden::testing::FakeClock;
use tower_warden::warden::Warden;

use super::read::fields;
use super::{GRPC, built, from};
use crate::support::{Answer, Logs, get, through};

fn shadowed(answer: &Answer) -> Vec<&str> {
    ShadowRefusals::of(&answer.extensions).map_or(Vec::new(), |own| own.policies().collect())
}

#[tokio::test]
async fn q14_a_shadow_limit_counts_and_tells_and_refuses_nothing() {
    let limit = Limit::by_address("trial", Quota::per_minute(1)).shadow();
    let (layer, clock) = built(RateLimitLayer::builder().limit(limit));
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!((answer.status, shadowed(&answer).len()), (200, 0));
    assert_eq!(fields(&answer), [("trial".to_owned(), [1, 60, 0, 60])]);
    for (header, refusals) in [(None, 1), (Some(GRPC), 2), (None, 3)] {
        let answer = through(&layer, from("192.0.2.1", header.as_slice())).await;
        assert_eq!((answer.status, answer.text()), (200, "inner"), "not refused");
        assert_eq!(shadowed(&answer), ["trial"]);
        assert!(answer.all("retry-after").is_empty());
        if header.is_none() {
            assert_eq!(fields(&answer), [("trial".to_owned(), [1, 60, 0, 60])]);
        }
        assert_eq!(layer.shadow_refusals("trial"), refusals);
    }
    assert_eq!(layer.shadow_refusals("another"), 0);
    clock.advance(Duration::from_secs(60));
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!((answer.status, shadowed(&answer).len()), (200, 0), "nothing was owed");
    assert_eq!(layer.shadow_refusals("trial"), 3);
}

#[tokio::test]
async fn q9_q14_a_shadow_limit_keeps_no_other_from_charging_and_is_charged_with_them() {
    let limits = RateLimitLayer::builder()
        .limit(Limit::by_address("trial", Quota::per_minute(2)).shadow())
        .limit(Limit::by_address("real", Quota::per_minute(3)));
    let (layer, _clock) = built(limits);
    for (status, trial, real, marked) in [
        (200, 1, 2, &[][..]),
        (200, 0, 1, &[]),
        (200, 0, 0, &["trial"]), // charged to the one that is in force
        (429, 0, 0, &[]),        // refused by it, so no trial
    ] {
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        assert_eq!((answer.status, shadowed(&answer)), (status, marked.to_vec()));
        let left: Vec<i64> = fields(&answer).iter().map(|(_, numbers)| numbers[2]).collect();
        assert_eq!(left, [trial, real]);
        if status == 429 {
            assert_eq!(answer.json()["violated-policies"], serde_json::json!(["real"]));
        }
    }
    assert_eq!(layer.shadow_refusals("trial"), 1);

    // A request that a limit in force refuses is not charged to one on trial either.
    let limits = RateLimitLayer::builder()
        .limit(Limit::by_address("real", Quota::per_minute(1)))
        .limit(Limit::by_address("trial", Quota::per_minute(5)).shadow());
    let (layer, _clock) = built(limits);
    for status in [200, 429, 429] {
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        assert_eq!((answer.status, fields(&answer)[1].1[2]), (status, 4));
    }
}

#[tokio::test]
async fn q14_the_log_tells_of_a_trial_at_most_once_a_minute() {
    let logs = Logs::capture();
    let limit = Limit::by_address("on trial", Quota::per_hour(1)).shadow();
    let (layer, clock) = built(RateLimitLayer::builder().limit(limit));
    let told = || logs.text().matches("shadow").count();
    for (minute, lines) in [(0, 1), (1, 2)] {
        for request in 0..5 {
            through(&layer, from("192.0.2.1", &[])).await;
            assert_eq!(told(), if minute + request == 0 { 0 } else { lines });
        }
        clock.advance(Duration::from_secs(60));
    }
    assert!(logs.text().contains("on trial") && logs.text().contains('5'), "{}", logs.text());
    assert!(!logs.text().contains("192.0.2.1"));
}

#[tokio::test]
async fn q14_a_warden_shows_and_counts_its_limits_on_trial() {
    let clock = FakeClock::at_unix(0);
    let warden = Warden::builder()
        .rules(Rules::builder().get("/", public("test")))
        .limit(Limit::by_address("trial", Quota::per_hour(1)).shadow())
        .rate_limit_fields(Fields::draft_10().and_legacy_x_ratelimit())
        .clock(clock)
        .build()
        .unwrap();
    let posture = warden.to_string();
    let line = posture.lines().find(|line| line.contains("\"trial\"")).unwrap();
    assert!(line.contains("shadow"), "{posture}");
    assert_eq!(posture.matches("shadow").count(), 1, "{posture}");
    for refusals in 0..3 {
        let mut request = get("/", &[]);
        request.extensions_mut().insert(PeerAddress(([192, 0, 2, 1], 40_000).into()));
        let answer = through(&warden, request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(shadowed(&answer).len(), usize::from(refusals > 0));
        let names: Vec<String> = fields(&answer).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["address", "trial"]);
        assert_eq!(answer.header("x-ratelimit-limit"), "200", "not the one on trial");
        assert_eq!(warden.shadow_refusals("trial"), refusals);
    }
}
