use crate::rejection::{Rejection, RejectionKind};

/// Why a proof was refused, or a token that came with one. For the log: a caller learns only which of the two is not
/// valid, or that a nonce is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The signature algorithm is unknown, symmetric, none, or not allowed here (RFC 9449 4.3, item 5).
    #[error("the signature algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// A claim is missing, has the wrong type or an impossible value (RFC 9449 4.3, item 3).
    #[error("a claim is missing, has the wrong type or an impossible value")]
    ClaimMalformed,
    /// The header demands an extension that is not understood (RFC 7515 4.1.11).
    #[error("the header demands an extension that is not understood")]
    CriticalHeader,
    /// `exp` has passed, or `nbf` has not come (RFC 7519 4.1.4, 4.1.5).
    #[error("the proof has expired, or is not valid yet")]
    Expired,
    /// `jwk` is missing, malformed, too short, or not meant for verifying signatures of this algorithm.
    #[error("the key is missing, malformed, or does not fit the algorithm")]
    Key,
    /// The token is bound to another key (RFC 9449 4.3, item 12).
    #[error("the token is bound to another key")]
    KeyMismatch,
    /// `jwk` holds private or symmetric key material (RFC 9449 4.3, item 7).
    #[error("the header holds private key material")]
    KeyPrivate,
    /// Not a signed token in compact form.
    #[error("not a well-formed proof")]
    Malformed,
    /// `typ` is not `dpop+jwt` (RFC 9449 4.3, item 4).
    #[error("the token in the header field is no proof")]
    MediaType,
    /// `htm` is another method (RFC 9449 4.3, item 8).
    #[error("the proof is for another method")]
    Method,
    /// The scheme DPoP without a proof (RFC 9449 7.1).
    #[error("there is no proof")]
    Missing,
    /// The nonce is none that was given out lately (RFC 9449 4.3, item 10).
    #[error("the nonce is none that was given out lately")]
    Nonce,
    /// A nonce is needed (RFC 9449 9).
    #[error("there is no nonce")]
    NonceMissing,
    /// More than one `DPoP` header field (RFC 9449 4.3, item 1).
    #[error("there is more than one proof")]
    Repeated,
    /// The proof was used before (RFC 9449 11.1).
    #[error("the proof was used before")]
    Replayed,
    /// The signature is not one of the key in the header (RFC 9449 4.3, item 6).
    #[error("the signature is not valid")]
    Signature,
    /// `htu` is another URI (RFC 9449 4.3, item 9).
    #[error("the proof is for another URI")]
    Target,
    /// `ath` is the hash of another token (RFC 9449 4.3, item 12).
    #[error("the proof is for another token")]
    TokenHash,
    /// The token is not bound to a key (RFC 9449 7.1).
    #[error("the token is not bound to a key")]
    TokenUnbound,
    /// `iat` lies in the future (RFC 9449 4.3, item 11).
    #[error("the proof was made in the future")]
    TooEarly,
    /// The proof is longer than 8,192 bytes.
    #[error("the proof is too long")]
    TooLong,
    /// `iat` lies too far back (RFC 9449 4.3, item 11).
    #[error("the proof is too old")]
    TooOld,
}

impl ProofError {
    /// All errors, for tests and dashboards.
    pub const ALL: [Self; 22] = [
        Self::AlgorithmNotAllowed,
        Self::ClaimMalformed,
        Self::CriticalHeader,
        Self::Expired,
        Self::Key,
        Self::KeyMismatch,
        Self::KeyPrivate,
        Self::Malformed,
        Self::MediaType,
        Self::Method,
        Self::Missing,
        Self::Nonce,
        Self::NonceMissing,
        Self::Repeated,
        Self::Replayed,
        Self::Signature,
        Self::Target,
        Self::TokenHash,
        Self::TokenUnbound,
        Self::TooEarly,
        Self::TooLong,
        Self::TooOld,
    ];

    /// The stable reason code for the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "dpop_algorithm_not_allowed",
            Self::ClaimMalformed => "dpop_claim_malformed",
            Self::CriticalHeader => "dpop_critical_header",
            Self::Expired => "dpop_expired",
            Self::Key => "dpop_key",
            Self::KeyMismatch => "dpop_key_mismatch",
            Self::KeyPrivate => "dpop_key_private",
            Self::Malformed => "dpop_malformed",
            Self::MediaType => "dpop_media_type",
            Self::Method => "dpop_method",
            Self::Missing => "dpop_missing",
            Self::Nonce => "dpop_nonce",
            Self::NonceMissing => "dpop_nonce_missing",
            Self::Repeated => "dpop_repeated",
            Self::Replayed => "dpop_replayed",
            Self::Signature => "dpop_signature",
            Self::Target => "dpop_target",
            Self::TokenHash => "dpop_token_hash",
            Self::TokenUnbound => "dpop_token_unbound",
            Self::TooEarly => "dpop_too_early",
            Self::TooLong => "dpop_too_long",
            Self::TooOld => "dpop_too_old",
        }
    }

    /// The error code in the challenge, which the caller sees.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            // To a sender that does not hold the token's key the token is as good as any made-up one, and no more is said.
            Self::KeyMismatch | Self::TokenUnbound => "invalid_token",
            Self::Nonce | Self::NonceMissing => "use_dpop_nonce",
            _ => "invalid_dpop_proof",
        }
    }
}

impl From<ProofError> for Rejection {
    fn from(error: ProofError) -> Self {
        let kind = match error {
            // Part of the protocol, and no failed log-in: token and key were good.
            ProofError::Nonce | ProofError::NonceMissing => RejectionKind::Unauthenticated,
            _ => RejectionKind::InvalidCredentials,
        };
        Self::new(kind, error.reason()).with_challenge_error(error.code())
    }
}
