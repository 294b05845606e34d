use std::fmt;

/// What the sender has to prove to hold, for the credential to count: the claim `cnf` (RFC 7800 3).
///
/// A principal that has one came with a credential that is bound to a key. The authentication layer lets it pass only
/// where that was proved: a key by the scheme `DPoP`, a certificate by the connection. A scheme of your own with other
/// proofs makes a principal of its own, without this.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// The SHA-256 thumbprint of a public key (RFC 7638), proved with DPoP: `jkt` (RFC 9449 6.1).
    pub jwk_thumbprint: Option<[u8; 32]>,
    /// The SHA-256 digest of the TLS client certificate in DER: `x5t#S256` (RFC 8705 3.1).
    pub certificate_digest: Option<[u8; 32]>,
}

impl Confirmation {
    /// Whether nothing has to be proved.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.jwk_thumbprint.is_none() && self.certificate_digest.is_none()
    }
}

/// Which proofs are demanded; digests say nothing to a reader.
impl fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirmation")
            .field("jwk_thumbprint", &self.jwk_thumbprint.is_some())
            .field("certificate_digest", &self.certificate_digest.is_some())
            .finish()
    }
}
