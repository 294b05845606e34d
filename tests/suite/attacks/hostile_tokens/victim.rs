//! The services under attack, and what the attacker knows: every public key, and how good tokens look.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_warden::authn::jwt::{Algorithm, Issuer, JwtValidator, VerifyingKey};
use tower_warden::testing::{FakeClock, TestIssuer, TestToken};

pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const AUDIENCE: &str = "https://api.example";
pub(super) const NOW: u64 = 1_800_000_000;
const SECRET: [u8; 32] = [0x5a; 32];

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The three parts of a token.
pub(super) fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// Claims that a service takes, with further members as JSON text.
pub(super) fn claims_with(more: &str) -> String {
    format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"ada","client_id":"web","jti":"1","iat":{NOW},"exp":{}{more}}}"#,
        NOW + 300
    )
}

/// The same, with other text in the place of one member's value; a member that is not there yet comes at the end.
pub(super) fn claims_where(name: &str, value: &str) -> String {
    let claims: Value = serde_json::from_str(&claims_with("")).unwrap();
    let members = claims.as_object().unwrap().iter().filter(|(own, _)| *own != name);
    let mut text: Vec<_> = members.map(|(own, value)| format!("{own:?}:{value}")).collect();
    text.push(format!("{name:?}:{value}"));
    format!("{{{}}}", text.join(","))
}

/// Signs any text with the secret that the service HS256 shares with its issuer.
pub(super) fn with_secret(signed: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}

/// Whether the issuer is said to mark its access tokens.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    AccessTokensOnly,
    AnyToken,
}

/// A service that trusts one key.
pub(crate) struct Victim {
    name: &'static str,
    key: VerifyingKey,
    good: String,
}

impl Victim {
    fn of(name: &'static str, signer: &TestIssuer) -> Self {
        Self { name, key: signer.verifying_key(), good: good(signer).sign() }
    }

    pub(crate) fn validator(&self, mode: Mode) -> JwtValidator {
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).key(self.key.clone());
        let issuer = match mode {
            Mode::AccessTokensOnly => issuer.access_tokens_only(),
            Mode::AnyToken => issuer,
        };
        let builder = JwtValidator::builder().issuer(issuer.build().unwrap());
        builder.clock(FakeClock::at_unix(NOW)).build().unwrap()
    }

    /// The same service, which trusts a second issuer too.
    pub(super) fn beside(&self, other: &str, signer: &TestIssuer) -> JwtValidator {
        let issuer = |name: &str, key: &VerifyingKey| {
            Issuer::builder(name)
                .audience(AUDIENCE)
                .key(key.clone())
                .access_tokens_only()
                .build()
                .unwrap()
        };
        let builder = JwtValidator::builder()
            .issuer(issuer(other, &signer.verifying_key()))
            .issuer(issuer(ISSUER, &self.key));
        builder.clock(FakeClock::at_unix(NOW)).build().unwrap()
    }

    /// A token that it admits.
    pub(crate) fn good(&self) -> String {
        self.good.clone()
    }
}

/// A token that `signer` would issue.
pub(super) fn good(signer: &TestIssuer) -> TestToken {
    signer.token("ada").issued_at(NOW).scope("orders:read")
}

pub(super) struct Victims {
    pub(super) es256: TestIssuer,
    pub(super) rs256: TestIssuer,
    pub(super) ed25519: TestIssuer,
    /// Has a key of its own, and says that it is the issuer.
    pub(super) stranger: TestIssuer,
    all: Vec<Victim>,
}

impl Victims {
    pub(super) fn new() -> Self {
        let of = |algorithm| TestIssuer::with_algorithm(ISSUER, AUDIENCE, algorithm);
        let es256 = of(Algorithm::Es256);
        let rs256 = of(Algorithm::Rs256);
        let ed25519 = of(Algorithm::Ed25519);
        let mut any_rsa = rs256.public_jwk();
        any_rsa.as_object_mut().unwrap().remove("alg");
        let secret = VerifyingKey::from_secret(Algorithm::Hs256, &SECRET).unwrap();
        let header = encode(json!({"alg": "HS256", "typ": "at+jwt"}).to_string());
        let all = vec![
            Victim::of("ES256", &es256),
            Victim::of("RS256", &rs256),
            Victim::of("Ed25519", &ed25519),
            Victim {
                name: "HS256",
                key: secret.with_id("shared"),
                good: with_secret(&format!("{header}.{}", encode(claims_with("")))),
            },
            // The same key, of which its set does not say what it is for.
            Victim {
                name: "any RSA",
                key: VerifyingKey::from_jwk(&any_rsa.to_string()).unwrap(),
                good: good(&rs256).sign(),
            },
        ];
        Self { es256, rs256, ed25519, stranger: of(Algorithm::Es256), all }
    }

    pub(super) fn of(&self, name: &str) -> &Victim {
        self.all.iter().find(|victim| victim.name == name).unwrap()
    }

    /// A good token of the service ES256, to be changed before it is signed.
    pub(super) fn good(&self) -> TestToken {
        good(&self.es256)
    }

    /// A good token of the service ES256 whose times are moved.
    pub(super) fn shifted(&self, back: Duration) -> TestToken {
        self.good().issued_at(NOW - back.as_secs())
    }

    /// Signs claims as text under a good header of the service ES256.
    pub(super) fn sign(&self, claims: impl AsRef<[u8]>) -> String {
        self.sign_both(r#"{"alg":"ES256","kid":"test-ES256","typ":"at+jwt"}"#, claims)
    }

    /// Signs header and claims as they are, with the key of the service ES256.
    pub(super) fn sign_both(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.es256.sign(header.as_ref(), claims.as_ref())
    }
}
