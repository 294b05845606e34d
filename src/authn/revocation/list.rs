use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::principal::Principal;

/// Knows what was revoked before it expired.
///
/// Asked with the principal of a token that is good otherwise. Its claims are at hand: `jti`, `sid`, `iat`.
pub trait RevocationList: fmt::Debug + Send + Sync + 'static {
    /// Whether the token that `principal` came with still counts. Answer [`Revocation::Ready`] from memory,
    /// [`Revocation::pending`] from a database, and [`RevocationError`] when it cannot be told: that is a 503.
    fn check(&self, principal: &Principal) -> Revocation;
}

impl<L: RevocationList + ?Sized> RevocationList for Arc<L> {
    fn check(&self, principal: &Principal) -> Revocation {
        (**self).check(principal)
    }
}

/// Whether a token still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a token was revoked or it was not; there is no third")]
pub enum Standing {
    /// Nobody revoked it.
    InForce,
    /// Somebody did.
    Revoked,
}

/// What a [`RevocationList`] answers.
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "the answer is known or it is not; there is no third")]
pub enum Revocation {
    /// Known at once.
    Ready(Result<Standing, RevocationError>),
    /// Known when the future resolves: a database has to be asked.
    Pending(Pin<Box<dyn Future<Output = Result<Standing, RevocationError>> + Send>>),
}

impl Revocation {
    /// The answer is not known yet. The future is given limited time, by the timer of the tokio runtime it runs on.
    pub fn pending(
        future: impl Future<Output = Result<Standing, RevocationError>> + Send + 'static,
    ) -> Self {
        Self::Pending(Box::pin(future))
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// A list could not tell: the request is answered with 503 and `Retry-After`, never with 401 and never let in.
#[derive(Debug, thiserror::Error)]
#[error("the revocation list failed")]
pub struct RevocationError {
    pub(super) source: Box<dyn Error + Send + Sync>,
    pub(super) retry_after: Duration,
}

impl RevocationError {
    pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);

    /// The list failed because of `source`, which goes into the log: keep secrets out of it.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into(), retry_after: Self::RETRY_AFTER }
    }

    /// When callers may come back; 5 seconds unless set.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = after;
        self
    }
}
