//! Any text as a header's name, value or policy: nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_warden::response_headers::ResponseHeadersLayer;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let builder = ResponseHeadersLayer::web_builder;
    let built = [
        builder().content_security_policy(text).build(),
        builder().permissions_policy(text).build(),
        builder().referrer_policy(text).build(),
        builder().cross_origin_embedder_policy(text).build(),
        builder().header("x-fuzzed", text).build(),
        builder().header(text, "1").build(),
        builder().without(text).build(),
        builder().insecure_keep(text).build(),
    ];
    // No policy that holds what ends a header field or starts another is taken.
    if text.contains(['\r', '\n', '\0']) {
        assert!(built[..5].iter().all(Result::is_err), "{text:?}");
    }
});
