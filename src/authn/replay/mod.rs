//! Proofs that were used, so that none is used twice (RFC 9449 11.1).
//!
//! # Rules
//!
//! 1. A proof is known by a hash of its key and its `jti`; neither is kept as it came.
//! 2. To look and to remember are one step: of two uses at the same time one is the first.
//! 3. Memory is bounded, for all together and for each key: one client cannot fill it. A full store refuses proofs that it
//!    could not remember, with 503; it never forgets one that is still good.
//! 4. A store that fails or does not answer in time is a 503, never a proof that is let in.
//!
//! # What is not checked
//!
//! The proof: only one that was found good comes here, or whoever makes up proofs could fill the store. How many keys a
//! client has: it needs a token for each, and a rate limit by address bounds what all of them can do together.
//!
//! # Deployment caveat
//!
//! [`MemoryReplayStore`] knows what its own process has seen, since it started. With several instances behind one name a
//! proof can be used once at each; let them share a store, such as `RedisReplayStore`.
//!
//! ```
//! use std::time::Duration;
//! use tower_warden::authn::replay::{MemoryReplayStore, Novelty, Remembered, ReplayStore, SpentProof};
//!
//! let store = MemoryReplayStore::default();
//! let proof = SpentProof::new(&[7; 32], "e1j3V_bKic8-LAEB", Duration::from_secs(65));
//! let Remembered::Ready(first) = store.remember(&proof) else { panic!("memory answers at once") };
//! let Remembered::Ready(second) = store.remember(&proof) else { panic!("memory answers at once") };
//! assert_eq!((first?, second?), (Novelty::New, Novelty::Replayed));
//! # Ok::<_, tower_warden::authn::replay::ReplayStoreError>(())
//! ```

mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

pub use self::memory::MemoryReplayStore;
#[cfg(feature = "redis")]
pub use self::redis::{RedisReplayStore, RedisReplayStoreBuilder};
use super::Attempt;
use super::dpop::ProofError;
use crate::principal::Principal;
use crate::rejection::{Rejection, RejectionKind};

/// How long a key whose proofs are too many is told to wait: until some of them are forgotten.
const QUOTA_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Remembers used proofs.
pub trait ReplayStore: fmt::Debug + Send + Sync + 'static {
    /// Remembers a proof, unless it is there already: one atomic step, insert if absent with expiry.
    ///
    /// Answer [`Remembered::Ready`] from memory, [`Remembered::pending`] from a server, and [`ReplayStoreError`] when it
    /// cannot be told or there is no room: that is a 503.
    fn remember(&self, proof: &SpentProof) -> Remembered;
}

impl<S: ReplayStore + ?Sized> ReplayStore for Arc<S> {
    fn remember(&self, proof: &SpentProof) -> Remembered {
        (**self).remember(proof)
    }
}

/// A proof as a store knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpentProof {
    id: [u8; 32],
    holder: [u8; 32],
    keep_for: Duration,
}

impl SpentProof {
    /// The proof with this `jti`, of the key with this thumbprint, to be remembered for that long.
    #[must_use]
    pub fn new(thumbprint: &[u8; 32], id: &str, keep_for: Duration) -> Self {
        let hash = |parts: &[&[u8]]| {
            let mut context = Context::new(&SHA256);
            parts.iter().for_each(|part| context.update(part));
            let mut hash = [0; 32];
            hash.copy_from_slice(context.finish().as_ref());
            hash
        };
        // The thumbprint's length is fixed, so no other pair of key and `jti` is the same text.
        let id = hash(&[thumbprint, id.as_bytes()]);
        Self { id, holder: hash(&[thumbprint]), keep_for }
    }

    /// What the proof is known by: a hash of its key and its `jti`.
    #[must_use]
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Whose proof it is: a hash of its key, for a quota.
    #[must_use]
    pub const fn holder(&self) -> &[u8; 32] {
        &self.holder
    }

    /// How long the proof could still be accepted.
    #[must_use]
    pub const fn keep_for(&self) -> Duration {
        self.keep_for
    }
}

/// Hashes say nothing to a reader.
impl fmt::Debug for SpentProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpentProof").field("keep_for", &self.keep_for).finish_non_exhaustive()
    }
}

/// Whether a proof was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Novelty {
    /// It was not, and is remembered now.
    New,
    /// The key has used more proofs than its share; this one was not remembered. The caller gets 429.
    QuotaSpent,
    /// It was.
    Replayed,
}

/// What a [`ReplayStore`] answers.
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "the answer is known or it is not; there is no third")]
pub enum Remembered {
    /// Known at once.
    Ready(Result<Novelty, ReplayStoreError>),
    /// Known when the future resolves: a server has to be asked.
    Pending(Pin<Box<dyn Future<Output = Result<Novelty, ReplayStoreError>> + Send>>),
}

impl Remembered {
    /// The answer is not known yet. The future is given limited time, by the timer of the tokio runtime it runs on.
    pub fn pending(
        future: impl Future<Output = Result<Novelty, ReplayStoreError>> + Send + 'static,
    ) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// Lets the principal in whose proof is new.
    pub(super) fn judged(self, patience: Duration, principal: Principal) -> Attempt {
        match self {
            Self::Ready(answer) => Attempt::Ready(judge(answer, principal)),
            Self::Pending(answer) => Attempt::pending(async move {
                match tokio::time::timeout(patience, answer).await {
                    Ok(answer) => judge(answer, principal),
                    Err(_) => {
                        Err(Rejection::new(RejectionKind::Unavailable, "replay_store_timeout")
                            .with_retry_after(ReplayStoreError::RETRY_AFTER))
                    }
                }
            }),
        }
    }
}

fn judge(
    answer: Result<Novelty, ReplayStoreError>,
    principal: Principal,
) -> Result<Principal, Rejection> {
    match answer {
        Ok(Novelty::New) => Ok(principal),
        Ok(Novelty::Replayed) => Err(ProofError::Replayed.into()),
        Ok(Novelty::QuotaSpent) => {
            Err(Rejection::new(RejectionKind::QuotaExceeded, "replay_store_quota")
                .with_retry_after(QUOTA_RETRY_AFTER))
        }
        Err(error) => Err(error.reject()),
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// A store could not tell, or had no room: the request is answered with 503 and `Retry-After`, and never let in.
#[derive(Debug, thiserror::Error)]
#[error("the replay store failed")]
pub struct ReplayStoreError {
    source: Box<dyn Error + Send + Sync>,
    retry_after: Duration,
}

impl ReplayStoreError {
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
        Rejection::new(RejectionKind::Unavailable, "replay_store_unavailable")
            .with_source(self.source)
            .with_retry_after(self.retry_after)
    }
}
