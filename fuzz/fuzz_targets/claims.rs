//! Any header and claims with a good signature: up to the first NUL the header, then the claims; without a NUL all of it
//! is claims under a good header.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tower_warden::authn::jwt::{Algorithm, Issuer, JwtValidator};
use tower_warden::testing::{FakeClock, TestIssuer};

const NOW: u64 = 1_800_000_000;

static PARTIES: LazyLock<(TestIssuer, JwtValidator)> = LazyLock::new(|| {
    let signer = TestIssuer::with_algorithm("a", "api", Algorithm::Hs256);
    let issuer = Issuer::builder("a").audience("api").key(signer.verifying_key()).build().unwrap();
    let builder = JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW));
    (signer, builder.build().unwrap())
});

fuzz_target!(|bytes: &[u8]| {
    let (signer, validator) = &*PARTIES;
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (header, claims) = match (parts.next(), parts.next()) {
        (Some(header), Some(claims)) => (header, claims),
        _ => (&br#"{"alg":"HS256","typ":"at+jwt"}"#[..], bytes),
    };
    let Ok(principal) = validator.validate(&signer.sign(header, claims)) else { return };
    // Who gets in is of our issuer, for us, in time, and somebody.
    assert_eq!(principal.issuer(), "a");
    assert!(!principal.subject().is_empty());
    assert!(principal.confirmation().is_empty());
    assert!(principal.expires_at().unwrap().as_secs_f64() > NOW as f64 - 60.0);
    let audience = &principal.claims()["aud"];
    assert!(audience == "api" || audience.as_array().unwrap().iter().any(|one| one == "api"));
    // Another reader of JSON sees the same claims: nothing is read twice.
    let read: serde_json::Value = serde_json::from_slice(claims).unwrap();
    assert_eq!(read.as_object(), Some(principal.claims()));
});
