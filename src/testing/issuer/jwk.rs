use aws_lc_rs::signature::{KeyPair, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{SigningKey, TestIssuer};
use crate::authn::jwt::Algorithm;

impl TestIssuer {
    /// The public key as a JWK (RFC 7517), to put into a key set; `null` for a symmetric issuer.
    ///
    /// ```
    /// use tower_warden::authn::jwt::VerifyingKey;
    /// use tower_warden::testing::TestIssuer;
    ///
    /// let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    /// let set = serde_json::json!({ "keys": [issuer.public_jwk()] }).to_string();
    /// assert_eq!(set, issuer.jwks());
    /// assert_eq!(VerifyingKey::from_jwks(&set)?[0].id(), issuer.verifying_key().id());
    /// # Ok::<_, tower_warden::authn::jwt::KeyError>(())
    /// ```
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &*self.key {
            SigningKey::Ecdsa(pair) => {
                // An uncompressed point: 4, then x and y of equal length (SEC 1, 2.3.3).
                let coordinates = &pair.public_key().as_ref()[1..];
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                json!({"kty": "EC", "crv": curve(self.algorithm), "x": encode(x), "y": encode(y)})
            }
            SigningKey::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
            SigningKey::Rsa(pair, _) => {
                let key = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": encode(&key.n), "e": encode(&key.e)})
            }
            SigningKey::Hmac { .. } => return Value::Null,
        };
        jwk["kid"] = self.key_id.clone().into();
        jwk["alg"] = self.algorithm.name().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The JWK Set (RFC 7517 5) with this issuer's key alone, as text; without a key for a symmetric issuer.
    #[must_use]
    pub fn jwks(&self) -> String {
        let key = Some(self.public_jwk()).filter(|key| !key.is_null());
        json!({"keys": Vec::from_iter(key)}).to_string()
    }
}

const fn curve(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Es384 => "P-384",
        Algorithm::Es512 => "P-521",
        _ => "P-256",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::jwt::{Issuer, JwtValidator, KeyError, VerifyingKey};

    #[test]
    fn j2_a_public_jwk_is_read_back_and_verifies_the_issuers_tokens() {
        for algorithm in Algorithm::ALL.into_iter().filter(|one| !one.is_symmetric()) {
            let issuer = TestIssuer::with_algorithm("https://issuer.example", "api", algorithm);
            let key = VerifyingKey::from_jwk(&issuer.public_jwk().to_string()).unwrap();
            assert_eq!(key.id(), issuer.verifying_key().id());
            assert_eq!(key.algorithms().collect::<Vec<_>>(), [algorithm]);

            let trusted = Issuer::builder("https://issuer.example").audience("api").key(key);
            let validator = JwtValidator::new(trusted.build().unwrap());
            assert!(validator.validate(&issuer.token("ada").sign()).is_ok(), "{algorithm}");
            let stranger = TestIssuer::with_algorithm("https://issuer.example", "api", algorithm);
            assert!(validator.validate(&stranger.token("ada").sign()).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn j2_a_symmetric_issuer_has_no_public_jwk() {
        let issuer = TestIssuer::with_algorithm("https://issuer.example", "api", Algorithm::Hs256);
        assert_eq!(issuer.public_jwk(), Value::Null);
        assert_eq!(VerifyingKey::from_jwk("null").unwrap_err(), KeyError::Malformed);
    }
}
