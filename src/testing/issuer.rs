mod jwk;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::authn::jwt::{Algorithm, Issuer, VerifyingKey};
use crate::config::ConfigError;

/// How long a token lives, unless said otherwise.
const LIFETIME: Duration = Duration::from_secs(300);

/// An issuer that signs real tokens with a key of its own, made when it is.
///
/// Cheap to clone. Its tokens follow the access token profile (RFC 9068).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_warden::authn::jwt::JwtValidator;
/// use tower_warden::testing::TestIssuer;
///
/// let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
/// let validator = JwtValidator::new(issuer.trust()?);
/// assert!(validator.validate(&issuer.token("ada").sign()).is_ok());
///
/// let stranger = TestIssuer::new("https://issuer.example", "https://api.example");
/// assert!(validator.validate(&stranger.token("ada").sign()).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct TestIssuer {
    name: String,
    audience: String,
    algorithm: Algorithm,
    key_id: String,
    key: Arc<SigningKey>,
}

enum SigningKey {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac { key: Box<hmac::Key>, secret: Vec<u8> },
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// Never the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl TestIssuer {
    /// An issuer of that name, whose tokens are for `audience` and signed with ES256.
    #[must_use]
    pub fn new(name: &str, audience: &str) -> Self {
        Self::with_algorithm(name, audience, Algorithm::Es256)
    }

    /// An issuer that signs with another algorithm.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to make a key from.
    #[must_use]
    pub fn with_algorithm(name: &str, audience: &str, algorithm: Algorithm) -> Self {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            SigningKey::Ecdsa(EcdsaKeyPair::generate(algorithm).expect("a fresh EC key"))
        };
        let rsa = |encoding| {
            SigningKey::Rsa(
                RsaKeyPair::generate(KeySize::Rsa2048).expect("a fresh RSA key"),
                encoding,
            )
        };
        let secret = |algorithm: hmac::Algorithm| {
            let mut secret = vec![0; algorithm.digest_algorithm().output_len()];
            rand::fill(&mut secret).expect("randomness");
            SigningKey::Hmac { key: Box::new(hmac::Key::new(algorithm, &secret)), secret }
        };
        let key = match algorithm {
            Algorithm::Ed25519 | Algorithm::EdDsa => {
                SigningKey::Ed25519(Ed25519KeyPair::generate().expect("a fresh Ed25519 key"))
            }
            Algorithm::Es256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::Es512 => ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::Hs256 => secret(hmac::HMAC_SHA256),
            Algorithm::Hs384 => secret(hmac::HMAC_SHA384),
            Algorithm::Hs512 => secret(hmac::HMAC_SHA512),
            Algorithm::Ps256 => rsa(&signature::RSA_PSS_SHA256),
            Algorithm::Ps384 => rsa(&signature::RSA_PSS_SHA384),
            Algorithm::Ps512 => rsa(&signature::RSA_PSS_SHA512),
            Algorithm::Rs256 => rsa(&signature::RSA_PKCS1_SHA256),
            Algorithm::Rs384 => rsa(&signature::RSA_PKCS1_SHA384),
            Algorithm::Rs512 => rsa(&signature::RSA_PKCS1_SHA512),
        };
        Self {
            name: name.to_owned(),
            audience: audience.to_owned(),
            algorithm,
            key_id: format!("test-{algorithm}"),
            key: Arc::new(key),
        }
    }

    /// The issuer's name, as in `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same issuer and key, naming the key otherwise in its tokens.
    #[must_use]
    pub fn with_key_id(mut self, key_id: &str) -> Self {
        key_id.clone_into(&mut self.key_id);
        self
    }

    /// The key that verifies this issuer's tokens.
    ///
    /// # Panics
    ///
    /// Never: the key was made for the algorithm.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let key = match &*self.key {
            SigningKey::Hmac { secret, .. } => VerifyingKey::from_secret(self.algorithm, secret),
            _ => VerifyingKey::from_pem(self.algorithm, &self.public_key_pem()),
        };
        key.expect("a key made for the algorithm fits it").with_id(&*self.key_id)
    }

    /// The public key as SubjectPublicKeyInfo in PEM form; empty for a symmetric issuer.
    ///
    /// # Panics
    ///
    /// If the key cannot be written down, which does not happen for keys made here.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match &*self.key {
            SigningKey::Ecdsa(pair) => pair.public_key().as_der(),
            SigningKey::Ed25519(pair) => pair.public_key().as_der(),
            SigningKey::Rsa(pair, _) => pair.public_key().as_der(),
            SigningKey::Hmac { .. } => return String::new(),
        }
        .expect("a public key can be written down");
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        )
    }

    /// The issuer as a validator trusts it: this key and audience, and access tokens only.
    ///
    /// # Errors
    ///
    /// If the name or the audience is empty.
    pub fn trust(&self) -> Result<Issuer, ConfigError> {
        Issuer::builder(&self.name)
            .audience(&*self.audience)
            .key(self.verifying_key())
            .access_tokens_only()
            .build()
    }

    /// Starts a token for that subject, issued now by the system's clock.
    pub fn token(&self, subject: &str) -> TestToken {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({"alg": self.algorithm.name(), "typ": "at+jwt", "kid": self.key_id});
        let claims = json!({
            "iss": self.name, "aud": self.audience, "sub": subject, "client_id": "test-client",
            "jti": crate::rejection::CorrelationId::fresh().to_string(), "scope": "",
        });
        TestToken { issuer: self.clone(), header: into_map(header), claims: into_map(claims) }
            .issued_at(now)
    }

    /// Signs any header and claims, also nonsensical ones, with this issuer's key and algorithm.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness.
    #[must_use]
    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let random = SystemRandom::new();
        let signature = match &*self.key {
            SigningKey::Ecdsa(pair) => {
                pair.sign(&random, signed.as_bytes()).expect("signs").as_ref().to_vec()
            }
            SigningKey::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            SigningKey::Hmac { key, .. } => hmac::sign(key, signed.as_bytes()).as_ref().to_vec(),
            SigningKey::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, signed.as_bytes(), &mut signature).expect("signs");
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A token on its way to be signed.
#[derive(Clone, Debug)]
#[must_use = "a token is nothing until it is signed"]
pub struct TestToken {
    issuer: TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl TestToken {
    /// Grants these scopes, space-separated.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// Gives one role.
    pub fn role(self, role: &str) -> Self {
        self.claim("roles", json!([role]))
    }

    /// Sets the tenant.
    pub fn tenant(self, tenant: &str) -> Self {
        self.claim("tenant", tenant)
    }

    /// Issues the token at this time, in seconds since the Unix epoch, to live for five minutes.
    pub fn issued_at(self, unix: u64) -> Self {
        self.claim("iat", unix)
            .claim("nbf", unix)
            .claim("exp", unix.saturating_add(LIFETIME.as_secs()))
    }

    /// Lets the token have expired that long ago.
    pub fn expired_since(self, ago: Duration) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.issued_at(now.saturating_sub(ago).saturating_sub(LIFETIME).as_secs())
    }

    /// Binds the token to a client's key: `cnf.jkt` (RFC 9449 6.1).
    #[cfg(feature = "dpop")]
    pub fn bound_to(self, key: &super::TestDpopKey) -> Self {
        self.claim("cnf", json!({"jkt": key.thumbprint()}))
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

    /// The signed token in compact form.
    #[must_use]
    pub fn sign(self) -> String {
        let text = |map| Value::Object(map).to_string();
        self.issuer.sign(text(self.header).as_bytes(), text(self.claims).as_bytes())
    }
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
