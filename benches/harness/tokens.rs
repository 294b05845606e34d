//! Keys made on the machine that measures, and tokens signed with them.

use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "https://orders.example";

/// A key of one of the algorithms.
pub(crate) enum Signer {
    Rs256(RsaKeyPair),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    /// A secret as long as the hash.
    Hs256([u8; 32]),
}

impl Signer {
    /// Kept beside this program: making it takes long, the more so under valgrind.
    pub(crate) fn rs256() -> Self {
        let program = env::current_exe().expect("this program has a path");
        let kept = program.with_extension("rs256.pk8");
        if let Ok(key) = fs::read(&kept) {
            return Self::Rs256(RsaKeyPair::from_pkcs8(&key).expect("a key that was kept here"));
        }
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("the machine has random numbers");
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).expect("a key has a DER form");
        fs::write(kept, pkcs8.as_ref()).expect("the target folder can be written");
        Self::Rs256(key)
    }

    pub(crate) fn es256() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self::Es256(key.expect("the machine has random numbers"))
    }

    pub(crate) fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().expect("the machine has random numbers"))
    }

    pub(crate) fn hs256() -> Self {
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the machine has random numbers");
        Self::Hs256(secret)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Hs256(_) => "HS256",
        }
    }

    /// The key set that the issuer publishes; there is none for a secret.
    pub(crate) fn jwks(&self) -> Value {
        let mut key = match self {
            Self::Rs256(key) => json!({
                "kty": "RSA",
                "n": encode(key.public_key().modulus().big_endian_without_leading_zero()),
                "e": encode(key.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Self::Es256(key) => {
                let point = key.public_key().as_ref(); // 4, x, y
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
            }
            Self::EdDsa(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().as_ref()) })
            }
            Self::Hs256(_) => panic!("nobody publishes a secret"),
        };
        key["kid"] = "bench-1".into();
        key["use"] = "sig".into();
        key["alg"] = self.algorithm().into();
        json!({ "keys": [key] })
    }

    /// An access token as RFC 9068 has it, valid for six hours.
    pub(crate) fn token(&self) -> String {
        self.made(self.algorithm(), "bench-1", 0)
    }

    /// As an `Authorization` field carries it.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.token())
    }

    /// The same for a token that is no good, in one of these ways.
    pub(crate) fn bad_bearer(&self, bad: Bad) -> String {
        let token = match bad {
            Bad::Malformed => "abc.def.ghi".to_owned(),
            Bad::Oversized => oversized(),
            Bad::UnknownAlgorithm => self.made("XS256", "bench-1", 0),
            Bad::UnknownKey => self.made(self.algorithm(), "bench-2", 0),
            Bad::Expired => self.made(self.algorithm(), "bench-1", 9 * 3600),
        };
        format!("Bearer {token}")
    }

    fn made(&self, algorithm: &str, key_id: &str, age: u64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let issued = now - age;
        let header = json!({ "typ": "at+jwt", "alg": algorithm, "kid": key_id });
        let claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "3c1f8d0e-64b7-4c2e-9a53-2f6f2c2d9b11",
            "client_id": "orders-web",
            "scope": "orders:read orders:write",
            "iat": issued,
            "nbf": issued,
            "exp": issued + 6 * 3600,
            "jti": "9f0e2a1d7c",
        });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        format!("{signed}.{}", encode(self.sign(signed.as_bytes())))
    }

    /// As aws-lc-rs reads it.
    pub(crate) fn public_key(&self) -> &[u8] {
        match self {
            Self::Rs256(key) => key.public_key().as_ref(),
            Self::Es256(key) => key.public_key().as_ref(),
            Self::EdDsa(key) => key.public_key().as_ref(),
            Self::Hs256(_) => panic!("nobody publishes a secret"),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("the buffer has the signature's length");
                signature
            }
            Self::Es256(key) => {
                key.sign(&random, message).expect("signing does not fail").as_ref().to_vec()
            }
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Hs256(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
        }
    }
}

/// What is wrong with a token.
#[derive(Clone, Copy)]
pub(crate) enum Bad {
    Malformed,
    /// An unsigned token of 12 KB whose header is a long list.
    Oversized,
    UnknownAlgorithm,
    UnknownKey,
    /// Three hours ago, and well signed.
    Expired,
}

fn oversized() -> String {
    let list = vec!["0"; 4_400].join(",");
    let header = encode(format!(r#"{{"alg":"RS256","kid":"bench-1","x":[{list}]}}"#));
    format!("{header}.{}.AAAA", encode("{}"))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
