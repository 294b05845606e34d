//! Any text as a token: nothing panics, and without a key nobody gets in.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{Algorithm, Issuer, JwtValidator};
use tower_warden::authn::{Attempt, Authenticator};
use tower_warden::testing::TestIssuer;

/// Trusts two issuers, so that the unverified claims are read as well.
static VALIDATOR: LazyLock<JwtValidator> = LazyLock::new(|| {
    let issuer = |name: &str, algorithm| {
        let signer = TestIssuer::with_algorithm(name, "api", algorithm);
        Issuer::builder(name).audience("api").key(signer.verifying_key()).build().unwrap()
    };
    JwtValidator::builder()
        .issuer(issuer("a", Algorithm::Hs256))
        .issuer(issuer("b", Algorithm::Es256))
        .build()
        .unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(VALIDATOR.validate(text).is_err());
    }
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let request = Request::builder().header("authorization", value).body(()).unwrap();
        let bearer = BearerAuthenticator::new(VALIDATOR.clone());
        let head = request.into_parts().0;
        bearer.is_presented(&head);
        assert!(!matches!(bearer.authenticate(&head), Attempt::Ready(Ok(_))));
    }
});
