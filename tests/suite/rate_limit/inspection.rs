//! Looking into limits: a caller's standing, what was counted, who asks most.

use std::time::Duration;

use tower_warden::authz::{Rules, public};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Consumer, Key, Limit, LimitKey, PeekError, Quota, RateLimitLayer};
use tower_warden::warden::Warden;

use super::{built, from, status};
use crate::support::{get, through};

fn address(address: &str) -> LimitKey {
    LimitKey::address(address.parse().unwrap())
}

#[test]
fn u3_a_key_made_of_a_request_shows_no_credentials() {
    let mut request = http::Request::new(());
    request.headers_mut().insert("authorization", "Bearer hunter2".parse().unwrap());
    let key = LimitKey::request(request.into_parts().0);
    assert!(!format!("{key:?}").contains("hunter2"));
}

#[tokio::test]
async fn q4_a_peek_agrees_with_the_fields_and_charges_nothing() {
    let (layer, clock) = built(RateLimitLayer::by_address("a", Quota::per_minute(3)));
    let limiter = layer.limiter("a").unwrap();
    for left in (0..3).rev() {
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        for _ in 0..5 {
            let standing = limiter.peek(&address("::ffff:192.0.2.1")).await.unwrap();
            assert_eq!((standing.limit, standing.remaining), (3, left));
            let field = format!("\"a\";r={left};t={}", standing.full_after.as_secs());
            assert_eq!(answer.header("ratelimit"), field);
            assert_eq!(standing.retry_after.is_zero(), left > 0);
        }
    }
    assert_eq!(status(&layer, "192.0.2.1").await, 429);
    let standing = limiter.peek(&address("192.0.2.1")).await.unwrap();
    assert_eq!(standing.retry_after, Duration::from_secs(20));
    clock.advance(Duration::from_secs(60));
    let standing = limiter.peek(&address("192.0.2.1")).await.unwrap();
    assert_eq!((standing.remaining, standing.full_after), (3, Duration::ZERO));
}

#[tokio::test]
async fn q11_a_peek_finds_whoever_the_limit_finds() {
    let limit = Limit::new("a", Key::address_with_ipv6_prefix(56), Quota::per_minute(3));
    let (layer, _clock) = built(RateLimitLayer::builder().limit(limit));
    status(&layer, "2001:db8:0:1::1").await;
    let limiter = layer.limiter("a").unwrap();
    let left = async |key| limiter.peek(&key).await.unwrap().remaining;
    assert_eq!(left(address("2001:db8:0:ff::2")).await, 2);
    assert_eq!(left(address("2001:db8:0:100::2")).await, 3);
    assert_eq!(left(LimitKey::request(from("2001:db8::", &[]).into_parts().0)).await, 2);
    assert_eq!(limiter.peek(&LimitKey::principal("test", "ada")).await, Err(PeekError::WrongKey));

    let (layer, _clock) = built(RateLimitLayer::by_principal("p", Quota::per_minute(3)));
    let mut request = get("/", &[]);
    let ada = Principal::builder("test", "ada", PrincipalKind::Machine, "Named").build();
    request.extensions_mut().insert(ada.clone());
    through(&layer, request).await;
    let limiter = layer.limiter("p").unwrap();
    for (key, left) in [
        (LimitKey::principal("test", "ada"), 2),
        (LimitKey::of(ada), 2),
        (LimitKey::principal("testa", "da"), 3),
    ] {
        assert_eq!(limiter.peek(&key).await.unwrap().remaining, left);
    }
    assert_eq!(limiter.peek(&address("192.0.2.1")).await, Err(PeekError::WrongKey));
}

#[tokio::test]
async fn q10_usage_counts_admitted_and_refused_requests_of_each_limit() {
    let builder = RateLimitLayer::by_address("small", Quota::per_minute(2))
        .limit(Limit::by_address("large", Quota::per_minute(10)));
    let (layer, clock) = built(builder);
    for _ in 0..5 {
        status(&layer, "192.0.2.1").await;
    }
    status(&layer, "192.0.2.2").await;
    let usages = layer.limiters().map(|limiter| {
        let usage = limiter.usage();
        let counts = (usage.charged, usage.refused, usage.shared_charges, usage.active_keys);
        (limiter.policy().to_owned(), counts)
    });
    let usages: Vec<_> = usages.collect();
    assert_eq!(usages, [("small".to_owned(), (3, 3, 0, 2)), ("large".to_owned(), (3, 0, 0, 2))]);
    clock.advance(Duration::from_secs(60));
    assert_eq!(layer.limiter("small").unwrap().usage().active_keys, 0);
}

#[tokio::test]
async fn q10_keys_beyond_the_capacity_are_told_as_shared_charges() {
    let limit = Limit::by_address("a", Quota::per_hour(1000)).capacity(1);
    let (layer, _clock) = built(RateLimitLayer::builder().limit(limit));
    for host in 0..200 {
        status(&layer, &format!("192.0.2.{host}")).await;
    }
    let usage = layer.limiter("a").unwrap().usage();
    assert_eq!((usage.charged, usage.active_keys, usage.shared_charges), (200, 64, 136));
}

#[tokio::test]
async fn q10_top_consumers_are_told_only_where_a_limit_tracks_them() {
    let (silent, _clock) = built(RateLimitLayer::by_address("a", Quota::per_minute(1)));
    let limit = Limit::by_address("a", Quota::per_minute(100)).track_consumers(10);
    let (tracking, _clock) = built(RateLimitLayer::builder().limit(limit));
    for layer in [&silent, &tracking] {
        for step in 0..3000 {
            status(layer, if step % 3 == 0 { "2001:db8::1" } else { "192.0.2.1" }).await;
        }
    }
    assert!(silent.limiter("a").unwrap().top_consumers(10).is_empty());
    let top = tracking.limiter("a").unwrap().top_consumers(10);
    let keys: Vec<_> = top.iter().map(Consumer::key).collect();
    assert_eq!(keys, ["192.0.2.1", "2001:db8::/64"], "admitted or not");
    assert!((1000..3000).contains(&top[0].tokens()), "{top:?} of 2,000");
    assert!(!format!("{:?} {tracking:?}", tracking.limiter("a")).contains("192.0.2"));

    for capacity in [0, 1001] {
        let limit = Limit::by_address("a", Quota::per_minute(1)).track_consumers(capacity);
        let error = RateLimitLayer::builder().limit(limit).build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
    }
}

#[tokio::test]
async fn q12_a_warden_hands_out_its_limits_by_name() {
    let more = Limit::by_principal("daily", Quota::per_day(1)).plan("pro", Quota::per_day(9));
    let by_plan = Limit::by_address("by-plan", Quota::per_day(1)).plan("pro", Quota::per_day(9));
    let warden = Warden::builder()
        .rules(Rules::builder().get("/", public("test")))
        .limit(more)
        .limit(by_plan)
        .build()
        .unwrap();
    let names: Vec<_> = warden.limiters().map(|limiter| limiter.policy().to_owned()).collect();
    // Plans are known only once it is known who speaks.
    assert_eq!(names, ["address", "failed-authentication", "principal", "daily", "by-plan"]);
    let limiter = warden.limiter("address").unwrap();
    limiter.set_quota(Quota::per_minute(5)).unwrap();
    assert_eq!(limiter.peek(&address("192.0.2.1")).await.unwrap().limit, 5);
    assert!(warden.to_string().contains("\"address\": 5 at once"), "{warden}");
    assert!(warden.to_string().contains("plan \"pro\" 9 at once"), "{warden}");
    assert!(warden.limiter("nobody").is_none());
}
