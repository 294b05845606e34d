//! Any `Forwarded` and `X-Forwarded-For` fields, one a line, of a proxy that is trusted: nothing panics, and without a
//! trusted proxy they change nothing.
#![no_main]

use std::net::SocketAddr;
use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_warden::client_address::{
    ClientAddress, ClientAddressLayer, PeerAddress, TrustedProxies,
};
use tower_warden::gate::Gate;

static TRUSTED: LazyLock<[TrustedProxies; 3]> = LazyLock::new(|| {
    let networks = ["10.0.0.0/8", "2001:db8::/32"];
    [
        TrustedProxies::forwarded(networks).unwrap(),
        TrustedProxies::x_forwarded_for(networks).unwrap(),
        TrustedProxies::none(),
    ]
});

fuzz_target!(|bytes: &[u8]| {
    let peer = SocketAddr::from(([10, 0, 0, 1], 443));
    for (trusted, trusts) in TRUSTED.iter().zip([true, true, false]) {
        let mut request = Request::new(());
        request.extensions_mut().insert(PeerAddress(peer));
        for line in bytes.split(|byte| *byte == b'\n').take(8) {
            for name in ["forwarded", "x-forwarded-for", "x-forwarded-proto"] {
                if let Ok(value) = HeaderValue::from_bytes(line) {
                    request.headers_mut().append(name, value);
                }
            }
        }
        let (mut head, ()) = request.into_parts();
        let _ = trusted.is_https(&head);
        let _ = ClientAddressLayer::new(trusted.clone()).admit(&mut head);
        let client = ClientAddress::of(&head.extensions).unwrap();
        assert!(trusts || client.ip() == peer.ip(), "{client:?}");
    }
});
