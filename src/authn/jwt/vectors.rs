//! Tokens and keys that others published (`tests/vectors`); here those of C2SP Wycheproof, which says valid or invalid of
//! each.

mod cookbook;
mod standards;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::compact::Compact;
use super::{Algorithm, Issuer, KeyError, VerifyingKey};

fn read(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A key of the set. Secrets come from configuration and never as a JWK, so the test reads those itself.
fn key(jwk: &Value) -> Result<VerifyingKey, KeyError> {
    if jwk["kty"] != "oct" {
        return VerifyingKey::from_jwk(&jwk.to_string());
    }
    let algorithm =
        jwk["alg"].as_str().and_then(Algorithm::from_name).ok_or(KeyError::AlgorithmMismatch)?;
    let secret =
        URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).map_err(|_| KeyError::Malformed)?;
    let key = VerifyingKey::from_secret(algorithm, &secret)?;
    Ok(jwk["kid"].as_str().map_or(key.clone(), |id| key.with_id(id)))
}

fn is_signed_by(key: &VerifyingKey, token: &str) -> bool {
    let Ok(token) = Compact::split(token) else { return false };
    let Ok(header) = token.header() else { return false };
    key.fits(header.algorithm, header.key_id.as_deref())
        && token.payload().is_ok()
        && token
            .with_signature(|signature| key.verifies(header.algorithm, token.signed(), signature))
            .unwrap_or(false)
}

#[test]
fn j1_j2_j5_j14_wycheproof_signatures() {
    let mut disagreements = Vec::new();
    let mut count = 0;
    for group in read("wycheproof/json_web_signature.json")["testGroups"].as_array().unwrap() {
        let jwk = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        let key = key(jwk);
        for test in group["tests"].as_array().unwrap() {
            let accepted =
                key.as_ref().is_ok_and(|key| is_signed_by(key, test["jws"].as_str().unwrap()));
            count += 1;
            if accepted != (test["result"] == "valid") {
                disagreements.push(test["tcId"].as_u64().unwrap());
            }
        }
    }
    assert_eq!((count, disagreements), (401, vec![346, 347, 350, 351, 367, 370, 372, 373]));
}

/// An issuer with all keys of a set, which is refused as a whole when one is bad or two do not go together.
fn issuer(group: &Value) -> Option<Issuer> {
    let given = if group["public"].is_object() { &group["public"] } else { &group["private"] };
    let keys = given["keys"].as_array().map_or_else(|| vec![given], |keys| keys.iter().collect());
    let mut builder = Issuer::builder("issuer").audience("audience");
    for jwk in keys {
        builder = builder.key(key(jwk).ok()?);
    }
    builder.build().ok()
}

#[test]
fn j2_j13_wycheproof_keys() {
    let mut disagreements = Vec::new();
    let mut count = 0;
    for group in read("wycheproof/json_web_key.json")["testGroups"].as_array().unwrap() {
        let issuer = issuer(group);
        for test in group["tests"].as_array().unwrap() {
            let token = test["jws"].as_str().unwrap();
            let accepted = issuer.as_ref().is_some_and(|issuer| {
                issuer
                    .keys
                    .current()
                    .is_some_and(|keys| keys.iter().any(|key| is_signed_by(key, token)))
            });
            count += 1;
            if accepted != (test["result"] == "valid") {
                disagreements.push(test["tcId"].as_u64().unwrap());
            }
        }
    }
    assert_eq!((count, disagreements), (26, vec![]));
}
