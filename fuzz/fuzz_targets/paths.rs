//! Any path asked of a rule table, and any pattern put into one: nothing panics, and what the rules do not name for
//! everybody is open to nobody.
#![no_main]

use std::convert::Infallible;
use std::future::ready;
use std::sync::LazyLock;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::authz::{Rules, RulesLayer, public, role};

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
    let handler = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let request = Request::builder().uri(uri.clone()).body(()).unwrap();
    let answer = RULES.layer(handler).oneshot(request).now_or_never();
    if answer.expect("nobody has to be asked").unwrap().status() == StatusCode::OK {
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
