use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;

use super::{Action, ActionKind, Decision, Denied, Guard, ObjectPolicy};
use crate::authz::PolicyError;
use crate::principal::Principal;
use crate::rejection::{Rejection, RejectionKind};

/// An [`ObjectPolicy`] that can also say which objects a query may find, so that the database filters.
///
/// Constraint and policy say the same in two languages. [`QueryScope::verify`] compares them on what a query found, and
/// [`testing::check_constraint`](crate::testing::check_constraint) before anybody asks.
///
/// ```
/// use tower_warden::Principal;
/// use tower_warden::authz::object::{ActionKind, Bounds, ObjectPolicy, QueryPolicy, Ruling};
///
/// struct Order {
///     tenant: String,
/// }
///
/// /// `WHERE tenant = $1`
/// struct OfTenant(String);
///
/// struct SameTenant;
///
/// impl ObjectPolicy<Order> for SameTenant {
///     fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
///         (caller.tenant() == Some(&order.tenant)).into()
///     }
/// }
///
/// impl QueryPolicy<Order> for SameTenant {
///     type Constraint = OfTenant;
///
///     fn constrain<'a>(&'a self, caller: &'a Principal, _: ActionKind) -> Bounds<'a, OfTenant> {
///         caller.tenant().map_or(Bounds::forbid(), |tenant| Bounds::within(OfTenant(tenant.to_owned())))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which objects a query may find",
    note = "a closure is an object policy alone: give it to `object_policy`, or implement `QueryPolicy` for a type of your own"
)]
pub trait QueryPolicy<T>: ObjectPolicy<T> {
    /// What is handed to the query, such as the condition of a `WHERE` with its values.
    type Constraint: 'static;

    /// What a query for objects must be constrained to when `caller` wants to do `action` to them.
    fn constrain<'a>(
        &'a self,
        caller: &'a Principal,
        action: ActionKind,
    ) -> Bounds<'a, Self::Constraint>;
}

/// The answer of a [`QueryPolicy`], or the promise of one.
#[must_use = "bounds that no query gets protect nothing"]
pub struct Bounds<'a, C>(pub(super) Kind<'a, C>);

pub(super) enum Kind<'a, C> {
    Known(Option<C>),
    Failed(PolicyError),
    Asked(BoxFuture<'a, Result<Option<C>, PolicyError>>),
}

impl<'a, C> Bounds<'a, C> {
    /// What this constraint lets through.
    pub const fn within(constraint: C) -> Self {
        Self(Kind::Known(Some(constraint)))
    }

    /// The caller may not list such objects at all: 403.
    pub const fn forbid() -> Self {
        Self(Kind::Known(None))
    }

    /// It could not be told, which denies.
    pub const fn failed(error: PolicyError) -> Self {
        Self(Kind::Failed(error))
    }

    /// Somebody has to be asked; `None` is the answer of [`forbid`](Self::forbid).
    pub fn ask(answer: impl Future<Output = Result<Option<C>, PolicyError>> + Send + 'a) -> Self {
        Self(Kind::Asked(Box::pin(answer)))
    }
}

impl<C> fmt::Debug for Bounds<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Known(Some(_)) => "Within",
            Kind::Known(None) => "Forbid",
            Kind::Failed(_) => "Failed",
            Kind::Asked(_) => "Asked",
        })
    }
}

/// Proof that a policy was asked which objects a query may find, with its constraint inside.
///
/// Only [`Guard::constraint`] makes one. A repository whose method takes a `&QueryScope<'_, Order, Read, OfTenant>` cannot
/// be asked for a list without, nor with a constraint that a handler made up. That the query heeds the constraint is the
/// repository's to do; [`verify`](Self::verify) looks whether it did.
#[must_use = "a constraint that no query gets filters nothing"]
pub struct QueryScope<'g, T: 'static, A: Action, C> {
    guard: &'g Guard<T>,
    constraint: C,
    /// The guard's lifetime, and the action; invariant in both.
    proof: PhantomData<fn(&'g A) -> &'g A>,
}

impl<'g, T: 'static, A: Action, C> QueryScope<'g, T, A, C> {
    /// For the guard alone, with what its policy demands.
    pub(super) const fn new(guard: &'g Guard<T>, constraint: C) -> Self {
        Self { guard, constraint, proof: PhantomData }
    }

    /// What the query must be constrained to.
    pub const fn constraint(&self) -> &C {
        &self.constraint
    }

    /// Asks the policy about each object that the query found, and gives them back if it allows all. Counts as filtering a
    /// list.
    ///
    /// # Errors
    ///
    /// 500, reason `constraint_and_policy_disagree`, where the policy denies one of them: the constraint or the query lets
    /// through what it must not, and nothing of the list may leave. Where the policy cannot tell, as [`Guard::filter`].
    pub async fn verify(&self, found: impl IntoIterator<Item = T>) -> Result<Vec<T>, Denied> {
        let found: Vec<T> = found.into_iter().collect();
        let action = ActionKind::of::<A>();
        let decisions = self.guard.judge_all(action, &found).await?;
        if decisions.iter().all(|decision| *decision == Decision::Allow) {
            self.guard.scoped(action);
            Ok(found)
        } else {
            let reason = "constraint_and_policy_disagree";
            Err(self.guard.deny(action, Rejection::new(RejectionKind::Internal, reason), None))
        }
    }
}

/// The action alone: the constraint may name persons.
impl<T, A: Action, C> fmt::Debug for QueryScope<'_, T, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryScope").field("action", &A::NAME).finish_non_exhaustive()
    }
}
