use std::sync::Arc;
use std::time::Duration;

use super::{Revocation, RevocationError, RevocationList, Standing};
use crate::authn::{Attempt, Token, TokenValidator};
use crate::principal::Principal;
use crate::rejection::{Rejection, RejectionKind};

/// How long a list that has to ask somebody may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Refuses what a [`RevocationList`] says is revoked, of what another validator finds good. Made by
/// [`TokenValidator::with_revocation`].
#[derive(Clone, Debug)]
pub struct Unrevoked<V> {
    validator: V,
    list: Arc<dyn RevocationList>,
    patience: Duration,
}

impl<V: TokenValidator> Unrevoked<V> {
    pub(in crate::authn) fn new(validator: V, list: impl RevocationList) -> Self {
        Self { validator, list: Arc::new(list), patience: PATIENCE }
    }

    /// How long to wait for a list that has to ask somebody; 3 seconds unless set. After that, 503.
    #[must_use]
    pub const fn list_timeout(mut self, timeout: Duration) -> Self {
        self.patience = timeout;
        self
    }
}

impl<V: TokenValidator> TokenValidator for Unrevoked<V> {
    fn attempt(&self, token: Token<'_>) -> Attempt {
        match self.validator.attempt(token) {
            Attempt::Ready(Ok(principal)) => match self.list.check(&principal) {
                Revocation::Ready(answer) => Attempt::Ready(judge(answer, principal)),
                asked @ Revocation::Pending(_) => {
                    Attempt::pending(answer_of(asked, principal, self.patience))
                }
            },
            Attempt::Ready(refused) => Attempt::Ready(refused),
            Attempt::Pending(outcome) => {
                let (list, patience) = (Arc::clone(&self.list), self.patience);
                Attempt::pending(async move {
                    let principal = outcome.await?;
                    let asked = list.check(&principal);
                    answer_of(asked, principal, patience).await
                })
            }
        }
    }
}

async fn answer_of(
    asked: Revocation,
    principal: Principal,
    patience: Duration,
) -> Result<Principal, Rejection> {
    match asked {
        Revocation::Ready(answer) => judge(answer, principal),
        Revocation::Pending(answer) => match tokio::time::timeout(patience, answer).await {
            Ok(answer) => judge(answer, principal),
            Err(_) => Err(Rejection::new(RejectionKind::Unavailable, "revocation_timeout")
                .with_retry_after(RevocationError::RETRY_AFTER)),
        },
    }
}

fn judge(
    answer: Result<Standing, RevocationError>,
    principal: Principal,
) -> Result<Principal, Rejection> {
    match answer {
        Ok(Standing::InForce) => Ok(principal),
        Ok(Standing::Revoked) => {
            Err(Rejection::new(RejectionKind::InvalidCredentials, "token_revoked"))
        }
        Err(RevocationError { source, retry_after }) => {
            Err(Rejection::new(RejectionKind::Unavailable, "revocation_unavailable")
                .with_source(source)
                .with_retry_after(retry_after))
        }
    }
}
