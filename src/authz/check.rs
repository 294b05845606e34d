use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::RequestFacts;
use super::decision::{Answer as Answered, Cause, Denial, Failure, Outcome};
use crate::principal::Principal;

/// When to come back after a backend was down, unless the check says otherwise.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a check could not tell. Either way nobody is let in; the caller never sees the source.
#[derive(Debug)]
pub struct PolicyError {
    retry_after: Option<Duration>,
    source: Box<dyn Error + Send + Sync>,
}

impl PolicyError {
    /// The check failed: 403, as if it had denied.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { retry_after: None, source: source.into() }
    }

    /// Something that the check has to ask is down: 503, and come back in 5 seconds.
    #[must_use]
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { retry_after: Some(RETRY_AFTER), source: source.into() }
    }

    /// Something that the check has to ask is down: 503, and come back then.
    #[must_use]
    pub fn unavailable_for(
        retry_after: Duration,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { retry_after: Some(retry_after), source: source.into() }
    }

    /// When to come back, where something is down.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.retry_after.is_some() { "unavailable: " } else { "failed: " })?;
        self.source.fmt(f)
    }
}

impl Error for PolicyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

type Judge = dyn Fn(&Principal, &RequestFacts<'_>) -> Result<bool, PolicyError> + Send + Sync;
type Answer = BoxFuture<'static, Result<bool, PolicyError>>;
type Ask = dyn Fn(&Principal, &RequestFacts<'_>) -> Answer + Send + Sync;

/// A closure that judges at once.
pub(super) struct Check {
    name: Arc<str>,
    judge: Box<Judge>,
}

impl Check {
    pub(super) fn new(
        name: &str,
        judge: impl Fn(&Principal, &RequestFacts<'_>) -> Result<bool, PolicyError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { name: name.into(), judge: Box::new(judge) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn ask(&self, principal: &Principal, request: &RequestFacts<'_>) -> Outcome {
        // The closure had shared references only; what it broke behind a lock of its own is for that lock to tell.
        match catch_unwind(AssertUnwindSafe(|| (self.judge)(principal, request))) {
            Ok(Ok(answer)) => outcome(answer),
            Ok(Err(error)) => failed(&self.name, Cause::Error(error)),
            Err(_) => failed(&self.name, Cause::Panicked),
        }
    }
}

/// A closure that has to ask somebody, within a time limit.
pub(super) struct AsyncCheck {
    name: Arc<str>,
    time_limit: Duration,
    ask: Box<Ask>,
}

impl AsyncCheck {
    pub(super) fn new<F>(
        name: &str,
        time_limit: Duration,
        ask: impl Fn(&Principal, &RequestFacts<'_>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<bool, PolicyError>> + Send + 'static,
    {
        let ask = move |principal: &Principal, request: &RequestFacts<'_>| -> Answer {
            Box::pin(ask(principal, request))
        };
        Self { name: name.into(), time_limit, ask: Box::new(ask) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Starts to ask: an answer at once where the closure panics, otherwise a future that cannot.
    pub(super) fn ask(
        &self,
        principal: &Principal,
        request: &RequestFacts<'_>,
    ) -> Result<BoxFuture<'static, Answered>, Outcome> {
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| (self.ask)(principal, request))) else {
            return Err(failed(&self.name, Cause::Panicked));
        };
        let (name, time_limit) = (self.name.clone(), self.time_limit);
        Ok(Box::pin(async move {
            // The timer is inside: it panics where the runtime has none, and that must deny too.
            let timed = async { tokio::time::timeout(time_limit, answer).await };
            let outcome = match AssertUnwindSafe(timed).catch_unwind().await {
                Ok(Ok(Ok(answer))) => outcome(answer),
                Ok(Ok(Err(error))) => failed(&name, Cause::Error(error)),
                Ok(Err(_elapsed)) => failed(&name, Cause::TimedOut),
                Err(_) => failed(&name, Cause::Panicked),
            };
            outcome.into()
        }))
    }
}

const fn outcome(answer: bool) -> Outcome {
    if answer { Outcome::Allow } else { Outcome::Deny(Denial::Policy) }
}

fn failed(check: &Arc<str>, cause: Cause) -> Outcome {
    Outcome::Failed(Box::new(Failure::of(check.clone(), cause)))
}
