//! Quotas by plan, and quotas by the calendar, through real layers.

use std::time::Duration;

use http::Request;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Limit, LimitKey, Quota, RateLimitLayer};

use super::{built, from};
use crate::support::{Answer, TestBody, get, through};

fn principal(subject: &str, plan: Option<&str>) -> Principal {
    let principal = Principal::builder("test", subject, PrincipalKind::User, "Named");
    match plan {
        Some(plan) => principal.plan(plan).build(),
        None => principal.build(),
    }
}

fn by(subject: &str, plan: Option<&str>) -> Request<TestBody> {
    let mut request = get("/", &[]);
    request.extensions_mut().insert(principal(subject, plan));
    request
}

async fn ask(layer: &RateLimitLayer, subject: &str, plan: Option<&str>) -> Answer {
    through(layer, by(subject, plan)).await
}

fn limit() -> Limit {
    Limit::by_principal("requests", Quota::per_minute(2))
        .plan("pro", Quota::per_minute(6))
        .plan("slow", Quota::per_hour(1))
}

fn layer(limit: Limit) -> (RateLimitLayer, tower_warden::testing::FakeClock) {
    built(RateLimitLayer::builder().limit(limit))
}

#[tokio::test]
async fn q3_the_quota_follows_the_plan_and_the_policy_keeps_its_name() {
    let (layer, _clock) = layer(limit());
    for (subject, plan, burst, window) in [
        ("ada", None, 2, 60),
        ("bob", Some("pro"), 6, 60),
        ("eve", Some("slow"), 1, 3600),
        ("unknown", Some("gold"), 2, 60),
    ] {
        for left in (0..burst).rev() {
            let answer = ask(&layer, subject, plan).await;
            assert_eq!(answer.status, 200, "{subject}");
            let policy = format!("\"requests\";q={burst};w={window}");
            assert_eq!(answer.header("ratelimit-policy"), policy);
            assert!(answer.header("ratelimit").starts_with(&format!("\"requests\";r={left};t=")));
        }
        let refused = ask(&layer, subject, plan).await;
        assert_eq!((refused.status, refused.header("ratelimit").contains("r=0")), (429, true));
    }
}

#[tokio::test]
async fn q8_a_caller_whose_plan_changes_keeps_the_time_until_its_bucket_is_full() {
    let (layer, _clock) = layer(limit());
    let left = async |plan| {
        let limiter = layer.limiter("requests").unwrap();
        limiter.peek(&LimitKey::of(principal("ada", plan))).await.unwrap()
    };
    assert_eq!(ask(&layer, "ada", None).await.status, 200);
    // Half a minute: half of each minute's plan, and more than the hour's has to spare.
    assert_eq!((left(None).await.remaining, left(Some("pro")).await.remaining), (1, 3));
    assert_eq!(left(Some("slow")).await.retry_after, Duration::from_secs(30));
    assert_eq!(ask(&layer, "ada", Some("pro")).await.header("ratelimit"), "\"requests\";r=2;t=40");
    assert_eq!(ask(&layer, "ada", Some("slow")).await.status, 429);
}

#[tokio::test]
async fn q8_taking_turns_between_plans_wins_nothing() {
    let (layer, clock) = layer(limit().plan("large", Quota::per_day(1000)));
    for _ in 0..1000 {
        assert_eq!(ask(&layer, "ada", Some("large")).await.status, 200);
    }
    let mut admitted = 0;
    for _ in 0..60 {
        clock.advance(Duration::from_secs(60)); // A minute's plan would be full again.
        for plan in [None, Some("pro"), Some("large")] {
            admitted += u32::from(ask(&layer, "ada", plan).await.status == 200);
        }
    }
    assert_eq!(admitted, 1000 / 24, "what the large plan refills in an hour");
}

#[tokio::test]
async fn q3_a_plan_may_be_found_in_another_way() {
    let limit = Limit::by_address("requests", Quota::per_minute(1))
        .plan("pro", Quota::per_minute(5))
        .plan_by(|head| head.headers.get("x-plan")?.to_str().ok());
    let (layer, _clock) = layer(limit);
    for (plan, burst) in [("pro", 5), ("other", 1)] {
        let answer = through(&layer, from(&format!("192.0.2.{burst}"), &[("x-plan", plan)])).await;
        assert_eq!(answer.header("ratelimit-policy"), format!("\"requests\";q={burst};w=60"));
    }
    let answer = through(&layer, from("192.0.2.9", &[])).await;
    assert_eq!(answer.header("ratelimit-policy"), "\"requests\";q=1;w=60");
}

#[test]
fn q8_plans_that_make_no_sense_are_refused() {
    let quota = Quota::per_minute(1);
    for (limit, part) in [
        (limit().plan("pro", quota), "plan \"pro\" is given twice"),
        (limit().plan("", quota), "without a name"),
        (limit().plan("zero", Quota::per_day(5).burst(0)), "plan \"zero\": the quota's burst"),
        (limit().plan("day", Quota::calendar_day(5)), "same calendar"),
        (limit().cost(2), "plan \"slow\": a request costs more"),
        (limit().plan("a", Quota::per_second(9_973)).plan("b", Quota::per_second(9_967)), "scale"),
        (Limit::by_principal("requests", quota).plan_by(|_| None), "has none"),
        ((0..65).fold(limit(), |limit, n| limit.plan(format!("plan {n}"), quota)), "more than 64"),
        (
            Limit::by_principal("requests", Quota::calendar_day(5))
                .plan("month", Quota::calendar_month(5)),
            "same calendar",
        ),
    ] {
        let error = RateLimitLayer::builder().limit(limit.clone()).build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{limit:?}: {error}");
        assert_eq!(error.problems()[0].culprit(), "rate limiter \"requests\"");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn q8_a_month_of_30_days_refills_bit_by_bit() {
    let (layer, clock) = built(RateLimitLayer::by_address("month", Quota::per_month(30)));
    for left in (0..30).rev() {
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        assert!(answer.header("ratelimit").starts_with(&format!("\"month\";r={left};")));
        assert_eq!(answer.header("ratelimit-policy"), "\"month\";q=30;w=2592000");
    }
    assert_eq!(through(&layer, from("192.0.2.1", &[])).await.header("retry-after"), "86400");
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(through(&layer, from("192.0.2.1", &[])).await.status, 200);
}

#[tokio::test]
async fn q8_a_month_of_the_calendar_starts_anew_on_the_first() {
    const DAY: u64 = 86_400;
    const FEBRUARY: u64 = 1_769_904_000; // 2026-02-01
    let (layer, clock) = built(RateLimitLayer::by_address("month", Quota::calendar_month(2)));
    let ask = async || through(&layer, from("192.0.2.1", &[])).await;
    clock.set_unix(Duration::from_secs(FEBRUARY + 12 * DAY + 100));
    let answer = ask().await;
    assert_eq!(answer.header("ratelimit-policy"), "\"month\";q=2;w=2678400");
    assert_eq!(answer.header("ratelimit"), format!("\"month\";r=1;t={}", 16 * DAY - 100));
    assert_eq!(ask().await.status, 200);
    let refused = ask().await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, &*(16 * DAY - 100).to_string())
    );

    // Nobody waits for the face of the clock that only counts, and a calendar that goes back adds nothing.
    clock.set_monotonic(Duration::ZERO);
    for unix in [FEBRUARY + 28 * DAY - 1, FEBRUARY + DAY, FEBRUARY - 1, u64::MAX] {
        clock.set_unix(Duration::from_secs(unix));
        assert_eq!(ask().await.status, 429, "{unix}");
    }
    clock.set_unix(Duration::from_secs(FEBRUARY + 28 * DAY));
    assert_eq!(ask().await.header("ratelimit"), format!("\"month\";r=1;t={}", 31 * DAY));
}

#[tokio::test]
async fn q9_a_day_of_the_calendar_stands_beside_a_rate() {
    let builder = RateLimitLayer::by_address("rate", Quota::per_second(2))
        .limit(Limit::by_address("day", Quota::calendar_day(3)));
    let (layer, clock) = built(builder);
    let mut refused_by = Vec::new();
    for _ in 0..3 {
        for _ in 0..2 {
            let answer = through(&layer, from("192.0.2.1", &[])).await;
            refused_by.push(if answer.status == 200 {
                "nobody".to_owned()
            } else {
                answer.json()["violated-policies"][0].as_str().unwrap().to_owned()
            });
        }
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(refused_by, ["nobody", "nobody", "nobody", "day", "day", "day"]);
    clock.set_unix(Duration::from_secs(86_400));
    assert_eq!(through(&layer, from("192.0.2.1", &[])).await.status, 200);
}
