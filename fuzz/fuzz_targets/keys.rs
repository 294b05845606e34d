//! Any text as a key or a key set: nothing panics, and no secret comes out of a public form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_warden::authn::jwt::{Algorithm, VerifyingKey};

fuzz_target!(|bytes: &[u8]| {
    for algorithm in Algorithm::ALL {
        let secret = VerifyingKey::from_secret(algorithm, bytes);
        assert!(secret.is_err() || algorithm.is_symmetric() && bytes.len() >= 32);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = VerifyingKey::from_jwk(text) {
        assert!(key.algorithms().count() > 0 && key.algorithms().all(|one| !one.is_symmetric()));
    }
    if let Ok(keys) = VerifyingKey::from_jwks(text) {
        assert!(keys.iter().all(|key| key.algorithms().all(|one| !one.is_symmetric())));
    }
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Ed25519, Algorithm::Hs256] {
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        for pem in [text, &pem] {
            let key = VerifyingKey::from_pem(algorithm, pem);
            assert!(key.is_err() || !algorithm.is_symmetric());
        }
    }
});
