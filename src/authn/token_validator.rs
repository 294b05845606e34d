use std::fmt;
use std::sync::Arc;

use super::Attempt;

/// Turns a token into the principal that it speaks for: what the schemes `Bearer` and `DPoP` ask.
///
/// The principal may be bound to a key ([`Principal::confirmation`](crate::principal::Principal::confirmation)). The
/// scheme that asked checks the proof: a validator sees the token, not the request.
pub trait TokenValidator: fmt::Debug + Send + Sync + 'static {
    /// Judges a token, which may be any text.
    ///
    /// Refuse with [`RejectionKind::InvalidCredentials`](crate::rejection::RejectionKind) when it is not good, and with
    /// `Unavailable` when that cannot be told.
    fn attempt(&self, token: &str) -> Attempt;
}

impl<V: TokenValidator + ?Sized> TokenValidator for Arc<V> {
    fn attempt(&self, token: &str) -> Attempt {
        (**self).attempt(token)
    }
}
