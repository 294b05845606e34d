use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::TestIssuer;
use crate::authn::jwt::Algorithm;

/// The key of a client, which signs real DPoP proofs (RFC 9449 4.2).
///
/// Cheap to clone.
///
/// ```
/// use tower_warden::testing::{TestDpopKey, TestIssuer};
///
/// let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
/// let key = TestDpopKey::new();
/// let token = issuer.token("ada").bound_to(&key).sign();
/// let proof = key.proof("GET", "https://api.example/orders").token(&token).sign();
/// let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
/// assert_ne!(key.thumbprint(), TestDpopKey::new().thumbprint());
/// # let _ = headers;
/// ```
#[derive(Clone, Debug)]
pub struct TestDpopKey {
    key: TestIssuer,
    algorithm: Algorithm,
}

impl Default for TestDpopKey {
    fn default() -> Self {
        Self::new()
    }
}

impl TestDpopKey {
    /// A fresh key for ES256.
    #[must_use]
    pub fn new() -> Self {
        Self::with_algorithm(Algorithm::Es256)
    }

    /// A fresh key for another algorithm.
    ///
    /// # Panics
    ///
    /// If the algorithm is symmetric, or the operating system has no randomness.
    #[must_use]
    pub fn with_algorithm(algorithm: Algorithm) -> Self {
        assert!(!algorithm.is_symmetric(), "a DPoP key has a public part");
        Self { key: TestIssuer::with_algorithm("", "", algorithm), algorithm }
    }

    /// The public key as it stands in proofs: the required members of a JWK alone.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.key.public_jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.retain(|name, _| ["crv", "e", "kty", "n", "x", "y"].contains(&&**name));
        }
        jwk
    }

    /// The thumbprint of the key in base64url, as it stands in `cnf.jkt` (RFC 7638, RFC 9449 6.1).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // Members come out in the order of their names, without spaces: what RFC 7638 hashes.
        let sorted: std::collections::BTreeMap<_, _> =
            self.public_jwk().as_object().cloned().unwrap_or_default().into_iter().collect();
        hash(&json!(sorted).to_string())
    }

    /// Starts a proof for that method and URI, made now by the system's clock.
    pub fn proof(&self, method: &str, uri: &str) -> TestDpopProof {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let header =
            json!({"typ": "dpop+jwt", "alg": self.algorithm.name(), "jwk": self.public_jwk()});
        let claims = json!({
            "jti": crate::rejection::CorrelationId::fresh().to_string(), "htm": method, "htu": uri,
        });
        let members = |value: Value| value.as_object().cloned().unwrap_or_default();
        TestDpopProof { key: self.clone(), header: members(header), claims: members(claims) }
            .issued_at(now)
    }

    /// Signs any header and claims, also nonsensical ones.
    #[must_use]
    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        self.key.sign(header, claims)
    }
}

/// A DPoP proof on its way to be signed.
#[derive(Clone, Debug)]
#[must_use = "a proof is nothing until it is signed"]
pub struct TestDpopProof {
    key: TestDpopKey,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl TestDpopProof {
    /// Names the token that the proof goes with: `ath`.
    pub fn token(self, token: &str) -> Self {
        self.claim("ath", hash(token))
    }

    /// Carries a nonce of the server.
    pub fn nonce(self, nonce: &str) -> Self {
        self.claim("nonce", nonce)
    }

    /// Makes the proof at this time, since the Unix epoch.
    pub fn issued_at(self, unix: Duration) -> Self {
        self.claim("iat", unix.as_secs())
    }

    /// Sets any claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets any header parameter.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a header parameter out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// The signed proof in compact form.
    #[must_use]
    pub fn sign(self) -> String {
        let text = |members| Value::Object(members).to_string();
        self.key.sign(text(self.header).as_bytes(), text(self.claims).as_bytes())
    }
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}
