//! Any `Client-Cert` and `x-forwarded-client-cert` fields, one a line: nothing panics, and nobody but a trusted proxy has a
//! certificate by them.
#![no_main]

use std::net::SocketAddr;
use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::client_certificate::{ClientCertificate, ForwardedCertificates};
use tower_warden::authn::mesh::{MeshAuthenticator, SpiffeId};
use tower_warden::client_address::{PeerAddress, TrustedProxies};
use tower_warden::gate::{Gate, Verdict};

static LAYERS: LazyLock<[AuthenticateLayer; 2]> = LazyLock::new(|| {
    let proxies = || TrustedProxies::forwarded(["10.0.0.0/8"]).unwrap();
    let mesh = || MeshAuthenticator::new(["example.org"]).unwrap();
    [
        ForwardedCertificates::client_cert(proxies()),
        ForwardedCertificates::x_forwarded_client_cert(proxies()),
    ]
    .map(|fields| AuthenticateLayer::new(mesh()).forwarded_certificates(fields))
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(id) = text.parse::<SpiffeId>()
    {
        assert_eq!(id.to_string(), text, "an id has one spelling");
    }
    for layer in &*LAYERS {
        for (peer, trusted) in [([10, 0, 0, 1], true), ([192, 0, 2, 1], false)] {
            let mut request = Request::new(());
            request.extensions_mut().insert(PeerAddress(SocketAddr::from((peer, 443))));
            for line in bytes.split(|byte| *byte == b'\n').take(4) {
                for name in ["client-cert", "client-cert-chain", "x-forwarded-client-cert"] {
                    if let Ok(value) = HeaderValue::from_bytes(line) {
                        request.headers_mut().append(name, value);
                    }
                }
            }
            let (mut head, ()) = request.into_parts();
            let verdict = layer.admit(&mut head);
            if !trusted {
                assert!(!matches!(verdict, Verdict::Ready(Ok(_))), "admitted from outside");
                assert!(ClientCertificate::of(&head.extensions).is_none());
            }
        }
    }
});
