//! Tokens that were revoked before they expired.

use std::future::pending;
use std::time::Duration;

use serde_json::{Value, json};
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::authn::revocation::{
    Denylist, DenylistFull, Revocation, RevocationError, RevocationList, Standing,
};
use tower_warden::authn::{AuthenticateLayer, TokenValidator};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::testing::{FakeClock, TestIssuer};

use crate::support::{Answer, Logs, get, through};

const ISSUER: &str = "https://issuer.example";
const NOW: u64 = 1_800_000_000;
const LIFETIME: u64 = 3600;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn list(capacity: usize) -> (Denylist, FakeClock) {
    let clock = FakeClock::at_unix(NOW);
    (Denylist::with(seconds(LIFETIME), capacity, clock.clone()).unwrap(), clock)
}

fn principal(subject: &str, claims: &Value) -> Principal {
    Principal::builder(ISSUER, subject, PrincipalKind::User, "Bearer")
        .claims(claims.as_object().unwrap().clone())
        .build()
}

fn is_revoked(list: &Denylist, subject: &str, claims: &Value) -> bool {
    match list.check(&principal(subject, claims)) {
        Revocation::Ready(answer) => answer.unwrap() == Standing::Revoked,
        Revocation::Pending(_) => panic!("a list in memory knows at once"),
    }
}

#[test]
fn a_token_a_session_and_a_subject_can_be_revoked() {
    let (list, _) = list(9);
    let all = json!({"jti": "t", "sid": "s", "iat": NOW});
    assert!(!is_revoked(&list, "ada", &all));
    list.revoke_token(ISSUER, "t").unwrap();
    list.revoke_session(ISSUER, "s").unwrap();
    list.revoke_subject(ISSUER, "eve", seconds(NOW)).unwrap();
    for (subject, claims, revoked) in [
        ("ada", json!({"jti": "t"}), true),
        ("ada", json!({"jti": "T"}), false),
        ("ada", json!({"jti": "s", "sid": "t"}), false),
        ("ada", json!({"sid": "s", "iat": NOW}), true),
        ("ada", json!({"iat": NOW}), false),
        ("ada", json!({}), false),
        ("t", json!({}), false),
        ("eve", json!({"iat": NOW - 1}), true),
        ("eve", json!({"iat": NOW}), true),
        ("eve", json!({"iat": NOW as f64 + 0.9}), true),
        ("eve", json!({"iat": NOW + 1}), false),
        ("eve", json!({}), true),
        ("eve", json!({"iat": "1800000001"}), true),
        ("eve", json!({"iat": -1}), true),
        ("eve", json!({"iat": 1e300}), true),
    ] {
        assert_eq!(is_revoked(&list, subject, &claims), revoked, "{subject} {claims}");
    }
    // Another issuer's names mean nothing here (RFC 8725 3.8).
    let other = Principal::builder("https://other.example", "eve", PrincipalKind::User, "Bearer")
        .claims(all.as_object().unwrap().clone())
        .build();
    assert!(matches!(list.check(&other), Revocation::Ready(Ok(Standing::InForce))));
}

#[test]
fn a_revocation_is_kept_until_no_token_is_left_that_it_could_match() {
    let (list, clock) = list(9);
    list.revoke_token(ISSUER, "t").unwrap();
    list.revoke_subject(ISSUER, "eve", seconds(NOW)).unwrap();
    list.revoke_subject(ISSUER, "mal", seconds(NOW + 100)).unwrap();
    let is_kept = |subject: &str, jti: &str| is_revoked(&list, subject, &json!({"jti": jti}));
    // The calendar may jump; that makes nobody forget.
    clock.set_unix(seconds(NOW + 1_000_000));
    clock.advance(seconds(LIFETIME + 300 - 1));
    assert!(is_kept("ada", "t") && is_kept("eve", "") && is_kept("mal", ""));
    clock.advance(seconds(1));
    assert!(!is_kept("ada", "t") && !is_kept("eve", "") && is_kept("mal", ""));
    clock.advance(seconds(100));
    assert!(!is_kept("mal", ""));
}

#[test]
fn of_two_revocations_of_one_subject_the_later_counts_and_takes_no_more_room() {
    let (list, _) = list(1);
    for until in [NOW, NOW + 5, NOW - 5] {
        list.revoke_subject(ISSUER, "eve", seconds(until)).unwrap();
    }
    assert_eq!(list.len(), 1);
    assert!(is_revoked(&list, "eve", &json!({"iat": NOW + 5})));
    assert!(!is_revoked(&list, "eve", &json!({"iat": NOW + 6})));
}

#[test]
fn a_full_list_forgets_nothing_and_says_so() {
    let (list, clock) = list(100);
    let logs = Logs::capture();
    for number in 0..100 {
        list.revoke_token(ISSUER, &number.to_string()).unwrap();
    }
    for number in 100..200 {
        let refused: DenylistFull = list.revoke_token(ISSUER, &number.to_string()).unwrap_err();
        assert!(refused.to_string().contains("full"));
    }
    let listed = |list: &Denylist| {
        (0..200)
            .filter(|number| is_revoked(list, "ada", &json!({"jti": number.to_string()})))
            .count()
    };
    assert_eq!((listed(&list), list.len()), (100, 100));
    assert!(logs.text().contains("the denylist is full"), "{}", logs.text());
    assert_eq!(list.revoke_token(ISSUER, "0"), Ok(()), "what is listed can be listed again");

    clock.advance(seconds(LIFETIME + 300));
    list.revoke_token(ISSUER, "new").unwrap();
    assert_eq!((listed(&list), list.len()), (0, 1));
}

#[test]
fn a_list_that_would_forget_at_once_is_not_built() {
    assert!(Denylist::new(Duration::ZERO).is_err());
    assert!(Denylist::with(seconds(1), 0, FakeClock::at_unix(NOW)).is_err());
}

#[test]
fn threads_that_revoke_at_the_same_time_fill_the_list_exactly() {
    let (list, _) = list(1000);
    let taken: usize = std::thread::scope(|scope| {
        let revoke = |thread: usize| {
            let list = &list;
            move || {
                let each = (0..500).map(|n| list.revoke_token(ISSUER, &format!("{thread}-{n}")));
                each.filter(Result::is_ok).count()
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(revoke(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((taken, list.len()), (1000, 1000));
}

/// A list that answers as it is told.
#[derive(Clone, Copy, Debug)]
enum Told {
    Later(Standing),
    Fails { later: bool },
    Never,
}

impl RevocationList for Told {
    fn check(&self, _: &Principal) -> Revocation {
        let error = || RevocationError::new("db-7 is down").retry_after(seconds(7));
        match *self {
            Self::Later(standing) => Revocation::pending(async move {
                tokio::task::yield_now().await;
                Ok(standing)
            }),
            Self::Fails { later: false } => Revocation::Ready(Err(error())),
            Self::Fails { later: true } => Revocation::pending(async move { Err(error()) }),
            Self::Never => Revocation::pending(pending()),
        }
    }
}

async fn send(list: impl RevocationList, signer: &TestIssuer) -> Answer {
    let issuer = Issuer::builder(ISSUER).audience("https://api.example");
    let issuer = issuer.key(signer.verifying_key()).build().unwrap();
    let validator = JwtValidator::new(issuer).with_revocation(list);
    let layer = AuthenticateLayer::new(BearerAuthenticator::new(validator)).optional();
    let bearer = format!("Bearer {}", signer.token("ada").sign());
    through(&layer, get("/", &[("authorization", &bearer)])).await
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_tell_neither_admits_nor_blames_the_caller() {
    let signer = TestIssuer::new(ISSUER, "https://api.example");
    for (list, expected, retry_after) in [
        (Told::Later(Standing::InForce), (200, ""), ""),
        (Told::Later(Standing::Revoked), (401, "token_revoked"), ""),
        (Told::Fails { later: false }, (503, "revocation_unavailable"), "7"),
        (Told::Fails { later: true }, (503, "revocation_unavailable"), "7"),
        (Told::Never, (503, "revocation_timeout"), "5"),
    ] {
        let answer = send(list, &signer).await;
        assert_eq!((answer.status, answer.reason()), expected, "{list:?}");
        assert_eq!(answer.header("retry-after"), retry_after, "{list:?}");
        assert!(!answer.text().contains("db-7"));
    }
}

#[tokio::test]
async fn a_bad_token_is_not_looked_up() {
    let signer = TestIssuer::new(ISSUER, "https://other.example");
    let answer = send(Told::Fails { later: false }, &signer).await;
    assert_eq!((answer.status, answer.reason()), (401, "token_audience"));
}
