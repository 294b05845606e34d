use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::FlowLayer;
use super::gate::Settings;
use super::progress::Progress;
use super::steps::{Step, Steps};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::rate_limit::bucket::Bucket;
use crate::rate_limit::caller::Callers;
use crate::rate_limit::headers::policy_name;
use crate::rate_limit::limit::{DEFAULT_CAPACITY, MAX_CAPACITY};
use crate::rate_limit::store::MemoryStore;
use crate::rate_limit::{Key, Quota};

const WITHIN: Duration = Duration::from_secs(60 * 60);

const MOST_STEPS: usize = 64;

/// Builds a [`FlowLayer`]: the steps of one flow, in their order, and how fast and how often it may be gone through.
#[derive(Clone)]
#[must_use = "a flow holds nobody to it until `build`"]
pub struct Flow {
    name: Arc<str>,
    key: Key,
    steps: Vec<Step>,
    min_time_between: Duration,
    within: Duration,
    completions: Option<Quota>,
    counts_failures: bool,
    capacity: usize,
    clock: Arc<dyn Clock>,
}

impl Flow {
    /// Starts a flow that callers, told apart by `key`, go through one at a time. `name` is what callers see when they end
    /// it too often, printable ASCII of at most 64 characters.
    pub fn new(name: impl Into<Arc<str>>, key: Key) -> Self {
        Self {
            name: name.into(),
            key,
            steps: Vec::new(),
            min_time_between: Duration::ZERO,
            within: WITHIN,
            completions: None,
            counts_failures: false,
            capacity: DEFAULT_CAPACITY,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Adds the next step. `route` is a method and a path pattern in axum's syntax, such as `POST /cart/{id}`, or a pattern
    /// alone for all methods that are not named on it; `name` is for the log.
    pub fn step(self, name: impl Into<Arc<str>>, route: impl Into<String>) -> Self {
        self.with_step(name.into(), route.into(), None)
    }

    /// Adds the next step, which may begin so long after the one before was done, in place of
    /// [`min_time_between`](Self::min_time_between).
    pub fn step_after(
        self,
        name: impl Into<Arc<str>>,
        route: impl Into<String>,
        at_least: Duration,
    ) -> Self {
        self.with_step(name.into(), route.into(), Some(at_least))
    }

    fn with_step(mut self, name: Arc<str>, route: String, after: Option<Duration>) -> Self {
        self.steps.push(Step { name, route, after });
        self
    }

    /// Sets how long after a step was done the next one may begin; at once unless set.
    pub const fn min_time_between(mut self, at_least: Duration) -> Self {
        self.min_time_between = at_least;
        self
    }

    /// Sets how long after the first step was done the last one may begin; an hour unless set. Then the flow starts anew.
    pub const fn within(mut self, at_most: Duration) -> Self {
        self.within = at_most;
        self
    }

    /// Sets how often a caller may end the flow, such as 3 times a day; as often as it likes unless set.
    pub const fn completions(mut self, quota: Quota) -> Self {
        self.completions = Some(quota);
        self
    }

    /// Counts a step also when its answer tells of a failure.
    pub const fn counting_failures(mut self) -> Self {
        self.counts_failures = true;
        self
    }

    /// Sets how many flows under way are remembered, and how many callers have a bucket of their own for the flows that
    /// they ended; 1,000,000 unless set, at about 100 bytes for each flow under way, allocated as they come.
    pub const fn capacity(mut self, flows: usize) -> Self {
        self.capacity = flows;
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// Lists every problem found: a name that is empty, too long or not printable ASCII; no step, or more than 64; two
    /// steps of one name or one route; a route that is none; steps that take longer than the flow may; a
    /// quota with a zero in it, or one that cannot be counted exactly; a key that nothing can be counted by, or that has to be asked for; a capacity
    /// of zero, or beyond 1,000,000,000.
    pub fn build(self) -> Result<FlowLayer, ConfigError> {
        let culprit = format!("flow {:?}", self.name);
        let mut problems = Problems::default();
        if let Err(problem) = policy_name(&self.name) {
            problems.add(&culprit, problem);
        }
        if !(1..=MOST_STEPS).contains(&self.steps.len()) {
            problems.add(&culprit, "has not 1 to 64 steps");
        }
        if let Some(problem) = Callers::problem(&self.key) {
            problems.add(&culprit, problem);
        }
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            problems.add(&culprit, "the capacity is not 1 to 1,000,000,000 flows");
        }
        let between = self.steps.iter().skip(1);
        let shortest = between.map(|step| step.after.unwrap_or(self.min_time_between));
        let shortest = shortest.fold(Duration::ZERO, Duration::saturating_add);
        if self.within.is_zero() || shortest >= self.within {
            problems.add(&culprit, "nobody could end it in the time that it may take");
        }
        for (number, step) in self.steps.iter().enumerate() {
            if self.steps[..number].iter().any(|other| other.name == step.name) {
                problems.add(&culprit, format!("has two steps {:?}", step.name));
            }
        }
        let bucket = self.completions.and_then(|quota| match Bucket::new(quota) {
            Ok(bucket) => Some(bucket),
            Err(found) => {
                for problem in found {
                    problems.add(&culprit, problem);
                }
                None
            }
        });
        let steps = match Steps::new(self.steps) {
            Ok(steps) => Some(steps),
            Err(found) => {
                for (step, problem) in found {
                    problems.add(format!("{culprit}, step {step:?}"), problem);
                }
                None
            }
        };
        problems.into_result()?;
        let Some(steps) = steps else {
            return Err(ConfigError::new(culprit, "its steps could not be read"));
        };
        let table = |bucket| (bucket, MemoryStore::new(Arc::clone(&self.name), self.capacity));
        Ok(FlowLayer::new(Settings {
            callers: Callers::by(self.key),
            steps,
            progress: Progress::new(self.capacity, self.within),
            completions: bucket.map(table),
            name: self.name,
            min_time_between: self.min_time_between,
            counts_failures: self.counts_failures,
            clock: self.clock,
        }))
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("name", &self.name)
            .field("key", &self.key)
            .field("steps", &self.steps)
            .field("within", &self.within)
            .field("completions", &self.completions)
            .finish_non_exhaustive()
    }
}
