//! What a refusal is: its problem type, its policies, and when to come back.

use std::time::Duration;

use tower::service_fn;
use tower_warden::rate_limit::{Fields, Key, Limit, Quota, RateLimitLayer};
use tower_warden::rejection::{Rejection, RejectionKind, Scene};

use super::read::fields;
use super::{GRPC, built, from, status};
use crate::support::{Answer, through};

const TYPES: &str = "https://iana.org/assignments/http-problem-types#";

#[tokio::test]
async fn q3_q4_all_limits_of_a_layer_are_told_in_its_order() {
    let (layer, _clock) = built(
        RateLimitLayer::by_address("burst", Quota::per_minute(2))
            .limit(Limit::by_address("daily \"fair use\"", Quota::per_day(10)))
            .limit(
                Limit::by_address("bytes", Quota::per_hour(100))
                    .quota_unit("content-bytes")
                    .cost(7),
            ),
    );
    let told = |burst: [i64; 2], daily: [i64; 2], bytes: [i64; 2]| {
        vec![
            ("burst".to_owned(), [2, 60, burst[0], burst[1]]),
            ("daily \"fair use\"".to_owned(), [10, 86_400, daily[0], daily[1]]),
            ("bytes".to_owned(), [100, 3_600, bytes[0], bytes[1]]),
        ]
    };
    for (burst, daily, bytes) in
        [([1, 30], [9, 8_640], [93, 252]), ([0, 60], [8, 17_280], [86, 504])]
    {
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        assert_eq!((answer.status, fields(&answer)), (200, told(burst, daily, bytes)));
        let units = super::read::members(&answer, "ratelimit-policy");
        assert_eq!(
            units.iter().filter_map(|told| told.unit.as_deref()).collect::<Vec<_>>(),
            ["content-bytes"]
        );
    }
    let refused = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(refused.status, 429);
    // The time until it is admitted, for the one that refuses; until they are full, for the others.
    assert_eq!(fields(&refused), told([0, 30], [8, 17_280], [86, 504]));
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["burst"]));
}

#[tokio::test]
async fn q7_every_violated_policy_is_named_and_the_longest_wait_counts() {
    let (layer, clock) = built(
        RateLimitLayer::by_address("second", Quota::per_second(1))
            .limit(Limit::by_address("plenty", Quota::per_minute(100)))
            .limit(Limit::by_address("minute", Quota::per_minute(1))),
    );
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    clock.advance(Duration::from_millis(1));
    let refused = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(refused.json()["type"], format!("{TYPES}quota-exceeded"));
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["second", "minute"]));
    let violated: Vec<&str> =
        refused.rejection().unwrap().violated_policies().iter().map(|policy| &**policy).collect();
    assert_eq!(violated, ["second", "minute"]);
    assert_eq!(refused.header("retry-after"), "60");
    for (policy, [_, _, remaining, seconds]) in fields(&refused) {
        match policy.as_str() {
            "second" => assert_eq!((remaining, seconds), (0, 1)),
            "minute" => assert_eq!((remaining, seconds), (0, 60)),
            _ => assert_eq!((remaining, seconds), (99, 1)),
        }
    }
}

#[tokio::test]
async fn q4_what_is_left_is_told_in_tokens() {
    let (layer, clock) = built(
        RateLimitLayer::builder().limit(Limit::by_address("a", Quota::per_minute(6)).cost(4)),
    );
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    let refused = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(refused.status, 429);
    // Two are left, four are needed, one comes back every 10 s.
    assert_eq!(fields(&refused), [("a".to_owned(), [6, 60, 2, 20])]);
    assert_eq!(refused.header("retry-after"), "20");
    clock.advance(Duration::from_secs(20));
    assert_eq!(status(&layer, "192.0.2.1").await, 200, "as promised");
}

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn q2_jitter_is_never_earlier_than_the_bucket_allows() {
    let quota = Quota::per_minute(1);
    let layer = RateLimitLayer::by_address("a", quota).retry_jitter(Duration::from_secs(30));
    let (layer, _clock) = built(layer);
    let mut seen = std::collections::HashSet::new();
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    for _ in 0..100 {
        let refused = through(&layer, from("192.0.2.1", &[])).await;
        let after = retry_after(&refused);
        assert!((60..=90).contains(&after), "{after}");
        assert_eq!(fields(&refused)[0].1[3], 60, "the bucket's own time stays");
        seen.insert(after);
    }
    assert!(seen.len() > 10, "{seen:?}");

    let (layer, _clock) = built(RateLimitLayer::by_address("a", quota));
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    for _ in 0..10 {
        assert_eq!(
            retry_after(&through(&layer, from("192.0.2.1", &[])).await),
            60,
            "none unless set"
        );
    }
}

#[test]
fn q2_q5_q6_what_answers_cannot_say_is_a_problem_at_build_time() {
    let quota = Quota::per_minute(1);
    let builder = || RateLimitLayer::by_address("a", quota);
    let limit = || Limit::new("b", Key::address(), quota);
    for (wrong, problems) in [
        (builder().retry_jitter(Duration::from_secs(86_401)), 1),
        (builder().fields(Fields::draft_10().partition_keys([0; 16])), 1),
        (builder().fields(Fields::legacy_x_ratelimit().partition_keys([1; 16])), 1),
        (builder().fields(Fields::none().partition_keys([0; 16])).retry_jitter(Duration::MAX), 3),
        (builder().limit(limit().quota_unit("requests")), 1),
        (builder().limit(limit().quota_unit("")), 1),
    ] {
        let error = wrong.build().unwrap_err();
        assert_eq!(error.problems().len(), problems, "{error}");
    }
    assert!(builder().retry_jitter(Duration::from_secs(86_400)).build().is_ok());
}

#[tokio::test]
async fn q7_the_drafts_problem_types_have_their_statuses() {
    for (kind, status, name, grpc) in [
        (RejectionKind::QuotaExceeded, 429, "quota-exceeded", 8),
        (RejectionKind::AbnormalUsage, 429, "abnormal-usage-detected", 8),
        (RejectionKind::ReducedCapacity, 503, "temporary-reduced-capacity", 14),
    ] {
        let rejection = Rejection::new(kind, "why").with_violated_policy("burst".into());
        let (head, ()) = http::Request::new(()).into_parts();
        let response = rejection.render(&Scene::of(&head)).map(http_body_util::Full::new);
        let answer = Answer::read(response).await;
        assert_eq!((answer.status, kind.grpc_code()), (status, grpc));
        assert_eq!(answer.json()["type"], format!("{TYPES}{name}"));
        assert_eq!(answer.json()["status"], status);
        assert_eq!(answer.json()["violated-policies"], serde_json::json!(["burst"]));
    }
}

#[tokio::test]
async fn q5_legacy_fields_tell_the_tightest_policy_and_only_where_asked_for() {
    let limits = || {
        RateLimitLayer::by_address("wide", Quota::per_minute(10))
            .limit(Limit::by_address("tight", Quota::per_hour(4)).cost(2))
            .limit(Limit::by_address("trial", Quota::per_day(2)).shadow())
    };
    let legacy = |answer: &Answer| {
        ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
            .map(|name| answer.all(name).join("|"))
    };
    let (layer, _clock) = built(limits().fields(Fields::draft_10().and_legacy_x_ratelimit()));
    for (status, expected) in
        [(200, ["4", "2", "1800"]), (200, ["4", "0", "3600"]), (429, ["4", "0", "1800"])]
    {
        let answer = through(&layer, from("192.0.2.1", &[])).await;
        assert_eq!((answer.status, legacy(&answer)), (status, expected.map(str::to_owned)));
        assert_eq!(fields(&answer).len(), 3);
    }
    let answer = through(&layer, from("192.0.2.2", &[GRPC])).await;
    assert_eq!(legacy(&answer), [""; 3], "gRPC has none");

    let (layer, _clock) = built(limits().fields(Fields::legacy_x_ratelimit()));
    let answer = through(&layer, from("192.0.2.1", &[])).await;
    assert_eq!(legacy(&answer), ["4", "2", "1800"]);
    assert!(answer.all("ratelimit").is_empty() && answer.all("ratelimit-policy").is_empty());

    let (layer, _clock) = built(limits());
    assert_eq!(legacy(&through(&layer, from("192.0.2.1", &[])).await), [""; 3], "off unless set");
}

#[tokio::test]
async fn q5_of_nested_limiters_the_tightest_fills_the_legacy_fields() {
    let limiter = |name: &'static str, tokens| {
        let limiter = RateLimitLayer::by_address(name, Quota::per_minute(tokens));
        built(limiter.fields(Fields::draft_10().and_legacy_x_ratelimit())).0
    };
    for (outer, inner) in [(60, 3), (3, 60)] {
        let service = tower::ServiceBuilder::new()
            .layer(limiter("outer", outer))
            .layer(limiter("inner", inner))
            .service(service_fn(crate::support::hello));
        for (status, remaining) in [(200, "2"), (200, "1"), (200, "0"), (429, "0")] {
            let answer = crate::support::ask(service.clone(), from("192.0.2.1", &[])).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.all("x-ratelimit-limit"), ["3"]);
            assert_eq!(answer.all("x-ratelimit-remaining"), [remaining]);
        }
    }
}

#[tokio::test]
async fn q6_a_partition_key_is_a_keyed_hash_the_same_in_both_fields_and_in_every_process() {
    let limits = |secret: [u8; 16]| {
        let limits = RateLimitLayer::by_address("a", Quota::per_minute(1))
            .limit(Limit::by_address("b", Quota::per_minute(9)));
        built(limits.fields(Fields::draft_10().partition_keys(secret))).0
    };
    let keys = async |layer: &RateLimitLayer, address: &str| {
        let answer = through(layer, from(address, &[])).await;
        assert_eq!(fields(&answer).len(), 2, "`pk` agrees between the fields");
        let told = super::read::members(&answer, "ratelimit");
        told.into_iter().map(|told| told.partition.unwrap()).collect::<Vec<_>>()
    };
    let layer = limits([1; 16]);
    let ada = keys(&layer, "192.0.2.77").await;
    assert!(ada.iter().all(|key| key.len() == 16) && ada[0] != ada[1], "{ada:?}");
    assert_eq!(keys(&layer, "192.0.2.77").await, ada, "on a refusal too");
    assert_eq!(keys(&limits([1; 16]), "192.0.2.77").await, ada, "another process");
    assert_eq!(keys(&layer, "2001:db8::1").await, keys(&layer, "2001:db8::2").await, "one /64");
    for other in [keys(&layer, "192.0.2.78").await, keys(&limits([2; 16]), "192.0.2.77").await] {
        assert!(other.iter().all(|key| !ada.contains(key)));
    }
}

#[tokio::test]
async fn q6_neither_the_caller_nor_a_hash_without_the_secret_is_told() {
    use siphasher::sip128::{Hasher128, SipHasher24};
    use std::hash::Hasher;

    let secret = *b"sixteen secrets!";
    let fields = Fields::draft_10().partition_keys(secret);
    assert!(!format!("{fields:?}").contains("115"), "redacted: {fields:?}");
    let (layer, _clock) =
        built(RateLimitLayer::by_address("a", Quota::per_minute(9)).fields(fields));
    let answer = through(&layer, from("192.0.2.77", &[])).await;
    let told = super::read::members(&answer, "ratelimit").remove(0).partition.unwrap();
    let address: std::net::Ipv4Addr = "192.0.2.77".parse().unwrap();
    let mapped = address.to_ipv6_mapped().octets();
    let named = [&1_u64.to_le_bytes()[..], b"a", &mapped].concat();
    for clear in [&address.octets()[..], &mapped, b"192.0.2.77", &secret] {
        assert!(!told.windows(4).any(|window| clear.starts_with(window)), "{told:?}");
    }
    for guess in [&address.octets()[..], &mapped, b"192.0.2.77", &named] {
        let mut unkeyed = SipHasher24::new();
        unkeyed.write(guess);
        assert_ne!(told, unkeyed.finish128().as_bytes());
    }
    let mut keyed = SipHasher24::new_with_key(&secret);
    keyed.write(&named);
    assert_eq!(told, keyed.finish128().as_bytes(), "who has the secret can tell");
}
