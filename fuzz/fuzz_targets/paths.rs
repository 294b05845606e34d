//! Any path asked of a rule table, and any pattern put into one: nothing panics, and what the rules do not name for
//! everybody is open to nobody.
#![no_main]

use std::sync::LazyLock;

use http::{Request, Uri};
use libfuzzer_sys::fuzz_target;
use tower_warden::authz::{Rules, RulesLayer, public, role};
use tower_warden::gate::{Gate, Verdict};

static RULES: LazyLock<RulesLayer> = LazyLock::new(|| {
    let rules = Rules::builder()
        .get("/", public("home"))
        .get("/files/{*path}", public("files"))
        .get("/files/secret", role("admin"))
        .get("/orders/{id}", role("user"))
        .get("/admin/{*rest}", role("admin"))
        .build();
    RulesLayer::new(rules.unwrap())
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Rules::builder().get(text, public("any")).get("/a/{b}", public("any")).build();
    let _ = Rules::builder().grpc(text, public("any")).build();
    let Ok(uri) = text.parse::<Uri>() else { return };
    let (mut head, ()) = Request::builder().uri(uri.clone()).body(()).unwrap().into_parts();
    if matches!(RULES.admit(&mut head), Verdict::Ready(Ok(()))) {
        let path = uri.path();
        assert!(path == "/" || path.starts_with("/files/"), "{path}");
        // What another reader could make of it is no other place.
        assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{path}");
        assert!(path != "/files/secret");
        for ambiguous in ["%2e", "%2f", "%5c", "%00", "\\", "//"] {
            assert!(!path.to_ascii_lowercase().contains(ambiguous), "{path}");
        }
    }
});
