use std::fmt;
use std::sync::Arc;

use http::request;
use tower::Layer;

use super::decision::{Answer, Cause, Denial, Failure, Outcome, Step};
use super::object::Checks;
use super::rules::Table;
use super::scope_use::ScopeUse;
use super::tripwire::Tripwire;
use super::{Grants, RequestFacts, Rule, Rules};
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::principal::Principal;
use crate::rejection::{Challenges, Rejection, RejectionKind};
use crate::route_pattern::screen;

/// Admits what the [`Rules`] allow and refuses everything else.
///
/// Goes inside the authentication layer. Has the [tripwire](super::tripwire) behind it, and cannot be had without.
#[derive(Clone, Debug)]
pub struct RulesLayer {
    rules: Rules,
    /// Whether an answer without the object check that its rule demands leaves, and is only told in the log.
    reports_only: bool,
    scope_use: Option<ScopeUse>,
}

impl RulesLayer {
    /// A layer that asks this table.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules, reports_only: false, scope_use: None }
    }

    /// Records which scopes and roles admitted requests needed.
    #[must_use]
    pub fn scope_use(mut self, scope_use: &ScopeUse) -> Self {
        self.scope_use = Some(scope_use.clone());
        self
    }

    /// Lets answers leave without the object check that their rule demands, and tells of them in the log as errors: to find
    /// what is missing in a service that runs already, before its rules are enforced. Logs a warning.
    #[must_use]
    pub fn insecure_report_unchecked_objects(mut self) -> Self {
        tracing::warn!(target: "tower_warden::posture", "answers without an object check are only reported");
        self.reports_only = true;
        self
    }

    /// Whether answers without the object check that their rule demands leave, and are only reported.
    #[must_use]
    pub const fn reports_only(&self) -> bool {
        self.reports_only
    }

    /// The table.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Decides on a request of this principal, if it has one; what it says is not yet known to the request itself.
    pub(crate) fn judge(
        &self,
        head: &request::Parts,
        principal: Option<&Principal>,
    ) -> Verdict<RulesPass> {
        match self.decide(head, principal) {
            Ok(Decision::Admitted(pass)) => Verdict::admit(pass),
            Ok(Decision::Waiting(verdict)) => verdict,
            Err(rejection) => Verdict::refuse(rejection),
        }
    }

    fn decide(
        &self,
        head: &request::Parts,
        principal: Option<&Principal>,
    ) -> Result<Decision, Rejection> {
        let path = head.uri.path();
        screen(path).map_err(|ambiguity| {
            Rejection::new(RejectionKind::BadRequest, "ambiguous_path").with_source(ambiguity)
        })?;
        let found = self.rules.part_for(head)?.at(path);
        // By reference: the parameters are many bytes to move.
        let found = found.as_ref().ok();
        self.rules.refuse_disagreement(head, found.map(|found| found.value.pattern()))?;
        let undeclared = || Rejection::new(RejectionKind::Forbidden, "route_not_declared");
        let found = found.ok_or_else(undeclared)?;
        let rule = found.value.rule_for(&head.method).ok_or_else(undeclared)?;
        let Some(policy) = rule.access.policy() else {
            if let (Some(scope_use), Some(principal)) = (&self.scope_use, principal) {
                scope_use.record(principal, Grants::NONE);
            }
            return Ok(Decision::Admitted(RulesPass::NOTHING));
        };
        let principal = principal.ok_or_else(|| anonymous(head))?;
        let request = RequestFacts::new(head, &rule.pattern, &found.params);
        match policy.evaluate(principal, &request) {
            Step::Known(answer) => {
                let judged = rule.judge(answer, principal, self.scope_use.as_ref());
                judged.map(|()| Decision::Admitted(self.pass(rule)))
            }
            Step::Waiting(waiting) => Ok(Decision::Waiting(Verdict::pending({
                let (pass, rule, principal) = (self.pass(rule), rule.clone(), principal.clone());
                let scope_use = self.scope_use.clone();
                async move {
                    rule.judge(waiting.resolve().await, &principal, scope_use.as_ref())
                        .map(|()| pass)
                }
            }))),
        }
    }

    fn pass(&self, rule: &Arc<Rule>) -> RulesPass {
        RulesPass(rule.access.serves().map(|_| Demand {
            table: Arc::clone(&self.rules.0),
            rule: Arc::clone(rule),
            enforced: !self.reports_only,
        }))
    }
}

enum Decision {
    Admitted(RulesPass),
    Waiting(Verdict<RulesPass>),
}

/// What an admitted request carries: whether its rule demands an object check.
#[derive(Clone, Debug)]
pub struct RulesPass(Option<Demand>);

#[derive(Clone)]
struct Demand {
    table: Arc<Table>,
    rule: Arc<Rule>,
    enforced: bool,
}

impl RulesPass {
    const NOTHING: Self = Self(None);

    /// Begins the record of what is checked, for a `Warden` to wait for.
    pub(crate) fn begin(self, head: &mut request::Parts) -> Option<Arc<Checks>> {
        let checks = self.0?.begin(head, false);
        checks.claim();
        Some(checks)
    }
}

impl Demand {
    fn begin(self, head: &mut request::Parts, stands_alone: bool) -> Arc<Checks> {
        let Self { table, rule, enforced } = self;
        Checks::begin(table, rule, enforced, &mut head.extensions, stands_alone)
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

impl Pass for RulesPass {
    fn on_request(&mut self, head: &mut request::Parts) {
        if let Some(demand) = self.0.take() {
            demand.begin(head, true);
        }
    }
}

/// Nobody is known. Either the caller sent no credentials, or nobody looked for them.
fn anonymous(head: &request::Parts) -> Rejection {
    if Challenges::of(&head.extensions).is_some() {
        Rejection::new(RejectionKind::Unauthenticated, "no_credentials")
    } else {
        Rejection::new(RejectionKind::Internal, "authentication_layer_missing")
    }
}

impl Rule {
    fn judge(
        &self,
        answer: Answer,
        principal: &Principal,
        scope_use: Option<&ScopeUse>,
    ) -> Result<(), Rejection> {
        let rejection = match answer.outcome {
            Outcome::Allow => {
                if let Some(scope_use) = scope_use {
                    scope_use.record(principal, answer.grants);
                }
                return Ok(());
            }
            Outcome::Failed(failure) => return Err(failure.into_rejection()),
            Outcome::Deny(Denial::ScopeMissing) => self.scope_missing(principal),
            Outcome::Deny(Denial::StepUp(wanted)) => wanted.refusal(principal),
            Outcome::Deny(denial) => Rejection::new(RejectionKind::Forbidden, denial.reason()),
        };
        Err(rejection.with_source(self.to_string()))
    }

    /// Tells the caller which scopes to ask for, unless it holds them all and lacks something else.
    fn scope_missing(&self, principal: &Principal) -> Rejection {
        let reason = Denial::ScopeMissing.reason();
        match &self.scopes {
            Some(scopes) if !scopes.split(' ').all(|scope| principal.has_scope(scope)) => {
                Rejection::new(RejectionKind::InsufficientScope, reason)
                    .with_scope(Arc::clone(scopes))
                    .with_tried_scheme(principal.scheme())
            }
            _ => Rejection::new(RejectionKind::Forbidden, reason),
        }
    }
}

impl Failure {
    pub(super) fn into_rejection(self) -> Rejection {
        self.rejection().with_source(self)
    }

    /// What the caller is told; the failure itself is not in it.
    pub(super) fn rejection(&self) -> Rejection {
        let retry_after = match &self.cause {
            Cause::Error(error) => error.retry_after(),
            Cause::Panicked | Cause::TimedOut => None,
        };
        match (&self.cause, retry_after) {
            (_, Some(after)) => Rejection::new(RejectionKind::Unavailable, "policy_unavailable")
                .with_retry_after(after),
            (Cause::Error(_), None) => Rejection::new(RejectionKind::Forbidden, "policy_failed"),
            (Cause::Panicked, None) => Rejection::new(RejectionKind::Forbidden, "policy_panicked"),
            (Cause::TimedOut, None) => Rejection::new(RejectionKind::Forbidden, "policy_timed_out"),
        }
    }
}

/// The gate of a [`RulesLayer`], apart from it: as a gate alone, the rules would be without their tripwire.
#[derive(Clone, Debug)]
pub struct RulesGate(RulesLayer);

impl RulesLayer {
    /// The name of the control in logs.
    pub(crate) const NAME: &str = "rules";
}

impl Gate for RulesGate {
    type Pass = RulesPass;

    fn name(&self) -> &'static str {
        RulesLayer::NAME
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<RulesPass> {
        let mut verdict = self.0.judge(head, Principal::of(&head.extensions));
        if let Verdict::Ready(Ok(pass)) = &mut verdict {
            pass.on_request(head);
        }
        verdict
    }
}

impl<S> Layer<S> for RulesLayer {
    type Service = Gated<Tripwire<S>, RulesGate>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(Tripwire::new(inner), RulesGate(self.clone()))
    }
}
