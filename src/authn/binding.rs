//! Sender-constrained tokens: what a token demands to be proved, against what the sender proved.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::request;

use super::jwt::TokenError;
use crate::principal::{Confirmation, Principal};
use crate::rejection::Rejection;

/// What the sender of a request proved to hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Proved {
    /// The SHA-256 thumbprint of the key that signed a proof which was found good (RFC 9449 4.3).
    pub(super) jwk_thumbprint: Option<[u8; 32]>,
    /// The SHA-256 digest of the certificate shown in the TLS handshake (RFC 8705 3).
    pub(super) certificate_digest: Option<[u8; 32]>,
}

impl Proved {
    /// What the connection proves: the key of its certificate, if it came with one.
    pub(super) fn by_connection(head: &request::Parts) -> Self {
        #[cfg(feature = "mtls")]
        let certificate_digest = super::client_certificate::ClientCertificate::of(&head.extensions)
            .map(|shown| *shown.digest());
        #[cfg(not(feature = "mtls"))]
        let certificate_digest = {
            let _ = head;
            None
        };
        Self { jwk_thumbprint: None, certificate_digest }
    }

    /// Passes a principal on when everything that its token demands was proved.
    pub(super) fn admit(self, principal: Principal) -> Result<Principal, Rejection> {
        self.fulfils(principal.confirmation())?;
        Ok(principal)
    }

    /// Whether the key that is demanded is the one that was proved. A proof of another key is the same as none: the token
    /// was stolen, or the proof is somebody else's.
    pub(super) fn has_key_of(self, demanded: Confirmation) -> bool {
        demanded.jwk_thumbprint.is_none_or(|demanded| {
            let proved = self.jwk_thumbprint;
            proved.is_some_and(|proved| verify_slices_are_equal(&proved, &demanded).is_ok())
        })
    }

    pub(super) fn fulfils(self, demanded: Confirmation) -> Result<(), TokenError> {
        if !self.has_key_of(demanded) {
            return Err(TokenError::SenderConstrained);
        }
        match (demanded.certificate_digest, self.certificate_digest) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(TokenError::CertificateMissing),
            (Some(demanded), Some(shown)) => verify_slices_are_equal(&shown, &demanded)
                .map_err(|_| TokenError::CertificateMismatch),
        }
    }
}

/// Passes on a principal that `scheme` found, when nothing is left to be proved: a scheme that asked a
/// [`TokenValidator`](super::TokenValidator) may have forgotten that it does not see the request.
///
/// A key is proved by the one scheme that has proofs, which has verified it.
pub(super) fn confirmed(
    principal: Principal,
    scheme: &str,
    by_connection: impl FnOnce() -> Proved,
) -> Result<Principal, Rejection> {
    let demanded = principal.confirmation();
    if demanded.is_empty() {
        return Ok(principal);
    }
    let jwk_thumbprint = demanded.jwk_thumbprint.filter(|_| scheme == "DPoP");
    Proved { jwk_thumbprint, ..by_connection() }.admit(principal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p18_everything_that_a_token_demands_has_to_be_proved() {
        let key = |digit: u8| Some([digit; 32]);
        for (demands, proves, expected) in [
            ((None, None), (None, None), Ok(())),
            ((None, None), (key(1), key(2)), Ok(())),
            ((None, key(2)), (None, key(2)), Ok(())),
            ((None, key(2)), (key(2), None), Err(TokenError::CertificateMissing)),
            ((None, key(2)), (None, key(1)), Err(TokenError::CertificateMismatch)),
            ((key(1), None), (None, key(1)), Err(TokenError::SenderConstrained)),
            ((key(1), None), (key(2), None), Err(TokenError::SenderConstrained)),
            ((key(1), None), (key(1), None), Ok(())),
            ((key(1), key(2)), (key(1), None), Err(TokenError::CertificateMissing)),
            ((key(1), key(2)), (None, key(2)), Err(TokenError::SenderConstrained)),
            ((key(1), key(2)), (key(1), key(2)), Ok(())),
        ] {
            let demanded =
                Confirmation { jwk_thumbprint: demands.0, certificate_digest: demands.1 };
            let proved = Proved { jwk_thumbprint: proves.0, certificate_digest: proves.1 };
            assert_eq!(proved.fulfils(demanded), expected, "{demands:?} {proves:?}");
        }
        let mut almost = [7; 32];
        almost[31] = 8;
        let demanded = Confirmation { certificate_digest: key(7), ..Confirmation::default() };
        let proved = Proved { certificate_digest: Some(almost), ..Proved::default() };
        assert_eq!(proved.fulfils(demanded), Err(TokenError::CertificateMismatch));
    }
}
