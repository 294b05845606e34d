//! Tokens that were validated before: what a cache must not change.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{
    Issuer, IssuerBuilder, JwtValidator, JwtValidatorBuilder, KeySet, KeySource, Renewal,
    TokenError,
};
use tower_warden::authn::{Attempt, AuthenticateLayer, TokenValidator};
use tower_warden::testing::{FakeClock, TestIssuer, TestToken};

use crate::support::{get, through};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
const NOW: u64 = 1_800_000_000;

fn signer() -> TestIssuer {
    TestIssuer::new(ISSUER, AUDIENCE)
}

fn issuer() -> IssuerBuilder {
    Issuer::builder(ISSUER).audience(AUDIENCE)
}

fn builder(issuer: IssuerBuilder, clock: &FakeClock) -> JwtValidatorBuilder {
    JwtValidator::builder().issuer(issuer.build().unwrap()).clock(clock.clone())
}

fn validator(issuer: IssuerBuilder, clock: &FakeClock) -> JwtValidator {
    builder(issuer, clock).build().unwrap()
}

fn token(signer: &TestIssuer) -> TestToken {
    signer.token("ada").issued_at(NOW)
}

#[test]
fn a_token_seen_again_is_remembered_and_speaks_for_the_same() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let token = token(&signer).scope("orders:read").claim("x", 7).sign();
    let first = validator.validate(&token).unwrap();
    for _ in 0..3 {
        assert_eq!(validator.validate(&token).unwrap(), first);
    }
    assert_eq!(validator.cached_tokens(), 1);
}

#[test]
fn j9_a_remembered_token_expires_and_is_not_good_too_early() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let token = token(&signer).sign(); // good from NOW for 300 s, leeway 60 s
    for (at, expected) in [
        (0, None),
        (359, None),
        (360, Some(TokenError::Expired)),
        (0, None),
        (-61, Some(TokenError::NotYetValid)),
        (-60, None),
    ] {
        clock.set_unix(Duration::from_secs(NOW.checked_add_signed(at).unwrap()));
        assert_eq!(validator.validate(&token).err(), expected, "{at} s");
    }
}

#[test]
fn j10_a_remembered_token_grows_too_old() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let issuer = issuer().key(signer.verifying_key()).max_age(Duration::from_secs(100));
    let validator = validator(issuer, &clock);
    let token = token(&signer).sign();
    assert!(validator.validate(&token).is_ok());
    clock.set_unix(Duration::from_secs(NOW + 161)); // leeway 60 s
    assert_eq!(validator.validate(&token), Err(TokenError::TooOld));
}

/// Keys that a test changes.
#[derive(Clone, Debug)]
struct Changing(Arc<Mutex<Option<Arc<KeySet>>>>);

impl Changing {
    fn new(signer: &TestIssuer) -> Self {
        let this = Self(Arc::default());
        this.set(&[signer]);
        this
    }

    fn set(&self, signers: &[&TestIssuer]) {
        let keys = signers.iter().map(|signer| signer.verifying_key()).collect();
        *self.0.lock().unwrap() = Some(Arc::new(KeySet::new(keys)));
    }
}

impl KeySource for Changing {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.0.lock().unwrap().clone()
    }

    fn renew(&self) -> Option<Renewal> {
        None
    }
}

#[test]
fn k4_a_key_that_left_the_set_invalidates_what_it_signed_remembered_or_not() {
    let (old, new) = (signer().with_key_id("old"), signer().with_key_id("new"));
    let keys = Changing::new(&old);
    let validator = validator(issuer().keys_from(keys.clone()), &FakeClock::at_unix(NOW));
    let (by_old, by_new) = (token(&old).sign(), token(&new).sign());
    assert!(validator.validate(&by_old).is_ok());
    assert_eq!(validator.validate(&by_new), Err(TokenError::UnknownKey));

    keys.set(&[&old, &new]);
    assert!(validator.validate(&by_old).is_ok());
    assert!(validator.validate(&by_new).is_ok());

    keys.set(&[&new]);
    assert_eq!(validator.validate(&by_old), Err(TokenError::UnknownKey));
    assert!(validator.validate(&by_new).is_ok());

    *keys.0.lock().unwrap() = None;
    assert_eq!(validator.validate(&by_new), Err(TokenError::KeysUnavailable));
}

#[tokio::test]
async fn k4_a_remembered_token_is_a_503_while_no_key_may_be_used() {
    let signer = signer();
    let keys = Changing::new(&signer);
    let validator = JwtValidator::new(issuer().keys_from(keys.clone()).build().unwrap());
    let layer = AuthenticateLayer::new(BearerAuthenticator::new(validator));
    let authorization = format!("Bearer {}", signer.token("ada").sign());
    let send = || through(&layer, get("/", &[("authorization", &authorization)]));
    assert_eq!(send().await.status, 200);
    *keys.0.lock().unwrap() = None;
    let answer = send().await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(!answer.headers.contains_key("www-authenticate"));
}

#[test]
fn p14_a_remembered_bound_token_is_refused_as_a_bearer_token_every_time() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"; // RFC 9449 6.1
    let token = token(&signer).claim("cnf", serde_json::json!({"jkt": thumbprint})).sign();
    for _ in 0..3 {
        assert_eq!(validator.validate(&token), Err(TokenError::SenderConstrained));
    }
    assert_eq!(validator.cached_tokens(), 1);
}

#[test]
fn a_token_that_differs_in_any_byte_from_a_remembered_one_is_judged_anew() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let token = token(&signer).sign();
    assert!(validator.validate(&token).is_ok());
    for at in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(validator.validate(&other).is_err(), "byte {at}");
    }
    for more in [format!("{}{token}", "\0".repeat(16)), format!("{token}\0")] {
        assert!(validator.validate(&more).is_err(), "{more:?}");
    }
    assert_eq!(validator.cached_tokens(), 1);
}

#[test]
fn a_token_that_is_no_text_is_malformed() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let token = token(&signer).sign();
    assert!(validator.validate(&token).is_ok());
    let mut other = token.into_bytes();
    for at in 0..other.len() {
        let byte = std::mem::replace(&mut other[at], 0xff);
        let Attempt::Ready(Err(refused)) = validator.attempt(other[..].into()) else {
            panic!("byte {at}")
        };
        assert_eq!(refused.reason(), "token_malformed");
        other[at] = byte;
    }
}

#[test]
fn the_claims_of_a_remembered_token_are_those_of_the_token() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let token = token(&signer).claim("x", "\u{e9}.\u{1f600}").sign();
    let first = validator.validate(&token).unwrap();
    for ada in [validator.validate(&token).unwrap(), first] {
        assert_eq!(ada.claims()["x"], "\u{e9}.\u{1f600}");
        assert_eq!(ada.claims()["sub"], "ada");
    }
}

#[test]
fn i5_validators_share_nothing() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let ours = validator(issuer().key(signer.verifying_key()), &clock);
    let other = Issuer::builder(ISSUER).audience("https://other.example");
    let theirs = validator(other.key(signer.verifying_key()), &clock);
    let token = token(&signer).sign();
    assert!(ours.validate(&token).is_ok());
    assert_eq!(theirs.validate(&token), Err(TokenError::Audience));
    assert_eq!(theirs.cached_tokens(), 0);
}

#[test]
fn bad_tokens_are_not_remembered_and_push_nobody_out() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let good = token(&signer).sign();
    assert!(validator.validate(&good).is_ok());
    let body = &good[..good.rfind('.').unwrap()];
    for number in 0..10_000 {
        assert!(validator.validate(&format!("{body}.{number:086}")).is_err());
    }
    assert_eq!(validator.cached_tokens(), 1);
}

#[test]
fn the_memory_for_remembered_tokens_is_bounded() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let issuer = issuer().key(signer.verifying_key());
    let validator = builder(issuer, &clock).cache_bytes(100_000).build().unwrap();
    for number in 0..300 {
        let token = signer.token(&format!("user-{number}")).issued_at(NOW).sign();
        assert_eq!(validator.validate(&token).unwrap().subject(), format!("user-{number}"));
    }
    assert!((5..100).contains(&validator.cached_tokens()), "{}", validator.cached_tokens());
}

#[test]
fn the_cache_can_be_turned_off() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = builder(issuer().key(signer.verifying_key()), &clock).cache_bytes(0);
    let validator = validator.build().unwrap();
    assert!(validator.validate(&token(&signer).sign()).is_ok());
    assert_eq!(validator.cached_tokens(), 0);
}

#[test]
fn many_threads_see_their_own_tokens() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let issuer = issuer().key(signer.verifying_key());
    let validator = builder(issuer, &clock).cache_bytes(40_000).build().unwrap();
    let tokens: Vec<_> = (0..40)
        .map(|number| {
            (format!("u{number}"), signer.token(&format!("u{number}")).issued_at(NOW).sign())
        })
        .collect();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (validator, tokens) = (&validator, &tokens);
            scope.spawn(move || {
                for step in 0..400 {
                    let (subject, token) = &tokens[(start * 7 + step) % tokens.len()];
                    assert_eq!(validator.validate(token).unwrap().subject(), subject);
                }
            });
        }
    });
}

#[test]
fn a_validator_prints_no_token_and_no_secret() {
    let (signer, clock) = (signer(), FakeClock::at_unix(NOW));
    let validator = validator(issuer().key(signer.verifying_key()), &clock);
    let token = token(&signer).sign();
    assert!(validator.validate(&token).is_ok());
    let printed = format!("{validator:?}");
    assert!(printed.contains("TokenCache { len: 1"), "{printed}");
    assert!(token.split('.').all(|part| !printed.contains(part)), "{printed}");
    let _: &dyn TokenValidator = &validator;
}
