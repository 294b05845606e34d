//! When to come back, in gRPC's own terms: a `google.rpc.RetryInfo` among the details of a `google.rpc.Status`, which
//! travels in `grpc-status-details-bin` (google/rpc/status.proto, google/rpc/error_details.proto).
//!
//! Five fields are written and nothing is read, so the encoding is done here by hand.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use super::RejectionKind;

pub(crate) const GRPC_STATUS_DETAILS: HeaderName =
    HeaderName::from_static("grpc-status-details-bin");

const TYPE_URL: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The most that `google.protobuf.Duration` can say: 10,000 years.
const MOST_SECONDS: u64 = 315_576_000_000;

/// The wire type of strings, bytes and messages ("Encoding" of Protocol Buffers).
const LENGTH_DELIMITED: u8 = 2;

/// A `google.rpc.Status` of this kind that says when to come back.
pub(crate) fn details(kind: RejectionKind, after: Duration) -> Vec<u8> {
    let mut delay = Vec::with_capacity(16);
    number(&mut delay, 1, after.as_secs().min(MOST_SECONDS));
    number(&mut delay, 2, after.subsec_nanos().into());
    let mut retry_info = Vec::with_capacity(24);
    field(&mut retry_info, 1, &delay);
    let mut any = Vec::with_capacity(72);
    field(&mut any, 1, TYPE_URL.as_bytes());
    field(&mut any, 2, &retry_info);
    let mut status = Vec::with_capacity(160);
    number(&mut status, 1, u64::from(kind.grpc_code().unsigned_abs()));
    field(&mut status, 2, kind.detail().as_bytes());
    field(&mut status, 3, &any);
    status
}

/// The same as a header value.
pub(crate) fn value(kind: RejectionKind, after: Duration) -> HeaderValue {
    let text = base64(&details(kind, after));
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A number; the default, 0, is left out.
fn number(message: &mut Vec<u8>, field: u8, value: u64) {
    if value > 0 {
        message.push(field << 3);
        varint(message, value);
    }
}

fn field(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | LENGTH_DELIMITED);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

/// Without padding, as senders should write it (gRPC over HTTP/2, "Binary-Header").
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let octet = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        // One character more than octets.
        for character in 0..=group.len() {
            let sextet = bits >> (18 - 6 * character) & 0x3f;
            text.push(char::from(ALPHABET[sextet as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 10, without the padding.
    #[test]
    fn g2_base64_without_padding() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8");
    }

    #[test]
    fn g2_numbers_of_any_size_are_written_as_varints() {
        for (value, bytes) in [
            (1, &[1][..]),
            (127, &[127]),
            (128, &[128, 1]),
            (300, &[172, 2]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            let mut written = Vec::new();
            varint(&mut written, value);
            assert_eq!(written, bytes, "{value}");
        }
    }
}
