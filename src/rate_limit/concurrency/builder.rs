use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request;

use super::ConcurrencyLimitLayer;
use super::gate::{Exemptions, Settings};
use super::places::Places;
use crate::config::{ConfigError, Problems};
use crate::rate_limit::Key;
use crate::rate_limit::caller::Callers;
use crate::rate_limit::headers::Announcement;

/// A second: most requests take less.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Builds a [`ConcurrencyLimitLayer`].
#[derive(Clone)]
#[must_use = "a builder limits nothing until `build`"]
pub struct ConcurrencyLimitBuilder {
    policy: Arc<str>,
    key: Key,
    most: u32,
    overall: Option<usize>,
    retry_after: Duration,
    exemptions: Exemptions,
    headers: bool,
}

impl ConcurrencyLimitBuilder {
    pub(super) fn new(policy: Arc<str>, key: Key, most: u32) -> Self {
        Self {
            policy,
            key,
            most,
            overall: None,
            retry_after: RETRY_AFTER,
            exemptions: Exemptions::default(),
            headers: true,
        }
    }

    /// Lets all callers together have so many requests under way; no limit unless set.
    pub const fn overall(mut self, most: usize) -> Self {
        self.overall = Some(most);
        self
    }

    /// Sets what refused callers read in `Retry-After`; 1 s unless set.
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = after;
        self
    }

    /// Neither counts nor refuses these requests. Given several times, each exempts.
    pub fn exempt(
        mut self,
        exempt: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.exemptions.0.push(Arc::new(exempt));
        self
    }

    /// Sends no `RateLimit-Policy` and `RateLimit` fields with refusals.
    pub const fn without_headers(mut self) -> Self {
        self.headers = false;
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// Lists every problem found: a name that is empty, too long or not printable ASCII; a limit of zero; a key that
    /// nothing can be counted by.
    pub fn build(self) -> Result<ConcurrencyLimitLayer, ConfigError> {
        let culprit = format!("concurrency limit {:?}", self.policy);
        let mut problems = Problems::default();
        let fields = Announcement::counting(&self.policy, self.most.into(), None);
        let fields = fields.and_then(|it| Ok(it.in_units("concurrent-requests")?));
        let fields = problems.note(fields.map_err(|problem| ConfigError::new(&*culprit, problem)));
        if let Some(problem) = Callers::problem(&self.key) {
            problems.add(&culprit, problem);
        }
        if self.most == 0 {
            problems.add(&culprit, "zero requests under way would refuse every request");
        }
        if self.overall == Some(0) {
            problems.add(&culprit, "zero requests under way overall would refuse every request");
        }
        problems.into_result()?;
        Ok(ConcurrencyLimitLayer::new(Settings {
            policy: self.policy,
            callers: Callers::by(self.key),
            places: Arc::new(Places::new(self.most, self.overall.unwrap_or(usize::MAX))),
            retry_after: self.retry_after,
            exemptions: self.exemptions,
            fields: fields.filter(|_| self.headers),
        }))
    }
}

impl fmt::Debug for ConcurrencyLimitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimitBuilder")
            .field("policy", &self.policy)
            .field("key", &self.key)
            .field("most", &self.most)
            .field("overall", &self.overall)
            .finish_non_exhaustive()
    }
}
