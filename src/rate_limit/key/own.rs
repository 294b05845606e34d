//! Keys that a user finds.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::request;

use super::values::{write_absent, write_values};
use super::{Found, KeyBytes};
use crate::rate_limit::refusal::CONTROL;
use crate::rejection::{Rejection, RejectionKind};

type BoxError = Box<dyn Error + Send + Sync>;
type Answer = BoxFuture<'static, Result<Option<String>, BoxError>>;

type Look = dyn Fn(&request::Parts) -> Option<String> + Send + Sync;
type Ask = dyn Fn(&request::Parts) -> Answer + Send + Sync;

/// A closure that finds a key.
#[derive(Clone)]
pub(super) struct Own {
    name: Arc<str>,
    find: Find,
}

#[derive(Clone)]
enum Find {
    Now(Arc<Look>),
    Later { ask: Arc<Ask>, time_limit: Duration },
}

/// Why nothing is known, for the log.
#[derive(Debug)]
enum Failure {
    Failed(BoxError),
    Panicked,
    TimedOut,
}

impl Own {
    pub(super) fn now(
        name: Arc<str>,
        find: impl Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { name, find: Find::Now(Arc::new(find)) }
    }

    pub(super) fn later<F, E>(
        name: Arc<str>,
        time_limit: Duration,
        ask: impl Fn(&request::Parts) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Option<String>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let ask = move |head: &request::Parts| -> Answer {
            Box::pin(ask(head).map(|answer| answer.map_err(Into::into)))
        };
        Self { name, find: Find::Later { ask: Arc::new(ask), time_limit } }
    }

    pub(super) const fn is_late(&self) -> bool {
        matches!(self.find, Find::Later { .. })
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        match &self.find {
            Find::Later { time_limit: Duration::ZERO, .. } => {
                Some("the key's time limit is zero, and no key would ever be found")
            }
            Find::Now(_) | Find::Later { .. } => None,
        }
    }

    pub(super) fn write(
        &self,
        head: &request::Parts,
        bytes: &mut KeyBytes,
    ) -> Result<Found, Rejection> {
        // The closures have shared references only; what they break behind a lock of their own is for that lock to tell.
        match &self.find {
            Find::Now(find) => {
                let found = catch_unwind(AssertUnwindSafe(|| find(head)));
                let value = found.map_err(|_| self.unavailable(&Failure::Panicked))?;
                write(value, bytes);
                Ok(Found::Caller)
            }
            Find::Later { ask, time_limit } => {
                let answer = catch_unwind(AssertUnwindSafe(|| ask(head)));
                let answer = answer.map_err(|_| self.unavailable(&Failure::Panicked))?;
                let (own, time_limit) = (self.clone(), *time_limit);
                // The timer is inside: it panics where the runtime has none, and that must refuse too.
                let timed = async move { tokio::time::timeout(time_limit, answer).await };
                Ok(Found::Later(Box::pin(async move {
                    let failure = match AssertUnwindSafe(timed).catch_unwind().await {
                        Ok(Ok(Ok(value))) => {
                            let mut bytes = KeyBytes::new();
                            write(value, &mut bytes);
                            return Ok(bytes);
                        }
                        Ok(Ok(Err(error))) => Failure::Failed(error),
                        Ok(Err(_elapsed)) => Failure::TimedOut,
                        Err(_) => Failure::Panicked,
                    };
                    Err(own.unavailable(&failure))
                })))
            }
        }
    }

    #[cold]
    fn unavailable(&self, failure: &Failure) -> Rejection {
        Rejection::new(RejectionKind::Unavailable, "rate_limit_key_unavailable")
            .by(CONTROL)
            .with_retry_after(Duration::from_secs(1))
            .with_source(format!("the key {:?} {failure}", self.name))
    }
}

fn write(value: Option<String>, bytes: &mut KeyBytes) {
    match value {
        Some(value) => write_values(|| std::iter::once(value.as_bytes()), bytes),
        None => write_absent(bytes),
    }
}

/// Closures are equal to themselves alone.
impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        match (&self.find, &other.find) {
            (Find::Now(one), Find::Now(other)) => {
                std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
            }
            (Find::Later { ask: one, .. }, Find::Later { ask: other, .. }) => {
                std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "could not be found: {error}"),
            Self::Panicked => f.write_str("could not be found: its closure panicked"),
            Self::TimedOut => f.write_str("was not found in time"),
        }
    }
}
