use std::fmt;
use std::sync::Arc;

use super::revocation::{RevocationList, Unrevoked};
use super::{Attempt, Token};

/// Turns a token into the principal that it speaks for: what the schemes `Bearer` and `DPoP` ask.
///
/// The principal may be bound to a key ([`Principal::confirmation`](crate::principal::Principal::confirmation)). The
/// scheme that asked checks the proof: a validator sees the token, not the request.
pub trait TokenValidator: fmt::Debug + Send + Sync + 'static {
    /// Judges a token, which may be any bytes.
    ///
    /// Refuse with [`RejectionKind::InvalidCredentials`](crate::rejection::RejectionKind) when it is not good, and with
    /// `Unavailable` when that cannot be told.
    fn attempt(&self, token: Token<'_>) -> Attempt;

    /// The same validator, refusing what `list` says is revoked. Asked for every request, whatever the validator
    /// remembers.
    fn with_revocation(self, list: impl RevocationList) -> Unrevoked<Self>
    where
        Self: Sized,
    {
        Unrevoked::new(self, list)
    }
}

impl<V: TokenValidator + ?Sized> TokenValidator for Arc<V> {
    fn attempt(&self, token: Token<'_>) -> Attempt {
        (**self).attempt(token)
    }
}
