//! Limits on trial: what they would have refused is counted and told, and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Extensions;
use smallvec::SmallVec;

/// How often a policy on trial is worth a line in the log.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Which limits in shadow mode would have refused the request. In the extensions of its answer, for audit; not there when
/// none would have. Sanitizing drops it with everything else where it replaces a handler's failure.
#[derive(Clone, Debug)]
pub struct ShadowRefusals(SmallVec<[Arc<str>; 1]>);

impl ShadowRefusals {
    /// Those of an answer.
    #[must_use]
    pub fn of(answer: &Extensions) -> Option<&Self> {
        answer.get()
    }

    /// The names of the policies, the outer limiter's first.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|policy| &**policy)
    }

    /// Adds policies before those of limiters further in.
    pub(super) fn add(answer: &mut Extensions, policies: impl IntoIterator<Item = Arc<str>>) {
        match answer.get_mut::<Self>() {
            Some(Self(inner)) => inner.insert_many(0, policies),
            None => {
                answer.insert(Self(policies.into_iter().collect()));
            }
        }
    }
}

/// What one limit in shadow mode would have refused.
#[derive(Debug, Default)]
pub(super) struct Trial {
    refusals: AtomicU64,
    /// When it may be logged again, in milliseconds.
    log_again: AtomicU64,
}

impl Trial {
    pub(super) fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// Counts one; tells of it at most once a minute.
    #[cold]
    pub(super) fn count(&self, policy: &str, now: Duration) {
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let again = now.saturating_add(LOG_EVERY.as_millis() as u64);
        let due = |at: u64| (at <= now).then_some(again);
        if self.log_again.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            tracing::info!(
                target: "tower_warden::rate_limit",
                policy, refusals, "a limit in shadow mode would have refused"
            );
        }
    }
}
