//! A service that tells whom it saw, and what the modules on authentication share around it.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::issued_key::{IssuedKey, KeyPrefix};
use tower_warden::principal::Principal;

use crate::support::{Answer, TestBody, ask};

/// Issues a key.
pub(crate) fn issue() -> IssuedKey {
    let prefix = KeyPrefix::new("acme_live").expect("a valid prefix");
    IssuedKey::generate(&prefix).expect("random bytes")
}

/// Sends one request through `layer`, in front of a service that leaves the principal it saw in its response.
pub(crate) async fn witness(layer: &AuthenticateLayer, request: Request<TestBody>) -> Answer {
    let service = service_fn(async |request: Request<TestBody>| {
        let mut response = Response::new(TestBody::from("inner"));
        if let Some(principal) = Principal::of(request.extensions()) {
            response.extensions_mut().insert(principal.clone());
        }
        Ok::<_, Infallible>(response)
    });
    ask(layer.layer(service), request).await
}

/// The principal that the service saw.
pub(crate) fn seen(answer: &Answer) -> &Principal {
    answer.extensions.get().expect("an authenticated request")
}

/// All that a caller can see of an answer.
pub(crate) fn outside(answer: &Answer) -> (u16, String, String) {
    (answer.status, format!("{:?}", answer.headers), answer.text().to_owned())
}

/// A key with another secret and the checksum that fits: well formed, and never issued.
pub(crate) fn forged(key: &IssuedKey) -> String {
    let text = key.key.expose();
    let (front, secret) = text.rsplit_once('_').expect("a key");
    let changed = if secret.starts_with('0') { '1' } else { '0' };
    let body = format!("{front}_{changed}{}", &secret[1..43]);
    format!("{body}{}", checksum(&body))
}

/// The credentials of HTTP Basic.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The checksum of a key's text, written down a second time from its description: CRC-32 in six base62 digits.
fn checksum(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let digit = |place: u32| {
        let value = (!crc / 62_u32.pow(place) % 62) as usize;
        char::from(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[value])
    };
    (0..6).rev().map(digit).collect()
}
