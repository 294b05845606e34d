use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{request, response};
use tower::Layer;

use super::progress::{Lapse, Progress};
use super::steps::Steps;
use crate::clock::Clock;
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::rate_limit::bucket::{Bucket, Draw};
use crate::rate_limit::caller::Callers;
use crate::rate_limit::secret::HashedKey;
use crate::rate_limit::store::MemoryStore;
use crate::rejection::{GRPC_STATUS, Rejection, RejectionKind};

const CONTROL: &str = "flow";

/// How long a caller waits whose last step is under way, or for whose flow there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Holds callers to the order and the pace of a flow. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct FlowLayer(Arc<Settings>);

pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) callers: Callers,
    pub(super) steps: Steps,
    pub(super) progress: Progress,
    /// How often a caller may end the flow.
    pub(super) completions: Option<(Bucket, MemoryStore)>,
    pub(super) min_time_between: Duration,
    pub(super) counts_failures: bool,
    pub(super) clock: Arc<dyn Clock>,
}

impl FlowLayer {
    pub(super) fn new(settings: Settings) -> Self {
        Self(Arc::new(settings))
    }
}

impl<S> Layer<S> for FlowLayer {
    type Service = Gated<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(inner, self.clone())
    }
}

impl Gate for FlowLayer {
    type Pass = FlowPass;

    fn name(&self) -> &'static str {
        CONTROL
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<FlowPass> {
        match self.0.begin(head) {
            Ok(None) => Verdict::admit(FlowPass(None)),
            Ok(Some((key, step))) => {
                let flow = Arc::clone(&self.0);
                Verdict::admit(FlowPass(Some(UnderWay { flow, key, step, is_over: false })))
            }
            Err(rejection) => Verdict::refuse(rejection.by(CONTROL)),
        }
    }
}

impl Settings {
    /// Whose step a request is, and which, if it is one and may begin.
    fn begin(&self, head: &request::Parts) -> Result<Option<(HashedKey, usize)>, Rejection> {
        let Some(step) = self.steps.find(head)? else { return Ok(None) };
        let Some(key) = self.callers.find(head)? else {
            let kind = if self.callers.needs_principal() {
                RejectionKind::Unauthenticated
            } else {
                RejectionKind::Forbidden
            };
            return Err(Rejection::new(kind, "flow_step_of_nobody"));
        };
        let (is_last, now) = (self.is_last(step), self.clock.monotonic());
        let after = self.steps.step(step).after.unwrap_or(self.min_time_between);
        let begun = self.progress.begin(key, step, is_last, after, now);
        begun.map_err(|lapse| self.refusal(lapse, step))?;
        if is_last && let Err(rejection) = self.may_complete(key, now) {
            self.progress.end(key, false, now);
            return Err(rejection);
        }
        Ok(Some((key, step)))
    }

    fn may_complete(&self, key: HashedKey, now: Duration) -> Result<(), Rejection> {
        let Some((bucket, table)) = &self.completions else { return Ok(()) };
        let bucket = bucket.at(|| self.clock.unix());
        let decision = table.draw(key, &bucket, now, 1, Draw::Peek);
        if decision.allowed() {
            return Ok(());
        }
        Err(Rejection::new(RejectionKind::QuotaExceeded, "flow_completions_exceeded")
            .with_violated_policy(Arc::clone(&self.name))
            .with_retry_after(bucket.retry_after(decision))
            .with_source(format!("flow {:?}", self.name)))
    }

    #[cold]
    fn refusal(&self, lapse: Lapse, step: usize) -> Rejection {
        let refused = |kind, reason| {
            let step = &self.steps.step(step).name;
            let source = format!("step {step:?} of flow {:?}", self.name);
            Rejection::new(kind, reason).with_source(source)
        };
        let unusual = RejectionKind::AbnormalUsage;
        match lapse {
            Lapse::OutOfOrder => refused(RejectionKind::Forbidden, "flow_step_out_of_order"),
            Lapse::TooSoon(wait) => refused(unusual, "flow_step_too_soon").with_retry_after(wait),
            Lapse::Ends => refused(unusual, "flow_step_under_way").with_retry_after(RETRY_AFTER),
            Lapse::Full => {
                let kind = RejectionKind::ReducedCapacity;
                refused(kind, "no_room_for_flow").with_retry_after(RETRY_AFTER)
            }
        }
    }

    /// A step ended. Where nobody knows how, the last one counts and the others do not.
    fn end(&self, key: HashedKey, step: usize, succeeded: Option<bool>) {
        let now = self.clock.monotonic();
        let is_done = succeeded.map(|succeeded| succeeded || self.counts_failures);
        if !self.is_last(step) {
            if is_done == Some(true) {
                self.progress.advance(key, step, now);
            }
            return;
        }
        let is_done = is_done.unwrap_or(true);
        if is_done && let Some((bucket, table)) = &self.completions {
            // Before the flow ends, so that the next last step finds it charged.
            let bucket = bucket.at(|| self.clock.unix());
            table.draw(key, &bucket, now, 1, Draw::Owe);
        }
        self.progress.end(key, is_done, now);
    }

    const fn is_last(&self, step: usize) -> bool {
        step + 1 == self.steps.len()
    }
}

impl fmt::Debug for FlowLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowLayer").field("name", &self.0.name).finish_non_exhaustive()
    }
}

/// A step that was admitted, until its answer is there.
#[derive(Debug)]
pub struct FlowPass(Option<UnderWay>);

struct UnderWay {
    flow: Arc<Settings>,
    key: HashedKey,
    step: usize,
    is_over: bool,
}

impl Pass for FlowPass {
    fn on_response(self, response: &mut response::Parts) {
        if let Some(mut step) = self.0 {
            step.is_over = true;
            step.flow.end(step.key, step.step, Some(tells_of_success(response)));
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.is_over {
            self.flow.end(self.key, self.step, None);
        }
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").field("step", &self.step).finish_non_exhaustive()
    }
}

/// A status below 400, and no gRPC status other than 0 beside it.
fn tells_of_success(response: &response::Parts) -> bool {
    response.status.as_u16() < 400
        && response.headers.get_all(GRPC_STATUS).iter().all(|status| status == "0")
}
