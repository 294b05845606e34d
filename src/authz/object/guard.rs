use std::any::{TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use http::Extensions;

#[cfg(feature = "testing")]
use super::QueryPolicy;
use super::checks::Checks;
use super::denied::Asker;
use super::judge::{Ruled, ask, constrain, judge_all};
use super::policies::Registered;
use super::question::Question;
use super::{Action, ActionKind, Decision, Denied, ObjectPolicy, Permit, QueryScope};
use crate::authz::Rules;
use crate::authz::decision::Failure;
use crate::principal::Principal;
use crate::rejection::{Challenges, Protocol, Rejection, RejectionKind};

/// Asks the [`ObjectPolicy`] of a type, for one caller.
///
/// A handler of axum takes it as an argument, one of tonic makes it with [`Guard::of`], and a job without a request with
/// [`Guard::new`] or [`Guard::from_rules`]. Every check is remembered for the tripwire of the request's rule.
///
/// Checks can be made side by side, and in any order; none changes what another one answers.
pub struct Guard<T: 'static> {
    caller: Principal,
    policy: Arc<Registered<T>>,
    checks: Option<Arc<Checks>>,
    asker: Asker,
}

impl<T: 'static> Guard<T> {
    /// A guard for a job without a request, which speaks for this caller.
    #[must_use]
    pub fn new(caller: Principal, policy: impl ObjectPolicy<T>) -> Self {
        Self::without_request(caller, Arc::new(Registered::new(policy)))
    }

    /// Guards with one policy between them, one for each caller.
    #[cfg(feature = "testing")]
    pub(crate) fn for_each(callers: &[Principal], policy: impl QueryPolicy<T>) -> Vec<Self> {
        let policy = Arc::new(Registered::querying(policy));
        let guard = |caller: &Principal| Self::without_request(caller.clone(), Arc::clone(&policy));
        callers.iter().map(guard).collect()
    }

    /// A guard for a job without a request, with the policy that a service's rules have for this type.
    ///
    /// # Errors
    ///
    /// 500 where the rules have no policy for this type.
    pub fn from_rules(rules: &Rules, caller: Principal) -> Result<Self, Rejection> {
        let policy = rules.0.objects.get::<T>().ok_or_else(policy_missing::<T>)?;
        Ok(Self::without_request(caller, policy))
    }

    const fn without_request(caller: Principal, policy: Arc<Registered<T>>) -> Self {
        Self { caller, policy, checks: None, asker: Asker::NOBODY }
    }

    /// The guard of a request: with the caller that was authenticated and the policy that the rules have for this type.
    ///
    /// # Errors
    ///
    /// 401 without a caller. 500 where the rule of the route does not say that it serves objects, where the rules have no
    /// policy for this type, or where no [`RulesLayer`](crate::authz::RulesLayer) ran.
    pub fn of(extensions: &Extensions) -> Result<Self, Rejection> {
        Self::asked_in(Protocol::Http, extensions)
    }

    /// The same, for a caller that wants its refusals in this protocol.
    pub(crate) fn asked_in(protocol: Protocol, extensions: &Extensions) -> Result<Self, Rejection> {
        let Some(checks) = Checks::of(extensions) else {
            return Err(Rejection::new(RejectionKind::Internal, "rule_serves_no_objects"));
        };
        let Some(caller) = Principal::of(extensions).cloned() else {
            return Err(if Challenges::of(extensions).is_some() {
                Rejection::new(RejectionKind::Unauthenticated, "no_credentials")
            } else {
                Rejection::new(RejectionKind::Internal, "authentication_layer_missing")
            });
        };
        let policy = checks.table.objects.get::<T>().ok_or_else(policy_missing::<T>)?;
        let asker = checks.asker(protocol);
        Ok(Self { caller, policy, checks: Some(checks), asker })
    }

    /// Who is asking.
    #[must_use]
    pub const fn caller(&self) -> &Principal {
        &self.caller
    }

    /// Asks whether the caller may do this to the object. Takes the object, or what a look-up for it found: `None` is
    /// answered as an object of which the caller may not know.
    ///
    /// # Errors
    ///
    /// [`Denied`], unless the policy allows it. A handler that swallows it and answers with success is stopped by the
    /// tripwire, as is one that gives up waiting for the answer; ask with [`allows`](Self::allows) where a denial is no reason
    /// to refuse.
    pub async fn permit<A: Action>(
        &self,
        action: A,
        object: impl Into<Option<T>>,
    ) -> Result<Permit<'_, T, A>, Denied> {
        let Some(object) = object.into() else {
            return Err(self.deny(ActionKind::of::<A>(), absent(), None));
        };
        self.check(action, &object).await?;
        Ok(Permit::new(object))
    }

    /// Asks whether the caller may do this to an object that stays with the handler.
    ///
    /// # Errors
    ///
    /// As [`permit`](Self::permit).
    pub async fn check<A: Action>(&self, _action: A, object: &T) -> Result<(), Denied> {
        let action = ActionKind::of::<A>();
        let ruled = ask(&*self.policy.objects, &self.caller, action, object);
        if matches!(ruled, Ruled::Allowed) {
            self.permitted(action);
            return Ok(());
        }
        match self.waited_for(ruled.decision::<T>()).await {
            Ok(Decision::Allow) => {
                self.permitted(action);
                Ok(())
            }
            Ok(Decision::Forbid) => Err(self.deny(action, forbidden(), None)),
            Ok(Decision::Hide) => Err(self.deny(action, hidden(), None)),
            Err(failure) => Err(self.failed(action, failure)),
        }
    }

    /// Whether the policy would allow it, for a handler that offers something or not. Counts neither as a check nor as a
    /// denial; what cannot be told is logged, and not allowed.
    pub async fn allows<A: Action>(&self, _action: A, object: &T) -> bool {
        let action = ActionKind::of::<A>();
        match ask(&*self.policy.objects, &self.caller, action, object).decision::<T>().await {
            Ok(decision) => decision == Decision::Allow,
            Err(failure) => {
                failure.log();
                false
            }
        }
    }

    /// Asks which objects a query may find when the caller wants to do this to them, so that the database filters.
    ///
    /// Needs a policy that was given to [`RulesBuilder::query_policy`](crate::authz::RulesBuilder::query_policy), with this
    /// type of constraint; it is mostly inferred from the repository's method, and otherwise named:
    /// `guard.constraint::<OfTenant, _>(Read)`. Whether the query heeds the constraint cannot be seen from here: for the
    /// tripwire it is [`QueryScope::verify`] that counts as filtering a list, unless the rule says
    /// [`by_proved_constraint`](crate::authz::Access::by_proved_constraint).
    ///
    /// # Errors
    ///
    /// 403 where the caller may not list such objects at all. 500 where the rules have no such constraint. Where the policy
    /// cannot tell, as [`filter`](Self::filter).
    pub async fn constraint<C: 'static, A: Action>(
        &self,
        _action: A,
    ) -> Result<QueryScope<'_, T, A, C>, Denied> {
        let action = ActionKind::of::<A>();
        let Some(policy) = self.policy.queries::<C>() else {
            let missing = Rejection::new(RejectionKind::Internal, "query_policy_missing");
            return Err(self.deny(action, missing, None));
        };
        match self.waited_for(constrain(policy, &self.caller, action)).await {
            Ok(Some(constraint)) => {
                if let Some(checks) = &self.checks {
                    checks.constrained(TypeId::of::<T>(), action);
                }
                Ok(QueryScope::new(self, constraint))
            }
            Ok(None) => {
                let forbidden = Rejection::new(RejectionKind::Forbidden, "query_forbidden");
                Err(self.deny(action, forbidden, None))
            }
            Err(failure) => Err(self.failed(action, failure)),
        }
    }

    /// Says that this request needs no check, and why. Logged, and listed with the rule.
    pub fn skip(&self, reason: &'static str) {
        tracing::info!(target: "tower_warden::authz", reason, "object check skipped");
        if let Some(checks) = &self.checks {
            checks.skip(reason);
        }
    }

    /// What the policy says of each of many objects.
    pub(super) async fn judge_all(
        &self,
        action: ActionKind,
        objects: &[T],
    ) -> Result<Vec<Decision>, Denied> {
        self.waited_for(judge_all(&*self.policy.objects, &self.caller, action, objects))
            .await
            .map_err(|failure| self.failed(action, failure))
    }

    /// Waits for what a policy answers. Whoever gives up waiting goes on without, which counts as a denial.
    async fn waited_for<R>(&self, answer: impl Future<Output = R>) -> R {
        let unanswered = Unanswered(self.checks.as_deref());
        let answer = answer.await;
        unanswered.answered();
        answer
    }

    /// Notes that this action was allowed on an object.
    pub(super) fn permitted(&self, action: ActionKind) {
        if let Some(checks) = &self.checks {
            checks.permitted(TypeId::of::<T>(), action);
        }
    }

    /// Notes that a list was reduced to those on which this action is allowed.
    pub(super) fn scoped(&self, action: ActionKind) {
        if let Some(checks) = &self.checks {
            checks.scoped(TypeId::of::<T>(), action);
        }
    }

    fn failed(&self, action: ActionKind, failure: Failure) -> Denied {
        self.deny(action, failure.rejection(), Some(failure))
    }

    /// Notes and logs a denial.
    pub(super) fn deny(
        &self,
        action: ActionKind,
        rejection: Rejection,
        failure: Option<Failure>,
    ) -> Denied {
        let rule = self.checks.as_ref().map(|checks| {
            checks.denied(rejection.kind());
            Arc::clone(checks.rule())
        });
        let question = Question { action, type_name: type_name::<T>(), rule, failure };
        Denied::new(rejection.with_source(question), self.asker)
    }
}

/// A check that was begun. Dropped before there is an answer, it counts as one that took too long: the handler may go on as
/// if it had allowed.
struct Unanswered<'c>(Option<&'c Checks>);

impl Unanswered<'_> {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(checks) = self.0 {
            checks.denied(RejectionKind::Forbidden);
        }
    }
}

/// The object does not exist.
pub(super) const fn absent() -> Rejection {
    Rejection::new(RejectionKind::NotFound, "object_not_found")
}

/// The caller may not know of it.
pub(super) const fn hidden() -> Rejection {
    Rejection::new(RejectionKind::NotFound, "object_hidden")
}

/// The caller may know of it.
pub(super) const fn forbidden() -> Rejection {
    Rejection::new(RejectionKind::Forbidden, "object_forbidden")
}

fn policy_missing<T>() -> Rejection {
    Rejection::new(RejectionKind::Internal, "object_policy_missing").with_source(type_name::<T>())
}

impl<T> fmt::Debug for Guard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("caller", &self.caller).finish_non_exhaustive()
    }
}
