//! Any text as a DPoP proof, also header and claims that are signed well: nothing panics, and only a proof for this request
//! and this token is admitted.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_warden::authn::dpop::DpopAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authn::{Attempt, Authenticator};
use tower_warden::testing::{TestDpopKey, TestIssuer};

struct World {
    dpop: DpopAuthenticator,
    key: TestDpopKey,
    token: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let key = TestDpopKey::new();
    let token = issuer.token("ada").bound_to(&key).claim("exp", 4_000_000_000_u64).sign();
    let validator = JwtValidator::new(issuer.trust().unwrap());
    let dpop = DpopAuthenticator::builder(validator).external_url("https://api.example");
    World { dpop: dpop.build().unwrap(), key, token }
});

fn is_admitted(proof: &[u8]) -> bool {
    let mut request = Request::get("https://api.example/orders?a=b").body(()).unwrap();
    let authorization = HeaderValue::try_from(format!("DPoP {}", WORLD.token)).unwrap();
    request.headers_mut().insert("authorization", authorization);
    let Ok(proof) = HeaderValue::from_bytes(proof) else { return false };
    request.headers_mut().insert("dpop", proof);
    let (head, ()) = request.into_parts();
    matches!(WORLD.dpop.authenticate(&head), Attempt::Ready(Ok(_)))
}

fuzz_target!(|bytes: &[u8]| {
    assert!(!is_admitted(bytes), "nobody but the key can sign");
    // One line of method and one of URI, in a proof that is good otherwise.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (method, target) = text.split_once('\n').unwrap_or(("GET", text));
    let proof = WORLD.key.proof(method, target).token(&WORLD.token).sign();
    if is_admitted(proof.as_bytes()) {
        assert_eq!(method, "GET");
        let lower = target.to_ascii_lowercase();
        assert!(lower.starts_with("https://api.example"), "{target:?}");
    }
});
