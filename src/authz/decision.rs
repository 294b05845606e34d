//! Three-valued evaluation: allow, deny, failed.
//!
//! The logic is Kleene's strong one: the whole is allowed only if it would be allowed whatever the failed parts had
//! answered. A failed part therefore never turns into an allowance, not through `not` either, and the order of the parts
//! does not change who is let in.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::policy::Node;
use super::step_up::StepUp;
use super::{Grants, Policy, PolicyError, RequestFacts};
use crate::principal::Principal;

/// What a policy answers.
#[derive(Debug)]
pub(super) enum Outcome {
    Allow,
    Deny(Denial),
    /// It could not be told, which admits nobody.
    Failed(Box<Failure>),
}

/// Why a policy denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    Policy,
    RoleMissing,
    ScopeMissing,
    /// Another log-in would be enough.
    StepUp(Arc<StepUp>),
    TenantMismatch,
}

impl Denial {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Policy => "policy_denied",
            Self::RoleMissing => "role_missing",
            Self::ScopeMissing => "scope_missing",
            Self::StepUp(wanted) => wanted.reason(),
            Self::TenantMismatch => "tenant_mismatch",
        }
    }
}

/// Which check could not tell, and why.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) check: Arc<str>,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    Error(PolicyError),
    Panicked,
    TimedOut,
}

impl Failure {
    /// Logged here and not only with the refusal: another part of the rule may still allow the request.
    pub(super) fn of(check: Arc<str>, cause: Cause) -> Self {
        let failure = Self { check, cause };
        failure.log();
        failure
    }

    pub(super) fn log(&self) {
        // The Debug form of a text escapes control characters: what a backend said may quote the caller (ASVS 16.4.1).
        let told = self.to_string();
        tracing::error!(target: "tower_warden::authz", check = %self.check, failure = ?told, "check failed");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "check({}) ", self.check)?;
        match &self.cause {
            Cause::Error(error) => error.fmt(f),
            Cause::Panicked => f.write_str("panicked"),
            Cause::TimedOut => f.write_str("timed out"),
        }
    }
}

impl Error for Failure {}

/// What a policy answers, and what of the principal the answer rests on: one that had these grants and no others would have
/// been answered alike.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) grants: Grants,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, grants: Grants::NONE }
    }
}

impl Answer {
    fn allowed_by(grants: Option<Grants>, denial: Denial) -> Self {
        match grants {
            Some(grants) => Self { outcome: Outcome::Allow, grants },
            None => Outcome::Deny(denial).into(),
        }
    }

    /// An answer rests on the part that decided it, and on all parts where none did so alone.
    fn joined(self, join: Join, next: Self) -> Self {
        let grants = match (join.is_decided_by(&self.outcome), join.is_decided_by(&next.outcome)) {
            (true, _) => self.grants,
            (false, true) => next.grants,
            (false, false) => self.grants.and(next.grants),
        };
        let outcome = match join {
            Join::All => both(self.outcome, next.outcome),
            Join::Any => either(self.outcome, next.outcome),
        };
        Self { outcome, grants }
    }

    fn negated(self) -> Self {
        Self { outcome: self.outcome.negated(), grants: self.grants }
    }
}

/// An answer, or what has to be waited for.
pub(super) enum Step {
    Known(Answer),
    Waiting(Waiting),
}

/// What is left of a policy once everything that needs no waiting has answered.
pub(super) enum Waiting {
    Check(BoxFuture<'static, Answer>),
    Joined(Joined, Vec<Self>),
    Not(Box<Self>),
}

impl Waiting {
    /// Asks one after the other, until the answer is known.
    pub(super) fn resolve(self) -> BoxFuture<'static, Answer> {
        match self {
            Self::Check(answer) => answer,
            Self::Joined(mut joined, parts) => Box::pin(async move {
                for part in parts {
                    if joined.decided_by(part.resolve().await) {
                        break;
                    }
                }
                joined.answer()
            }),
            Self::Not(part) => Box::pin(async move { part.resolve().await.negated() }),
        }
    }
}

/// Answers of several parts, joined as they come in.
pub(super) struct Joined {
    join: Join,
    so_far: Option<Answer>,
}

#[derive(Clone, Copy)]
enum Join {
    All,
    Any,
}

impl Join {
    /// Whether one part with this outcome decides for the whole, as far as admitting goes.
    const fn is_decided_by(self, outcome: &Outcome) -> bool {
        matches!(self, Self::Any) == matches!(outcome, Outcome::Allow)
    }
}

impl Joined {
    const fn new(join: Join) -> Self {
        Self { join, so_far: None }
    }

    /// Takes one more answer; true when the rest cannot change the result any more.
    #[inline]
    fn decided_by(&mut self, next: Answer) -> bool {
        // What most requests come to: one more part allows, as all before it did.
        if let (Join::All, Outcome::Allow, Some(Answer { outcome: Outcome::Allow, grants })) =
            (self.join, &next.outcome, &mut self.so_far)
        {
            *grants = grants.and(next.grants);
            return false;
        }
        let joined = match self.so_far.take() {
            None => next,
            Some(so_far) => so_far.joined(self.join, next),
        };
        let decided = matches!(
            (self.join, &joined.outcome),
            (Join::All, Outcome::Deny(denial)) if !matches!(denial, Denial::StepUp(_))
        ) || matches!((self.join, &joined.outcome), (Join::Any, Outcome::Allow));
        self.so_far = Some(joined);
        decided
    }

    /// The result. No part at all allows nothing, whichever way none are joined.
    fn answer(self) -> Answer {
        self.so_far.unwrap_or_else(|| Outcome::Deny(Denial::Policy).into())
    }
}

/// Deny before failed before allow. A step-up is asked for where everything else allows, so it comes after a failure.
fn both(first: Outcome, second: Outcome) -> Outcome {
    match (first, second) {
        (Outcome::Deny(Denial::StepUp(first)), Outcome::Deny(Denial::StepUp(second))) => {
            let wanted = first.and(&second).map(|both| Denial::StepUp(Arc::new(both)));
            Outcome::Deny(wanted.unwrap_or(Denial::Policy))
        }
        (Outcome::Deny(Denial::StepUp(_)), other @ (Outcome::Deny(_) | Outcome::Failed(_)))
        | (other @ (Outcome::Deny(_) | Outcome::Failed(_)), Outcome::Deny(Denial::StepUp(_))) => {
            other
        }
        (Outcome::Deny(denial), _) | (_, Outcome::Deny(denial)) => Outcome::Deny(denial),
        (Outcome::Failed(failure), _) | (_, Outcome::Failed(failure)) => Outcome::Failed(failure),
        (Outcome::Allow, Outcome::Allow) => Outcome::Allow,
    }
}

/// Allow before failed before deny.
fn either(first: Outcome, second: Outcome) -> Outcome {
    match (first, second) {
        (Outcome::Allow, _) | (_, Outcome::Allow) => Outcome::Allow,
        (Outcome::Failed(failure), _) | (_, Outcome::Failed(failure)) => Outcome::Failed(failure),
        (Outcome::Deny(Denial::StepUp(wanted)), _) | (_, Outcome::Deny(Denial::StepUp(wanted))) => {
            Outcome::Deny(Denial::StepUp(wanted))
        }
        // A missing scope is the denial to tell: the caller can do something about it.
        (Outcome::Deny(_), Outcome::Deny(Denial::ScopeMissing)) => {
            Outcome::Deny(Denial::ScopeMissing)
        }
        (Outcome::Deny(denial), Outcome::Deny(_)) => Outcome::Deny(denial),
    }
}

impl Outcome {
    fn negated(self) -> Self {
        match self {
            // A step-up is no yes when it is turned around, and `not` around one is refused at start-up.
            Self::Allow | Self::Deny(Denial::StepUp(_)) => Self::Deny(Denial::Policy),
            Self::Deny(_) => Self::Allow,
            Self::Failed(failure) => Self::Failed(failure),
        }
    }
}

impl Policy {
    /// Asks everything that answers at once; what has to be waited for is left only where it matters.
    pub(super) fn evaluate(&self, principal: &Principal, request: &RequestFacts<'_>) -> Step {
        Step::Known(match self.node() {
            Node::Authenticated => Outcome::Allow.into(),
            Node::Scope(scope) => {
                let held = principal.scopes().position(scope).map(Grants::scope_at);
                Answer::allowed_by(held, Denial::ScopeMissing)
            }
            Node::StepUp(demand) => demand.judge(principal).into(),
            Node::Role(role) => {
                let held = principal.role_position(role).map(Grants::role_at);
                Answer::allowed_by(held, Denial::RoleMissing)
            }
            Node::TenantInPath(parameter) => {
                let named = request.param(parameter);
                // Two absent tenants are not the same tenant.
                let same = named.is_some() && principal.tenant() == named.as_deref();
                Answer::allowed_by(same.then_some(Grants::NONE), Denial::TenantMismatch)
            }
            Node::Check(check) => check.ask(principal, request).into(),
            Node::AsyncCheck(check) => match check.ask(principal, request) {
                Ok(answer) => return Step::Waiting(Waiting::Check(answer)),
                Err(outcome) => outcome.into(),
            },
            Node::Named(_, policy) => return policy.evaluate(principal, request),
            Node::Not(policy) => match policy.evaluate(principal, request) {
                Step::Known(answer) => answer.negated(),
                Step::Waiting(part) => return Step::Waiting(Waiting::Not(Box::new(part))),
            },
            Node::AllOf(policies) => return join(Join::All, policies, principal, request),
            Node::AnyOf(policies) => return join(Join::Any, policies, principal, request),
        })
    }
}

fn join(
    join: Join,
    policies: &[Policy],
    principal: &Principal,
    request: &RequestFacts<'_>,
) -> Step {
    let mut joined = Joined::new(join);
    let mut waiting = Vec::new();
    for policy in policies {
        match policy.evaluate(principal, request) {
            Step::Known(answer) => {
                if joined.decided_by(answer) {
                    return Step::Known(joined.answer());
                }
            }
            Step::Waiting(part) => waiting.push(part),
        }
    }
    if waiting.is_empty() {
        Step::Known(joined.answer())
    } else {
        Step::Waiting(Waiting::Joined(joined, waiting))
    }
}

#[cfg(test)]
mod tests;
