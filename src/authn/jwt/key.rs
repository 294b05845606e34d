use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::Algorithm;
use super::algorithm::Computation;
use super::{json, roca};

/// A key that verifies signatures, bound to the algorithms that it may be used with (RFC 8725 3.1).
///
/// Parsed once, when it is made. A public key cannot become an HMAC secret: the two are made by different functions
/// from different material.
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<String>,
    verifiers: Vec<(Algorithm, Verifier)>,
}

#[derive(Clone)]
enum Verifier {
    Hmac(Box<hmac::Key>),
    Signature(ParsedPublicKey),
}

/// Why key material was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The algorithm takes another kind of key.
    #[error("the algorithm does not fit the kind of key")]
    AlgorithmMismatch,
    /// Not a key, not of that type, or not on the curve.
    #[error("the key cannot be read")]
    Malformed,
    /// The JWK holds private key material, which does not belong into a verifier.
    #[error("the JWK holds private key material")]
    Private,
    /// An RSA key under 2048 bits or an HMAC secret shorter than the hash (RFC 7518 3.2, 3.3).
    #[error("the key is too short for the algorithm")]
    TooShort,
    /// An RSA key of a broken generator, whose private part can be computed (ROCA, CVE-2017-15361).
    #[error("the RSA key comes from a broken generator")]
    Weak,
    /// The JWK is meant for something else than verifying signatures (RFC 7517 4.2, 4.3).
    #[error("the JWK is not meant for verifying signatures")]
    Use,
}

impl VerifyingKey {
    /// A public key in PEM form: PKCS#1 or SubjectPublicKeyInfo for RSA, SubjectPublicKeyInfo for EC and Ed25519.
    ///
    /// # Errors
    ///
    /// If the text is no public key of the kind that `algorithm` takes, or is too short for it.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let Computation::Signature(computation) = algorithm.computation() else {
            return Err(KeyError::AlgorithmMismatch);
        };
        if !is_one_public_key(pem) {
            return Err(KeyError::Malformed);
        }
        let pem = pem.as_bytes();
        let key = match algorithm {
            Algorithm::Ed25519 | Algorithm::EdDsa => DecodingKey::from_ed_pem(pem),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => DecodingKey::from_ec_pem(pem),
            _ => DecodingKey::from_rsa_pem(pem),
        };
        let key = key.map_err(|_| KeyError::Malformed)?;
        let bytes = key.try_get_as_bytes().map_err(|_| KeyError::Malformed)?;
        let parsed = if let Some(parameters) = rsa_parameters(algorithm) {
            let key =
                aws_lc_rs::rsa::PublicKey::from_der(bytes).map_err(|_| KeyError::Malformed)?;
            parse_rsa(parameters, &RsaPublicKeyComponents::from(&key))?
        } else {
            ParsedPublicKey::new(computation, bytes).map_err(|_| KeyError::Malformed)?
        };
        Ok(Self { id: None, verifiers: vec![(algorithm, Verifier::Signature(parsed))] })
    }

    /// A secret shared with the issuer, for one of the HMAC algorithms.
    ///
    /// # Errors
    ///
    /// If `algorithm` is not symmetric, the secret is the text of another kind of key (PEM, SSH, JWK) or a public key in DER, or it is shorter
    /// than its hash (RFC 7518 3.2).
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let Computation::Hmac(computation) = algorithm.computation() else {
            return Err(KeyError::AlgorithmMismatch);
        };
        // Whoever knows a public key could sign with it.
        if is_text_of_a_key(secret) || is_public_key_in_der(secret) {
            return Err(KeyError::AlgorithmMismatch);
        }
        if secret.len() < computation.digest_algorithm().output_len() {
            return Err(KeyError::TooShort);
        }
        let key = Box::new(hmac::Key::new(computation, secret));
        Ok(Self { id: None, verifiers: vec![(algorithm, Verifier::Hmac(key))] })
    }

    /// A public key in JWK form (RFC 7517): RSA, EC or OKP. `alg`, `use`, `key_ops`, `kty` and `crv` must agree.
    ///
    /// Without `alg` the key fits every algorithm of its type and curve.
    ///
    /// # Errors
    ///
    /// If the JWK is malformed, holds private or symmetric material, or is not meant for verifying signatures.
    pub fn from_jwk(jwk: &str) -> Result<Self, KeyError> {
        let members = json::object(jwk.as_bytes()).map_err(|_| KeyError::Malformed)?;
        Self::from_jwk_members(&members, None)
    }

    /// The same, from what was parsed; for one algorithm `only`, where it is known which one counts.
    pub(in crate::authn) fn from_jwk_members(
        members: &Map<String, Value>,
        only: Option<Algorithm>,
    ) -> Result<Self, KeyError> {
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]
            .iter()
            .any(|name| members.contains_key(*name))
        {
            return Err(KeyError::Private);
        }
        if !is_for_verifying(members) {
            return Err(KeyError::Use);
        }
        let fitting: &[Algorithm] = match (text(members, "kty")?, optional_text(members, "crv")?) {
            ("RSA", _) => &[
                Algorithm::Rs256,
                Algorithm::Rs384,
                Algorithm::Rs512,
                Algorithm::Ps256,
                Algorithm::Ps384,
                Algorithm::Ps512,
            ],
            ("EC", Some("P-256")) => &[Algorithm::Es256],
            ("EC", Some("P-384")) => &[Algorithm::Es384],
            ("EC", Some("P-521")) => &[Algorithm::Es512],
            ("OKP", Some("Ed25519")) => &[Algorithm::EdDsa, Algorithm::Ed25519],
            _ => return Err(KeyError::Malformed),
        };
        let named = match optional_text(members, "alg")? {
            Some(name) => Some(Algorithm::from_name(name).ok_or(KeyError::AlgorithmMismatch)?),
            None => None,
        };
        let wanted = [named, only];
        let mut verifiers = Vec::new();
        for algorithm in fitting
            .iter()
            .copied()
            .filter(|fitting| wanted.iter().flatten().all(|it| it == fitting))
        {
            verifiers.push((algorithm, Verifier::Signature(parse_jwk(algorithm, members)?)));
        }
        if verifiers.is_empty() {
            return Err(KeyError::AlgorithmMismatch);
        }
        Ok(Self { id: optional_text(members, "kid")?.map(str::to_owned), verifiers })
    }

    /// The usable public keys of a JWK set (RFC 7517 5). Keys of an unknown type or for another use, and keys that
    /// cannot be read, are left out: one bad key does not take the others along.
    ///
    /// # Errors
    ///
    /// If the text is no JWK set at all.
    pub fn from_jwks(jwks: &str) -> Result<Vec<Self>, KeyError> {
        let keys = Self::candidates_of_jwks(jwks.as_bytes())?;
        Ok(keys.iter().filter_map(Self::from_jwk_value).collect())
    }

    /// What a JWK set lists, usable or not.
    pub(in crate::authn) fn candidates_of_jwks(jwks: &[u8]) -> Result<Vec<Value>, KeyError> {
        let mut set = json::object(jwks).map_err(|_| KeyError::Malformed)?;
        match set.remove("keys") {
            Some(Value::Array(keys)) => Ok(keys),
            _ => Err(KeyError::Malformed),
        }
    }

    /// The usable public key in a member of a JWK set.
    pub(in crate::authn) fn from_jwk_value(jwk: &Value) -> Option<Self> {
        Self::from_jwk_members(jwk.as_object()?, None).ok()
    }

    /// Names the key, as tokens do in their header parameter `kid`.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The algorithms that the key may be used with; never empty.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether a token of this algorithm and key name may have been signed with this key. A key without a name answers
    /// to every name, since whoever configured it meant it for all.
    pub(super) fn fits(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        let named = match (self.id(), id) {
            (Some(own), Some(asked)) => own == asked,
            (None, _) | (_, None) => true,
        };
        named && self.algorithms().any(|own| own == algorithm)
    }

    /// Whether `signature` is one of this key over `message`.
    pub(in crate::authn) fn verifies(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some((_, verifier)) = self.verifiers.iter().find(|(own, _)| *own == algorithm) else {
            return false;
        };
        match verifier {
            Verifier::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Verifier::Signature(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// Whether a PEM text holds one public key and nothing beside it: of two keys nobody should have to guess which one
/// counts, and the dates and the signer of a certificate would not be checked.
fn is_one_public_key(pem: &str) -> bool {
    let mut labels = pem.split("-----BEGIN ").skip(1);
    let label = labels.next().unwrap_or_default();
    labels.next().is_none()
        && ["PUBLIC KEY-----", "RSA PUBLIC KEY-----"].iter().any(|one| label.starts_with(one))
}

/// Whether a secret is the text form of a key that is no secret, or not one of this kind.
fn is_text_of_a_key(secret: &[u8]) -> bool {
    let holds = |mark: &[u8]| secret.windows(mark.len()).any(|window| window == mark);
    let is_jwk =
        || json::object(secret).is_ok_and(|it| it.contains_key("kty") || it.contains_key("keys"));
    holds(b"-----BEGIN ")
        || [&b"ssh-"[..], b"ecdsa-sha2-"].iter().any(|mark| secret.starts_with(mark))
        || is_jwk()
}

/// Whether the bytes are a public key as certificates hold it (RFC 5280 4.1.2.7) or an RSA key (RFC 8017 A.1.1).
fn is_public_key_in_der(secret: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    let of: [&'static dyn VerificationAlgorithm; 5] = [
        &signature::RSA_PKCS1_2048_8192_SHA256,
        &signature::ECDSA_P256_SHA256_FIXED,
        &signature::ECDSA_P384_SHA384_FIXED,
        &signature::ECDSA_P521_SHA512_FIXED,
        &signature::ED25519,
    ];
    // A raw Ed25519 key is 32 bytes of any kind, as a good secret is; in DER it is longer.
    secret.first() == Some(&SEQUENCE)
        && secret.len() > 32
        && of.into_iter().any(|algorithm| ParsedPublicKey::new(algorithm, secret).is_ok())
}

/// `use` and `key_ops`, where present, allow verifying.
fn is_for_verifying(members: &Map<String, Value>) -> bool {
    let used_for_signatures = members.get("use").is_none_or(|usage| usage == "sig");
    let may_verify = members.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|list| list.iter().any(|one| one == "verify"))
    });
    used_for_signatures && may_verify
}

fn parse_jwk(
    algorithm: Algorithm,
    members: &Map<String, Value>,
) -> Result<ParsedPublicKey, KeyError> {
    let coordinate = |name, length| {
        let bytes = binary(members, name)?;
        if bytes.len() == length { Ok(bytes) } else { Err(KeyError::Malformed) }
    };
    let point = |length| {
        let mut point = vec![4]; // uncompressed (SEC 1, 2.3.3)
        point.extend(coordinate("x", length)?);
        point.extend(coordinate("y", length)?);
        Ok(point)
    };
    if let Some(parameters) = rsa_parameters(algorithm) {
        let components =
            RsaPublicKeyComponents { n: binary(members, "n")?, e: binary(members, "e")? };
        return parse_rsa(parameters, &components);
    }
    let Computation::Signature(computation) = algorithm.computation() else {
        return Err(KeyError::AlgorithmMismatch);
    };
    let bytes = match algorithm {
        Algorithm::Es256 => point(32)?,
        Algorithm::Es384 => point(48)?,
        Algorithm::Es512 => point(66)?,
        _ => coordinate("x", 32)?,
    };
    ParsedPublicKey::new(computation, bytes).map_err(|_| KeyError::Malformed)
}

const fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Length and exponent are checked here, since the backend would check them at the first signature only: a key that
/// can verify nothing is better found when it is loaded.
fn parse_rsa(
    parameters: &'static RsaParameters,
    key: &RsaPublicKeyComponents<Vec<u8>>,
) -> Result<ParsedPublicKey, KeyError> {
    let significant =
        |bytes: &[u8]| bytes[bytes.iter().take_while(|byte| **byte == 0).count()..].to_vec();
    let (n, e) = (significant(&key.n), significant(&key.e));
    let bits = |number: &[u8]| {
        number.len() * 8 - number.first().map_or(0, |first| first.leading_zeros() as usize)
    };
    if bits(&n) < 2048 {
        return Err(KeyError::TooShort);
    }
    if roca::is_marked(&n) {
        return Err(KeyError::Weak);
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    // With an exponent of 1 every message is its own signature; beyond 33 bits the backend verifies nothing.
    if !is_odd(&n) || bits(&n) > 8192 || !is_odd(&e) || !(2..=33).contains(&bits(&e)) {
        return Err(KeyError::Malformed);
    }
    RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(parameters)
        .map_err(|_| KeyError::Malformed)
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<&'m str, KeyError> {
    optional_text(members, name)?.ok_or(KeyError::Malformed)
}

fn optional_text<'m>(
    members: &'m Map<String, Value>,
    name: &str,
) -> Result<Option<&'m str>, KeyError> {
    members.get(name).map(|value| value.as_str().ok_or(KeyError::Malformed)).transpose()
}

fn binary(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD.decode(text(members, name)?).map_err(|_| KeyError::Malformed)
}

/// Name and algorithms; never the key.
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.algorithms().collect();
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithms", &algorithms)
            .finish_non_exhaustive()
    }
}
