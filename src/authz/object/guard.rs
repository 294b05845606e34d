use std::any::{TypeId, type_name};
use std::fmt;
use std::sync::Arc;

use http::Extensions;

use super::checks::Checks;
use super::denied::Asker;
use super::judge::judge;
use super::policies::Registered;
use super::{Action, ActionKind, Decision, Denied, ObjectPolicy, Permit};
use crate::principal::Principal;
use crate::rejection::{Challenges, Protocol, Rejection, RejectionKind};

/// Asks the [`ObjectPolicy`] of a type, for one caller.
///
/// A handler of axum takes it as an argument, one of tonic makes it with [`Guard::of`], and a job without a request with
/// [`Guard::new`]. Every check is remembered for the tripwire of the request's rule.
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
        let policy = Arc::new(Registered(Box::new(policy) as Box<dyn ObjectPolicy<T>>));
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
        let Some(policy) = checks.table.objects.get::<T>() else {
            let rejection = Rejection::new(RejectionKind::Internal, "object_policy_missing");
            return Err(rejection.with_source(type_name::<T>()));
        };
        let asker = Asker::of(protocol, extensions);
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
    /// tripwire; ask with [`allows`](Self::allows) where a denial is no reason to refuse.
    pub async fn permit<A: Action>(
        &self,
        action: A,
        object: impl Into<Option<T>>,
    ) -> Result<Permit<'_, T, A>, Denied> {
        let Some(object) = object.into() else {
            return Err(self.deny(Rejection::new(RejectionKind::NotFound, "object_not_found")));
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
        match judge(&*self.policy.0, &self.caller, action, object).await {
            Ok(Decision::Allow) => {
                if let Some(checks) = &self.checks {
                    checks.permitted(TypeId::of::<T>(), action);
                }
                Ok(())
            }
            Ok(Decision::Forbid) => {
                Err(self.deny(Rejection::new(RejectionKind::Forbidden, "object_forbidden")))
            }
            Ok(Decision::Hide) => {
                Err(self.deny(Rejection::new(RejectionKind::NotFound, "object_hidden")))
            }
            Err(failure) => Err(self.deny(failure.into_rejection())),
        }
    }

    /// Whether the policy would allow it, for a handler that offers something or not. Counts neither as a check nor as a
    /// denial; what cannot be told is not allowed.
    pub async fn allows<A: Action>(&self, _action: A, object: &T) -> bool {
        let decision = judge(&*self.policy.0, &self.caller, ActionKind::of::<A>(), object).await;
        matches!(decision, Ok(Decision::Allow))
    }

    /// Says that this request needs no check, and why. Logged, and listed with the rule.
    pub fn skip(&self, reason: &'static str) {
        tracing::info!(target: "tower_warden::authz", reason, "object check skipped");
        if let Some(checks) = &self.checks {
            checks.skip(reason);
        }
    }

    fn deny(&self, rejection: Rejection) -> Denied {
        if let Some(checks) = &self.checks {
            checks.denied(rejection.kind());
        }
        Denied::new(rejection, self.asker)
    }
}

impl<T> fmt::Debug for Guard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("caller", &self.caller).finish_non_exhaustive()
    }
}
