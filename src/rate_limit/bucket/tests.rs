use proptest::prelude::*;

use super::*;

const EDGES: [Quota; 8] = [
    Quota::per_day(1),
    Quota::per_second(1_000_000_000),
    Quota::per_second(3),
    Quota::per_minute(7919),
    Quota::per_hour(1).burst(1_000_000),
    Quota::per_second(1_000_000).burst(1),
    Quota::new(7, Duration::from_nanos(3)),
    Quota::per_second(10).burst(25),
];

/// The bucket as a textbook draws it: a level that rises with time. One token is as many units as the period has
/// nanoseconds, so that a nanosecond adds as many units as the period has tokens.
struct Model {
    quota: Quota,
    level: u128,
    now: u128,
}

impl Model {
    fn full(quota: Quota) -> Self {
        let mut model = Self { quota, level: 0, now: 0 };
        model.level = model.capacity();
        model
    }

    fn token(&self) -> u128 {
        self.quota.period.as_nanos()
    }

    fn capacity(&self) -> u128 {
        u128::from(self.quota.burst) * self.token()
    }

    fn take(&mut self, now: u128) -> Told {
        let rate = u128::from(self.quota.tokens);
        self.level = (self.level + (now - self.now) * rate).min(self.capacity());
        self.now = now;
        let missing = self.token().saturating_sub(self.level);
        if missing == 0 {
            self.level -= self.token();
        }
        let span = |units: u128| Duration::from_nanos(units.div_ceil(rate).try_into().unwrap());
        let full_after = span(self.capacity() - self.level);
        let seconds = if missing == 0 { full_after } else { span(missing) };
        Told {
            allowed: missing == 0,
            remaining: (self.level / self.token()).try_into().unwrap(),
            retry_after: span(missing),
            seconds: seconds.as_nanos().div_ceil(1_000_000_000).try_into().unwrap(),
        }
    }
}

/// Everything that a caller may be told of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    allowed: bool,
    remaining: u64,
    retry_after: Duration,
    seconds: u64,
}

fn told(bucket: &Bucket, decision: Decision) -> Told {
    Told {
        allowed: decision.allowed(),
        remaining: bucket.remaining(decision),
        retry_after: bucket.retry_after(decision),
        seconds: bucket.seconds(decision),
    }
}

fn take(bucket: &Bucket, state: &mut Ticks, nanos: u64) -> Told {
    let now = bucket.instant(Duration::from_nanos(nanos));
    let (next, decision) = bucket.draw(*state, now, 1, Draw::Take);
    *state = next;
    told(bucket, decision)
}

fn quota() -> impl Strategy<Value = Quota> {
    let any =
        (1..5000_u64, 1..u64::from(u32::MAX), 1..5000_u64).prop_map(|(tokens, period, burst)| {
            Quota::new(tokens, Duration::from_nanos(period)).burst(burst)
        });
    prop_oneof![prop::sample::select(EDGES.to_vec()), any]
}

proptest! {
    #[test]
    fn q8_agrees_with_the_textbook_bucket(
        quota in quota(),
        steps in prop::collection::vec(prop_oneof![0..5_u64, 0..2_000_000_000_u64, 0..100_000_000_000_000_u64], 1..60),
        start in 0..(1_u64 << 60),
    ) {
        let bucket = Bucket::new(quota).unwrap();
        let (mut model, mut state, mut now) = (Model::full(quota), 0, start);
        for step in steps {
            now += step;
            prop_assert_eq!(take(&bucket, &mut state, now), model.take(now.into()));
        }
    }

    #[test]
    fn q8_a_refused_caller_is_admitted_at_the_promised_nanosecond_and_not_before(quota in quota(), start in 0..(1_u64 << 60)) {
        let bucket = Bucket::new(quota.burst(quota.burst.min(50))).unwrap();
        let mut state = 0;
        let wait = loop {
            let decision = take(&bucket, &mut state, start);
            if !decision.allowed {
                break u64::try_from(decision.retry_after.as_nanos()).unwrap();
            }
        };
        prop_assert!(!take(&bucket, &mut state.clone(), start + wait - 1).allowed);
        prop_assert!(take(&bucket, &mut state, start + wait).allowed);
    }

    #[test]
    fn q8_clock_going_back_adds_nothing(quota in quota(), used in 0..20_u64, at in 0..(1_u64 << 60), back in 0..(1_u64 << 60)) {
        let bucket = Bucket::new(quota).unwrap();
        let mut state = 0;
        for _ in 0..used {
            take(&bucket, &mut state, at);
        }
        let seen = |nanos| {
            bucket.remaining(bucket.draw(state, bucket.instant(Duration::from_nanos(nanos)), 0, Draw::Peek).1)
        };
        prop_assert!(seen(at.saturating_sub(back)) <= seen(at));
    }

    #[test]
    fn q8_nothing_overflows(tokens: u64, period: Duration, burst: u64, state in 0..=LAST_STATE, now: Duration, cost: u64) {
        if let Ok(bucket) = Bucket::new(Quota::new(tokens, period).burst(burst)) {
            for draw in [Draw::Peek, Draw::Take, Draw::Owe] {
                let (next, decision) = bucket.draw(state, bucket.instant(now), cost, draw);
                prop_assert!(next <= LAST_STATE);
                prop_assert!(told(&bucket, decision).remaining <= burst);
            }
        }
    }
}

#[test]
fn q8_the_burst_is_exact() {
    for quota in EDGES.map(|quota| quota.burst(quota.burst.min(20_000))) {
        let bucket = Bucket::new(quota).unwrap();
        let mut state = 0;
        // The last moment of a clock is no special one.
        let now = u64::MAX;
        let admitted = (0..30_000).filter(|_| take(&bucket, &mut state, now).allowed).count();
        assert_eq!(admitted as u64, quota.burst, "{quota:?}");
    }
}

#[test]
fn q8_a_greedy_caller_gets_the_burst_and_the_rate_and_no_token_more() {
    for (quota, seconds, expected) in [
        (Quota::per_second(3), 1000, 3 + 3000),
        (Quota::per_minute(7919), 600, 7919 + 79_190),
        (Quota::per_day(1), 86_400 * 365, 1 + 365),
        (Quota::per_second(10).burst(25), 100, 25 + 1000),
    ] {
        let bucket = Bucket::new(quota).unwrap();
        let (mut state, mut now, mut admitted) = (0, 0, 0);
        while now <= seconds * 1_000_000_000 {
            let decision = take(&bucket, &mut state, now);
            admitted += u64::from(decision.allowed);
            now += u64::try_from(decision.retry_after.as_nanos()).unwrap();
        }
        assert_eq!(admitted, expected, "{quota:?}");
    }
}

#[test]
fn q12_what_is_owed_is_waited_for() {
    let bucket = Bucket::new(Quota::per_second(1)).unwrap();
    let mut state = 0;
    for _ in 0..5 {
        state = bucket.draw(state, 0, 1, Draw::Owe).0;
    }
    let (same, decision) = bucket.draw(state, 0, 1, Draw::Peek);
    assert_eq!(same, state, "peeking takes nothing");
    assert!(!decision.allowed());
    assert_eq!(bucket.retry_after(decision), Duration::from_secs(5));
}

#[test]
fn q8_quotas_that_make_no_sense_are_refused() {
    let problems = |quota| Bucket::new(quota).unwrap_err().len();
    assert_eq!(problems(Quota::per_second(0)), 2, "no tokens, and so no burst");
    assert_eq!(problems(Quota::per_second(1).burst(0)), 1);
    assert_eq!(problems(Quota::new(0, Duration::ZERO)), 3);
    assert_eq!(problems(Quota::per_day(1).burst(u64::MAX)), 1);
    assert_eq!(problems(Quota::per_second(1_000_000_000).burst(1_000_000_000_000_000)), 1);
    assert_eq!(problems(Quota::new(u64::MAX, Duration::MAX)), 1);
    assert_eq!(problems(Quota::new(1, Duration::MAX)), 1);
    assert_eq!(
        problems(Quota::per_second(999_999_937)),
        1,
        "a prime rate needs more bits than there are"
    );
}
