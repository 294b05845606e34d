use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, VerificationAlgorithm};

/// A signature algorithm of JSON Web Signature (RFC 7518 3.1, RFC 8037 3.1, RFC 9864 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// Edwards-curve signature under its fully specified name, `Ed25519` (RFC 9864).
    Ed25519,
    /// Edwards-curve signature under its older name, `EdDSA`, with an Ed25519 key.
    EdDsa,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// ECDSA with P-521 and SHA-512.
    Es512,
    /// HMAC with SHA-256; issuer and service share the secret.
    Hs256,
    /// HMAC with SHA-384; issuer and service share the secret.
    Hs384,
    /// HMAC with SHA-512; issuer and service share the secret.
    Hs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
}

/// How an algorithm is computed, and the kind of key that it takes.
#[derive(Clone, Copy)]
pub(super) enum Computation {
    Hmac(hmac::Algorithm),
    Signature(&'static dyn VerificationAlgorithm),
}

impl Algorithm {
    /// All algorithms. `none` is not one of them.
    pub const ALL: [Self; 14] = [
        Self::Ed25519,
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// The name in the header parameter `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm of that exact name; names are case-sensitive (RFC 7515 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether issuer and service share one secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    pub(super) fn computation(self) -> Computation {
        match self {
            Self::Hs256 => Computation::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Computation::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Computation::Hmac(hmac::HMAC_SHA512),
            Self::Ed25519 | Self::EdDsa => Computation::Signature(&signature::ED25519),
            Self::Es256 => Computation::Signature(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Computation::Signature(&signature::ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Computation::Signature(&signature::ECDSA_P521_SHA512_FIXED),
            Self::Ps256 => Computation::Signature(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Computation::Signature(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Computation::Signature(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Rs256 => Computation::Signature(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Computation::Signature(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Computation::Signature(&signature::RSA_PKCS1_2048_8192_SHA512),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j1_algorithm_names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            let other_case = algorithm.name().chars().map(|c| {
                if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            });
            assert_eq!(Algorithm::from_name(&other_case.collect::<String>()), None);
        }
        for none in ["none", "None", "NONE", "nOnE", ""] {
            assert_eq!(Algorithm::from_name(none), None);
        }
    }
}
