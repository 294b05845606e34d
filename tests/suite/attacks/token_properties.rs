//! Tokens that nobody thought of: changed by a bit, made of noise, or signed with any claims at all.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{Algorithm, Issuer, JwtValidator, TokenError, VerifyingKey};
use tower_warden::authn::{Attempt, Authenticator};
use tower_warden::testing::{FakeClock, TestIssuer};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
const NOW: u64 = 1_800_000_000;

/// An issuer, who trusts it, and a token of it.
struct Party {
    signer: TestIssuer,
    validator: JwtValidator,
    token: String,
}

/// One for each algorithm.
static PARTIES: LazyLock<Vec<Party>> = LazyLock::new(|| {
    let party = |algorithm| {
        let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, algorithm);
        let key = signer.verifying_key();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).key(key).build().unwrap();
        let builder = JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW));
        let validator = builder.build().unwrap();
        let token = signer.token("ada").issued_at(NOW).sign();
        assert!(validator.validate(&token).is_ok(), "{algorithm}");
        Party { signer, validator, token }
    };
    Algorithm::ALL.into_iter().map(party).collect()
});

fn hs256() -> &'static Party {
    PARTIES.iter().find(|party| party.token.starts_with("eyJhbGciOiJIUzI1NiI")).unwrap()
}

/// Any JSON value, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..4_000_000_000_u64).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        select(vec![ISSUER, AUDIENCE, "ada", "at+jwt", "jkt", ""]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Members that a validator reads, some of them with any value.
fn any_members(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    btree_map(select(names), any_json(), 0..5).prop_map(|members| {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

const CLAIMS: &[&str] = &[
    "iss",
    "aud",
    "sub",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "scp",
    "roles",
    "tenant",
    "cnf",
    "acr",
    "amr",
    "auth_time",
    "nonce",
    "events",
    "x",
];
const HEADER: &[&str] =
    &["alg", "kid", "typ", "crit", "cty", "jwk", "jku", "x5c", "b64", "enc", "zip", "x"];

fn over(mut base: Value, members: Map<String, Value>) -> Vec<u8> {
    base.as_object_mut().unwrap().extend(members);
    base.to_string().into_bytes()
}

fn good_claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": NOW, "exp": NOW + 60})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_single_bit_change_of_a_token_is_refused(
        party in 0..PARTIES.len(),
        position in any::<proptest::sample::Index>(),
        bit in 0_u8..7,
    ) {
        let Party { validator, token, .. } = &PARTIES[party];
        let mut bytes = token.clone().into_bytes();
        bytes[position.index(token.len())] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(validator.validate(&changed).is_err(), "{}", changed);
    }

    #[test]
    fn any_single_bit_change_of_what_a_part_holds_is_refused(
        party in 0..PARTIES.len(),
        part in 0_usize..3,
        position in any::<proptest::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let Party { validator, token, .. } = &PARTIES[party];
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let mut bytes = URL_SAFE_NO_PAD.decode(&parts[part]).unwrap();
        let at = position.index(bytes.len());
        bytes[at] ^= 1 << bit;
        parts[part] = URL_SAFE_NO_PAD.encode(bytes);
        let refused = validator.validate(&parts.join("."));
        prop_assert!(refused.is_err());
        if part > 0 {
            prop_assert_eq!(refused, Err(TokenError::Signature));
        }
    }

    #[test]
    fn a_token_cut_or_grown_anywhere_is_refused(
        party in 0..PARTIES.len(),
        position in any::<proptest::sample::Index>(),
        inserted in "[A-Za-z0-9_.-]{0,4}",
    ) {
        let Party { validator, token, .. } = &PARTIES[party];
        let (start, end) = token.split_at(position.index(token.len()));
        let end = if inserted.is_empty() { &end[1..] } else { end };
        let changed = format!("{start}{inserted}{end}");
        prop_assert!(validator.validate(&changed).is_err(), "{}", changed);
    }

    #[test]
    fn any_text_is_validated_without_panic(text in any::<String>()) {
        prop_assert!(hs256().validator.validate(&text).is_err());
    }

    #[test]
    fn any_bytes_in_the_field_are_refused_without_panic(bytes in vec(any::<u8>(), 0..400)) {
        let bearer = BearerAuthenticator::new(hs256().validator.clone());
        if let Ok(value) = HeaderValue::from_bytes(&[b"Bearer ", &bytes[..]].concat()) {
            let request = http::Request::builder().header("authorization", value).body(()).unwrap();
            let attempt = bearer.authenticate(&request.into_parts().0);
            prop_assert!(matches!(attempt, Attempt::Ready(Err(_))));
        }
    }

    #[test]
    fn any_three_parts_are_refused_without_panic(
        parts in vec(vec(any::<u8>(), 0..200), 3..4),
        good_header in any::<bool>(),
    ) {
        let mut parts: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        if good_header {
            parts[0] = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        }
        prop_assert!(hs256().validator.validate(&parts.join(".")).is_err());
    }

    #[test]
    fn any_signed_bytes_are_refused_without_panic(claims in vec(any::<u8>(), 0..400)) {
        let Party { signer, validator, .. } = hs256();
        let token = signer.sign(br#"{"alg":"HS256"}"#, &claims);
        prop_assert!(validator.validate(&token).is_err());
    }

    /// Whatever is claimed: no panic, and who gets in is in time, of our issuer, and for us.
    #[test]
    fn any_signed_claims_are_judged_without_panic(members in any_members(CLAIMS)) {
        let Party { signer, validator, .. } = hs256();
        let token = signer.sign(br#"{"alg":"HS256"}"#, &over(good_claims(), members));
        if let Ok(principal) = validator.validate(&token) {
            prop_assert_eq!(principal.issuer(), ISSUER);
            prop_assert!(!principal.subject().is_empty());
            prop_assert!(principal.expires_at().unwrap().as_secs_f64() > NOW as f64 - 60.0);
            prop_assert!(principal.confirmation().is_empty());
            let aud = &principal.claims()["aud"];
            prop_assert!(aud == AUDIENCE || aud.as_array().unwrap().contains(&json!(AUDIENCE)));
        }
    }

    #[test]
    fn any_signed_header_is_judged_without_panic(members in any_members(HEADER)) {
        let Party { signer, validator, .. } = hs256();
        let header = over(json!({"alg": "HS256", "typ": "JWT"}), members.clone());
        let verdict = validator.validate(&signer.sign(&header, good_claims().to_string().as_bytes()));
        if ["crit", "b64", "enc", "zip"].iter().any(|name| members.contains_key(*name)) {
            prop_assert!(verdict.is_err());
        }
    }

    #[test]
    fn any_key_set_is_read_without_panic(members in any_members(&[
        "kty", "crv", "alg", "use", "key_ops", "kid", "x", "y", "n", "e", "d", "x5c", "keys",
    ])) {
        for base in [json!({}), good_jwk()] {
            let jwk = String::from_utf8(over(base, members.clone())).unwrap();
            let _ = VerifyingKey::from_jwk(&jwk);
            let keys = VerifyingKey::from_jwks(&format!(r#"{{"keys":[{jwk},1]}}"#)).unwrap();
            prop_assert!(keys.len() <= 1);
        }
    }
}

/// A good public key, to be spoilt.
fn good_jwk() -> Value {
    static JWK: LazyLock<Value> = LazyLock::new(|| {
        TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Es256).public_jwk()
    });
    JWK.clone()
}
