//! A DPoP proof: reading it, and the checks that need nothing but the proof (RFC 9449 4.2, 4.3).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{ProofError, thumbprint};
use crate::authn::jwt::compact::Compact;
use crate::authn::jwt::{Algorithm, KeyError, VerifyingKey, json};

/// The longest proof that is looked at, in bytes: twice what one with an RSA key of 8192 bits takes.
pub(super) const MAX_LENGTH: usize = 8192;

/// The longest `jti`, in bytes; a UUID has 36.
const MAX_ID: usize = 256;

/// The end of the year 9999, in seconds since the Unix epoch.
const LATEST: f64 = 253_402_300_799.0;

type Members = Map<String, Value>;

/// A proof whose parts have the right form. Its signature is not verified yet.
#[derive(Debug)]
pub(super) struct Proof {
    algorithm: Algorithm,
    key: Members,
    pub(super) id: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) issued_at: Duration,
    pub(super) expires_at: Option<Duration>,
    pub(super) not_before: Option<Duration>,
    pub(super) token_hash: [u8; 32],
    pub(super) nonce: Option<String>,
}

impl Proof {
    /// Reads a proof signed with one of these algorithms.
    pub(super) fn read(text: &str, algorithms: &[Algorithm]) -> Result<Self, ProofError> {
        if text.len() > MAX_LENGTH {
            return Err(ProofError::TooLong);
        }
        let malformed = |_| ProofError::Malformed;
        let compact = Compact::split(text).map_err(malformed)?;
        let header = json::object(&compact.header_bytes().map_err(malformed)?)
            .map_err(|_| ProofError::Malformed)?;
        let (algorithm, key) = read_header(header, algorithms)?;
        let claims = json::object(&compact.payload().map_err(malformed)?)
            .map_err(|_| ProofError::Malformed)?;
        let text = |name| {
            let text = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or(ProofError::ClaimMalformed)
        };
        let id = text("jti")?;
        if id.len() > MAX_ID {
            return Err(ProofError::ClaimMalformed);
        }
        Ok(Self {
            algorithm,
            key,
            id,
            method: text("htm")?,
            target: text("htu")?,
            issued_at: date(&claims, "iat")?.ok_or(ProofError::ClaimMalformed)?,
            expires_at: date(&claims, "exp")?,
            not_before: date(&claims, "nbf")?,
            token_hash: digest(&text("ath")?)?,
            nonce: if claims.contains_key("nonce") { Some(text("nonce")?) } else { None },
        })
    }

    /// The thumbprint of the key in the header. Whether the sender holds it is for [`verify`](Self::verify).
    pub(super) fn thumbprint(&self) -> Result<[u8; 32], ProofError> {
        thumbprint::of(&self.key).ok_or(ProofError::Key)
    }

    /// Verifies the signature of `text`, from which this proof was read, with the key in its header.
    pub(super) fn verify(&self, text: &str) -> Result<(), ProofError> {
        let key =
            VerifyingKey::from_jwk_members(&self.key, Some(self.algorithm)).map_err(|error| {
                match error {
                    KeyError::Private => ProofError::KeyPrivate,
                    _ => ProofError::Key,
                }
            })?;
        let compact = Compact::split(text).map_err(|_| ProofError::Malformed)?;
        match compact
            .with_signature(|signature| key.verifies(self.algorithm, compact.signed(), signature))
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(ProofError::Signature),
            Err(_) => Err(ProofError::Malformed),
        }
    }
}

/// The nonce that a proof claims, for one that was found good before.
pub(super) fn nonce(text: &str) -> Option<String> {
    let claims = json::object(&Compact::split(text).ok()?.payload().ok()?).ok()?;
    claims.get("nonce")?.as_str().map(str::to_owned)
}

/// Items 2, 4, 5 and 7: the type, the algorithm, a key, and nothing that would change how the rest is read.
fn read_header(
    mut header: Members,
    algorithms: &[Algorithm],
) -> Result<(Algorithm, Members), ProofError> {
    if header.contains_key("crit") {
        return Err(ProofError::CriticalHeader);
    }
    if ["b64", "enc", "zip"].iter().any(|name| header.contains_key(*name)) {
        return Err(ProofError::Malformed);
    }
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err(ProofError::MediaType);
    }
    let named = header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
    let algorithm =
        named.filter(|named| algorithms.contains(named)).ok_or(ProofError::AlgorithmNotAllowed)?;
    let Some(Value::Object(key)) = header.remove("jwk") else { return Err(ProofError::Key) };
    if thumbprint::holds_secret(&key) {
        return Err(ProofError::KeyPrivate);
    }
    Ok((algorithm, key))
}

/// Seconds since the Unix epoch, possibly with a fraction (RFC 7519 2).
fn date(claims: &Members, name: &str) -> Result<Option<Duration>, ProofError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..=LATEST).contains(seconds));
    let date = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    date.map(Some).ok_or(ProofError::ClaimMalformed)
}

/// A SHA-256 digest in base64url, whole.
fn digest(text: &str) -> Result<[u8; 32], ProofError> {
    let mut digest = [0; 32];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut digest) {
        Ok(32) => Ok(digest),
        _ => Err(ProofError::ClaimMalformed),
    }
}
