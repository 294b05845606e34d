//! The thumbprint of a public key (RFC 7638, RFC 8037 2).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Members of private and symmetric keys (RFC 7518 6.2.2, 6.3.2, 6.4.1; `priv` of post-quantum keys).
const SECRET: [&str; 9] = ["d", "dp", "dq", "k", "oth", "p", "priv", "q", "qi"];

/// Whether a JWK holds what its owner must keep.
pub(super) fn holds_secret(jwk: &Map<String, Value>) -> bool {
    SECRET.iter().any(|name| jwk.contains_key(*name))
}

/// The SHA-256 thumbprint of a JWK: of its required members alone, in the order of their names, without spaces.
///
/// `None` when one is missing or could be written in two ways: the values are base64url, of which each has one spelling,
/// or the names of types and curves.
pub(super) fn of(jwk: &Map<String, Value>) -> Option<[u8; 32]> {
    let name = |name| jwk.get(name).and_then(Value::as_str);
    let binary = |member| {
        name(member).filter(|text| URL_SAFE_NO_PAD.decode(text).is_ok_and(|it| !it.is_empty()))
    };
    let text = match name("kty")? {
        "EC" => {
            let curve = name("crv").filter(|it| ["P-256", "P-384", "P-521"].contains(it))?;
            let (x, y) = (binary("x")?, binary("y")?);
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        "OKP" => {
            let curve = name("crv").filter(|it| *it == "Ed25519")?;
            format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{}"}}"#, binary("x")?)
        }
        "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, binary("e")?, binary("n")?),
        _ => return None,
    };
    digest(&SHA256, text.as_bytes()).as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(jwk: &Value) -> Option<String> {
        of(jwk.as_object().unwrap()).map(|digest| URL_SAFE_NO_PAD.encode(digest))
    }

    /// RFC 7638 3.1, RFC 8037 A.3, RFC 9449 4.1 with 6.1.
    #[test]
    fn p12_thumbprints_of_the_standards() {
        let rsa = json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        assert_eq!(text(&rsa).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        let ed25519 = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        assert_eq!(text(&ed25519).as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
        let ec = json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        });
        assert_eq!(text(&ec).as_deref(), Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
    }

    #[test]
    fn p12_a_key_that_could_be_written_otherwise_has_no_thumbprint() {
        for jwk in [
            json!({}),
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AA"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AB", "y": "AA"}), // bits after the end
            json!({"kty": "EC", "crv": "P-256", "x": "AA==", "y": "AA"}),
            json!({"kty": "EC", "crv": "P-256", "x": "\",\"x\":\"", "y": "AA"}),
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": ""}),
            json!({"kty": "RSA", "n": "AA"}),
            json!({"kty": "RSA", "n": "AA", "e": 65_537}),
            json!({"kty": "ec", "crv": "P-256", "x": "AA", "y": "AA"}),
        ] {
            assert_eq!(text(&jwk), None, "{jwk}");
        }
    }
}
