//! What the goals are measured against: the work that no implementation can leave out.

use std::iter;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dashmap::DashMap;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};

use super::tokens::Signer;
use super::{Case, Run, case, few_under_valgrind, function};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("raw RS256 check, parsed key", || {
            raw_check(&RSA_PKCS1_2048_8192_SHA256, &Signer::rs256())
        }),
        case("raw ES256 check, parsed key", || {
            raw_check(&ECDSA_P256_SHA256_FIXED, &Signer::es256())
        }),
        case("raw EdDSA check, parsed key", || raw_check(&ED25519, &Signer::eddsa())),
        case("SHA-256 of a key and a map of 1 million", hashed_look_up),
        case("eight headers: reserve, insert", eight_headers),
    ]
}

/// The signature alone, over what the token signs.
fn raw_check(algorithm: &'static dyn VerificationAlgorithm, signer: &Signer) -> Run {
    let key = ParsedPublicKey::new(algorithm, signer.public_key()).expect("our own public key");
    let token = signer.token();
    let (signed, signature) = token.rsplit_once('.').expect("our own token");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("our own token");
    let signed = signed.to_owned();
    let check = move || key.verify_sig(signed.as_bytes(), &signature).expect("our own signature");
    Box::new(function(check))
}

/// A different key each time, so that the processor's caches do not hold it.
fn hashed_look_up() -> Run {
    let keys = few_under_valgrind(1_000_000) as u64;
    let name = |number: u64| format!("tw_live_{number:032x}");
    let hash = |key: &str| -> [u8; 32] { Sha256::digest(key).into() };
    let map: DashMap<[u8; 32], u64> =
        (0..keys).map(|number| (hash(&name(number)), number)).collect();
    let asked: Vec<String> = iter::successors(Some(1), |last| Some(last * 48_271 % 2_147_483_647))
        .take(100_000)
        .map(|n| name(n % keys))
        .collect();
    let mut next = 0;
    Box::new(function(move || {
        next = (next + 1) % asked.len();
        *map.get(&hash(&asked[next])).expect("every key is in the map")
    }))
}

fn eight_headers() -> Run {
    const HEADERS: [(HeaderName, &str); 8] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::ORIGIN, "same-origin"), // stands for Cross-Origin-Resource-Policy
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_XSS_PROTECTION, "0"),
    ];
    Box::new(function(|| {
        let mut headers = HeaderMap::new();
        headers.reserve(HEADERS.len());
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    }))
}
