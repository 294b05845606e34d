//! The JOSE cookbook: examples of RFC 7520, RFC 8037 and RFC 7797, in every serialization that they are printed in.

use serde_json::{Value, json};

use super::{is_signed_by, key};
use crate::authn::jwt::compact::Compact;
use crate::authn::jwt::{Algorithm, Issuer, JwtValidator, KeyError, TokenError, VerifyingKey};
use crate::testing::FakeClock;

const RSA: &str = "jws/4_1.rsa_v15_signature.json";
const PSS: &str = "jws/4_2.rsa-pss_signature.json";
const ECDSA: &str = "jws/4_3.ecdsa_signature.json";
const HMAC: &str = "jws/4_4.hmac-sha2_integrity_protection.json";
const DETACHED: &str = "jws/4_5.signature_with_detached_content.json";
const SOME_PROTECTED: &str = "jws/4_6.protecting_specific_header_fields.json";
const NONE_PROTECTED: &str = "jws/4_7.protecting_content_only.json";
const SEVERAL: &str = "jws/4_8.multiple_signatures.json";
const ED25519: &str = "curve25519/jws.json";

fn example(file: &str) -> Value {
    super::read(&format!("jose-cookbook/{file}"))
}

/// The example's key as a verifier gets it: the examples print the private one. `alg` is the one that it signs with,
/// where a secret does not name it.
fn verifier(jwk: &Value, algorithm: &Value) -> VerifyingKey {
    let mut jwk = jwk.clone();
    let members = jwk.as_object_mut().unwrap();
    members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    members.insert("alg".to_owned(), algorithm.clone());
    key(&jwk).unwrap()
}

/// What a validator that trusts the key says of a text.
fn verdict(key: VerifyingKey, token: &str) -> TokenError {
    let issuer = Issuer::builder("issuer").audience("audience").key(key).build().unwrap();
    let validator = JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(0));
    validator.build().unwrap().validate(token).unwrap_err()
}

#[test]
fn j1_j14_the_signatures_of_the_cookbook_verify_and_no_other_payload_does() {
    for file in [RSA, PSS, ECDSA, HMAC, ED25519] {
        let example = example(file);
        let key = verifier(&example["input"]["key"], &example["input"]["alg"]);
        let token = example["output"]["compact"].as_str().unwrap();
        assert!(is_signed_by(&key, token), "{file}");
        assert_eq!(
            Compact::split(token).unwrap().payload().unwrap(),
            example["input"]["payload"].as_str().unwrap().as_bytes(),
            "{file}"
        );
        let (header, rest) = token.split_once('.').unwrap();
        let other = format!("{header}.A{}", &rest[1..]);
        assert!(!is_signed_by(&key, &other), "{file}");
        // Its payload is no claims: whoever checks the signature alone would have taken it.
        assert_eq!(verdict(key.clone(), token), TokenError::Malformed, "{file}");
        assert_eq!(verdict(key, &other), TokenError::Signature, "{file}");
    }
}

#[test]
fn j5_a_signature_over_detached_content_is_refused() {
    let example = example(DETACHED);
    let key = verifier(&example["input"]["key"], &example["input"]["alg"]);
    let token = example["output"]["compact"].as_str().unwrap();
    assert!(token.contains(".."));
    assert_eq!(verdict(key, token), TokenError::Signature);
}

#[test]
fn j5_the_json_serializations_are_refused() {
    let mut count = 0;
    for file in [RSA, PSS, ECDSA, HMAC, DETACHED, SOME_PROTECTED, NONE_PROTECTED, SEVERAL, ED25519]
    {
        let example = example(file);
        let first = |value: &Value| value.get(0).unwrap_or(value).clone();
        let input = &example["input"];
        let key = verifier(&first(&input["key"]), &first(&input["alg"]));
        for form in ["json", "json_flat"] {
            let Some(text) = example["output"].get(form) else { continue };
            assert_eq!(verdict(key.clone(), &text.to_string()), TokenError::Malformed, "{file}");
            count += 1;
        }
    }
    assert_eq!(count, 17);
}

/// What is not in the protected header does not count: an algorithm there would not be signed (RFC 7515 4).
#[test]
fn j5_several_signatures_or_an_unprotected_header_do_not_fit_into_three_parts() {
    let compact = |payload: &Value, signature: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (protected, signature) = (&signature["protected"], &signature["signature"]);
        format!("{}.{}.{}", text(protected), text(payload), text(signature))
    };
    let some = example(SOME_PROTECTED);
    let secret = || verifier(&some["input"]["key"], &some["input"]["alg"]);
    let json = &some["output"]["json"];
    let without_key_id = compact(&json["payload"], &json["signatures"][0]);
    assert!(is_signed_by(&secret(), &without_key_id));

    let none = &example(NONE_PROTECTED)["output"]["json"];
    let without_header = compact(&none["payload"], &none["signatures"][0]);
    assert_eq!(verdict(secret(), &without_header), TokenError::Malformed);

    let several = example(SEVERAL);
    let (input, json) = (&several["input"], &several["output"]["json"]);
    for (index, signed) in [true, false, true].into_iter().enumerate() {
        let key = verifier(&input["key"][index], &input["alg"][index]);
        let token = compact(&json["payload"], &json["signatures"][index]);
        assert_eq!(is_signed_by(&key, &token), signed, "{index}");
        assert_eq!(verdict(key, &token), TokenError::Malformed, "{index}");
    }
}

/// RFC 7797: what `b64` changes is never guessed.
#[test]
fn j4_a_payload_that_is_not_encoded_is_refused() {
    let compact = example("rfc7797/hmac-sha2_b64_false.json");
    let secret = || verifier(&compact["input"]["key"], &compact["input"]["alg"]);
    let token = compact["output"]["compact"].as_str().unwrap();
    assert_eq!(verdict(secret(), token), TokenError::CriticalHeader);

    // Without `crit`, with a full stop in the payload: a form that only JSON can hold.
    let json = example("rfc7797/4.2.hmac-sha2_b64_false.json");
    let flat = &json["output"]["json_flat"];
    let part = |name: &str| flat[name].as_str().unwrap().to_owned();
    let three = |payload: &str| format!("{}.{payload}.{}", part("protected"), part("signature"));
    for text in [flat.to_string(), three("$.02"), three("JC4wMg"), three("")] {
        assert_eq!(verdict(secret(), &text), TokenError::Malformed, "{text}");
    }
}

#[test]
fn j2_the_keys_of_the_cookbook_are_read_for_what_they_are() {
    let read = |file: &str| {
        let key = VerifyingKey::from_jwk(&example(file).to_string())?;
        Ok((key.id().map(str::to_owned), key.algorithms().collect::<Vec<_>>()))
    };
    let bilbo = || Some("bilbo.baggins@hobbiton.example".to_owned());
    let rsa: Vec<_> = Algorithm::ALL
        .into_iter()
        .filter(|one| one.name().starts_with("RS") || one.name().starts_with("PS"))
        .collect();
    assert_eq!(read("jwk/3_1.ec_public_key.json"), Ok((bilbo(), vec![Algorithm::Es512])));
    let (id, mut algorithms) = read("jwk/3_3.rsa_public_key.json").unwrap();
    algorithms.sort_unstable();
    assert_eq!((id, algorithms), (bilbo(), rsa));
    for private in [
        "jwk/3_2.ec_private_key.json",
        "jwk/3_4.rsa_private_key.json",
        "jwk/3_5.symmetric_key_mac_computation.json",
        "jwk/3_6.symmetric_key_encryption.json",
    ] {
        assert_eq!(read(private), Err(KeyError::Private), "{private}");
    }
}

/// RFC 8037 A.6: a key to agree on secrets with verifies nothing, and what it encrypts is no signed token.
#[test]
fn j5_an_encrypted_token_and_its_key_are_refused() {
    let example = example("curve25519/ecdh-es.json");
    let mut jwk = example["input"]["key"].clone();
    jwk.as_object_mut().unwrap().remove("d");
    assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err(), KeyError::Use);
    jwk["use"] = json!("sig");
    assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err(), KeyError::Malformed);

    let signed = self::example(ED25519);
    let trusted = verifier(&signed["input"]["key"], &signed["input"]["alg"]);
    let encrypted = example["output"]["compact"].as_str().unwrap();
    assert_eq!(encrypted.split('.').count(), 5);
    assert_eq!(verdict(trusted, encrypted), TokenError::Malformed);
}
