use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::authn::Attempt;
use crate::principal::Principal;
use crate::rejection::{Rejection, RejectionKind};

/// What a key store answers: the record, that there is none, or that it cannot tell.
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "the answer is known or it is not; there is no third")]
pub enum Lookup<T> {
    /// Known at once.
    Ready(Result<Option<T>, StoreError>),
    /// Known when the future resolves: a database has to be asked.
    Pending(Pin<Box<dyn Future<Output = Result<Option<T>, StoreError>> + Send>>),
}

impl<T: 'static> Lookup<T> {
    /// The answer is not known yet. The future is given limited time, by the timer of the tokio runtime it runs on.
    pub fn pending(
        future: impl Future<Output = Result<Option<T>, StoreError>> + Send + 'static,
    ) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// Judges what the store finds, within `patience`. A store that fails or does not answer is neither a reason to
    /// admit nor the caller's fault.
    pub(in crate::authn) fn judged_by(
        self,
        patience: Duration,
        judge: impl FnOnce(Option<T>) -> Result<Principal, Rejection> + Send + 'static,
    ) -> Attempt {
        match self {
            Self::Ready(found) => Attempt::Ready(found.map_err(StoreError::reject).and_then(judge)),
            Self::Pending(lookup) => Attempt::pending(async move {
                match tokio::time::timeout(patience, lookup).await {
                    Ok(found) => found.map_err(StoreError::reject).and_then(judge),
                    Err(_) => Err(Rejection::new(RejectionKind::Unavailable, "key_store_timeout")
                        .with_retry_after(StoreError::RETRY_AFTER)),
                }
            }),
        }
    }
}

impl<T> fmt::Debug for Lookup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(Ok(Some(_))) => f.write_str("Found"),
            Self::Ready(Ok(None)) => f.write_str("NotFound"),
            Self::Ready(Err(error)) => f.debug_tuple("Failed").field(error).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// A key store could not tell: the request is answered with 503 and `Retry-After`, never with 401 and never let in.
#[derive(Debug, thiserror::Error)]
#[error("the key store failed")]
pub struct StoreError {
    source: Box<dyn Error + Send + Sync>,
    retry_after: Duration,
}

impl StoreError {
    const RETRY_AFTER: Duration = Duration::from_secs(5);

    /// The store failed because of `source`, which goes into the log: keep secrets out of it.
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

    fn reject(self) -> Rejection {
        Rejection::new(RejectionKind::Unavailable, "key_store_unavailable")
            .with_source(self.source)
            .with_retry_after(self.retry_after)
    }
}
