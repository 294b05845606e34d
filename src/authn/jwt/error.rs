use std::time::Duration;

use crate::rejection::{Rejection, RejectionKind};

/// When a caller may come back while an issuer's keys cannot be had.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a token was refused. For the log: a caller learns only that its credentials are not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The signature algorithm is unknown, is none, or is not allowed for this issuer.
    #[error("the signature algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// The audience is missing, or is not one of ours (RFC 7519 4.1.3).
    #[error("the token is for another audience")]
    Audience,
    /// The token is bound to another certificate than the one that the client showed (RFC 8705 3).
    #[error("the token is bound to another certificate than the client's")]
    CertificateMismatch,
    /// The token is bound to a certificate, and the client showed none (RFC 8705 3).
    #[error("the token is bound to a certificate, and the client showed none")]
    CertificateMissing,
    /// A claim has the wrong type or an impossible value.
    #[error("a claim has the wrong type or an impossible value")]
    ClaimMalformed,
    /// The header marks extensions as critical (RFC 7515 4.1.11).
    #[error("the header demands an extension that is not understood")]
    CriticalHeader,
    /// The expiry is missing (RFC 7519 4.1.4).
    #[error("the token has no expiry")]
    ExpiryMissing,
    /// The expiry has passed (RFC 7519 4.1.4).
    #[error("the token has expired")]
    Expired,
    /// The token was issued in the future (RFC 7519 4.1.6).
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// The issuer is missing, unknown, or not the one whose key signed (RFC 7519 4.1.1).
    #[error("the issuer is not the one whose key signed")]
    Issuer,
    /// The issuer's keys could not be had: whether the token is good cannot be told.
    #[error("the issuer's keys are not available")]
    KeysUnavailable,
    /// Not a signed token in compact form.
    #[error("not a well-formed token")]
    Malformed,
    /// The media type says that this is not an access token (RFC 8725 3.11).
    #[error("the token is of another type")]
    MediaType,
    /// The token is not valid yet (RFC 7519 4.1.5).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The token is bound to a sender and came without proof (RFC 9449 7.2, RFC 8705 3).
    #[error("the token is bound to a sender, and came without proof")]
    SenderConstrained,
    /// The signature is not one of the key.
    #[error("the signature is not valid")]
    Signature,
    /// The subject is missing: there is nobody to speak for (RFC 7519 4.1.2).
    #[error("the token has no subject")]
    SubjectMissing,
    /// The token is older than the issuer's maximum age.
    #[error("the token is too old")]
    TooOld,
    /// The token is longer than the limit, or its header longer than 4,096 characters.
    #[error("the token is too long")]
    TooLong,
    /// No key has that name and algorithm.
    #[error("no key has that name and algorithm")]
    UnknownKey,
}

impl TokenError {
    /// All errors, for tests and dashboards.
    pub const ALL: [Self; 20] = [
        Self::AlgorithmNotAllowed,
        Self::Audience,
        Self::CertificateMismatch,
        Self::CertificateMissing,
        Self::ClaimMalformed,
        Self::CriticalHeader,
        Self::ExpiryMissing,
        Self::Expired,
        Self::IssuedInFuture,
        Self::Issuer,
        Self::KeysUnavailable,
        Self::Malformed,
        Self::MediaType,
        Self::NotYetValid,
        Self::SenderConstrained,
        Self::Signature,
        Self::SubjectMissing,
        Self::TooOld,
        Self::TooLong,
        Self::UnknownKey,
    ];

    /// The stable reason code for the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "token_algorithm_not_allowed",
            Self::Audience => "token_audience",
            Self::CertificateMismatch => "token_certificate_mismatch",
            Self::CertificateMissing => "token_certificate_missing",
            Self::ClaimMalformed => "token_claim_malformed",
            Self::CriticalHeader => "token_critical_header",
            Self::ExpiryMissing => "token_expiry_missing",
            Self::Expired => "token_expired",
            Self::IssuedInFuture => "token_issued_in_future",
            Self::Issuer => "token_issuer",
            Self::KeysUnavailable => "token_keys_unavailable",
            Self::Malformed => "token_malformed",
            Self::MediaType => "token_media_type",
            Self::NotYetValid => "token_not_yet_valid",
            Self::SenderConstrained => "token_sender_constrained",
            Self::Signature => "token_signature",
            Self::SubjectMissing => "token_subject_missing",
            Self::TooOld => "token_too_old",
            Self::TooLong => "token_too_long",
            Self::UnknownKey => "token_unknown_key",
        }
    }
}

impl From<TokenError> for Rejection {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::KeysUnavailable => {
                Self::new(RejectionKind::Unavailable, error.reason()).with_retry_after(RETRY_AFTER)
            }
            _ => Self::new(RejectionKind::InvalidCredentials, error.reason()),
        }
    }
}
