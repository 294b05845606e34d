//! The examples in RFC 7515 (JSON Web Signature) and RFC 7519 (JSON Web Token).

use serde_json::Value;

use super::{is_signed_by, key, read};
use crate::authn::jwt::{Algorithm, Issuer, JwtValidator, TokenError, VerifyingKey};
use crate::testing::FakeClock;

/// When `exp` of the examples is.
const EXPIRY: u64 = 1_300_819_380;

fn examples() -> Vec<Value> {
    read("rfc/examples.json").as_array().unwrap().clone()
}

/// The key of an example, bound to the algorithm that it is used with there.
fn verifier(example: &Value) -> VerifyingKey {
    let mut jwk = example["key"].clone();
    jwk["alg"] = example["alg"].clone();
    key(&jwk).unwrap()
}

/// A validator for the issuer that the examples name, at that time.
fn validator(key: VerifyingKey, unix: u64) -> JwtValidator {
    let issuer = Issuer::builder("joe")
        .audience("audience")
        .key(key)
        .insecure_accept_unmarked_tokens()
        .build()
        .unwrap();
    JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(unix)).build().unwrap()
}

#[test]
fn j1_the_signed_examples_verify_with_their_own_key_alone() {
    let signed: Vec<_> = examples().into_iter().filter(|one| one["key"].is_object()).collect();
    assert_eq!(signed.len(), 4);
    for (row, example) in signed.iter().enumerate() {
        let token = example["compact"].as_str().unwrap();
        for (column, other) in signed.iter().enumerate() {
            let verified = is_signed_by(&verifier(other), token);
            assert_eq!(verified, row == column, "{} with {}", example["source"], other["source"]);
        }
    }
}

/// Their claims name an issuer and an expiry; no audience and no subject, so they admit nobody even while they last.
#[test]
fn j8_the_example_claims_are_for_nobody() {
    let mut count = 0;
    for example in examples().iter().filter(|one| one["key"].is_object()) {
        let token = example["compact"].as_str().unwrap();
        let says = |unix| validator(verifier(example), unix).validate(token);
        // The payload of RFC 7515 A.4 is the word "Payload".
        let is_claims = example["source"] != "RFC 7515 A.4";
        let expected = if is_claims { TokenError::Audience } else { TokenError::Malformed };
        assert_eq!(says(EXPIRY - 1), Err(expected), "{}", example["source"]);
        assert_eq!(says(EXPIRY + 60), Err(expected), "{}", example["source"]);
        count += 1;
    }
    assert_eq!(count, 4);
}

/// RFC 7519 6.1, RFC 7515 A.5: unsecured. RFC 7515 A.6: JSON. RFC 7519 A: encrypted.
#[test]
fn j1_j5_unsecured_encrypted_and_json_examples_are_refused() {
    let secret = VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap();
    let validator = validator(secret, EXPIRY - 1);
    let mut verdicts = Vec::new();
    for example in examples().iter().filter(|one| !one["key"].is_object()) {
        let text = match (&example["compact"], &example["encrypted"]) {
            (Value::String(text), _) | (_, Value::String(text)) => text.clone(),
            _ => example["json"].to_string(),
        };
        let source = example["source"].as_str().unwrap().to_owned();
        verdicts.push((source, validator.validate(&text).unwrap_err()));
    }
    let expected = [
        ("RFC 7515 A.5, RFC 7519 6.1", TokenError::AlgorithmNotAllowed),
        ("RFC 7515 A.6", TokenError::Malformed),
        ("RFC 7519 A.1", TokenError::Malformed),
        ("RFC 7519 A.2", TokenError::Malformed),
    ];
    assert_eq!(verdicts, expected.map(|(source, error)| (source.to_owned(), error)));
}
