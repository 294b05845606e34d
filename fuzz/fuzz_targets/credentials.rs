//! Any value in the fields that carry keys and passwords: nothing panics, and nobody gets in.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_warden::authn::api_key::{ApiKeyAuthenticator, MemoryApiKeyStore};
use tower_warden::authn::app_key::{App, AppKey, AppKeyAuthenticator, MemoryAppStore};
use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyId, KeyPrefix, KeyText};
use tower_warden::authn::{Attempt, Authenticator};

static AUTHENTICATORS: LazyLock<[Box<dyn Authenticator>; 3]> = LazyLock::new(|| {
    let apps = MemoryAppStore::new();
    let issued = IssuedKey::generate(&KeyPrefix::new("acme").unwrap()).unwrap();
    let app = App::builder(Holder::new("shop")).key(AppKey::new(issued.id, issued.hash));
    apps.insert(app.build().unwrap());
    [
        Box::new(ApiKeyAuthenticator::new(MemoryApiKeyStore::new())),
        Box::new(AppKeyAuthenticator::headers(apps.clone())),
        Box::new(AppKeyAuthenticator::basic(apps)),
    ]
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (
            KeyText::parse(text).map(|_| ()),
            KeyId::parse(text).map(|_| ()),
            KeyPrefix::new(text).map(|_| ()),
        );
    }
    let mut request = Request::new(());
    let basic = [b"Basic ", bytes].concat();
    for (name, value) in [
        ("x-api-key", bytes),
        ("x-app-id", b"shop"),
        ("x-app-key", bytes),
        ("authorization", &basic),
    ] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().append(name, value);
        }
    }
    let (head, ()) = request.into_parts();
    for authenticator in &*AUTHENTICATORS {
        if authenticator.is_presented(&head) {
            assert!(!matches!(authenticator.authenticate(&head), Attempt::Ready(Ok(_))));
        }
    }
});
