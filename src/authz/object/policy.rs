use std::fmt;
use std::future::Future;

use futures_util::future::BoxFuture;

use super::{ActionKind, Rulings};
use crate::authz::PolicyError;
use crate::principal::Principal;

/// Says who may do what to which object.
///
/// It judges at once where it can, and otherwise answers with a future: see [`Ruling`]. A panic, an error and a future
/// that takes longer than [`CHECK_TIME_LIMIT`](crate::authz::CHECK_TIME_LIMIT) deny. It sees caller, action and object, and
/// nothing of the request: what a caller writes into a path or a header field has no say.
///
/// ```
/// use tower_warden::Principal;
/// use tower_warden::authz::object::{ActionKind, ObjectPolicy, Read, Ruling};
///
/// struct Order {
///     tenant: String,
///     owner: String,
/// }
///
/// struct OrderPolicy;
///
/// impl ObjectPolicy<Order> for OrderPolicy {
///     fn judge<'a>(&'a self, caller: &'a Principal, action: ActionKind, order: &'a Order) -> Ruling<'a> {
///         if caller.tenant() != Some(&order.tenant) {
///             return Ruling::hide(); // 404: nobody learns of the orders of another tenant
///         }
///         if caller.subject() == order.owner || action.is::<Read>() && caller.has_role("clerk") {
///             return Ruling::allow();
///         }
///         Ruling::forbid() // 403: colleagues may know that it is there
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who may do what to a `{T}`",
    note = "implement `ObjectPolicy<{T}>`, or give a closure with its types written out: `|caller: &Principal, action: ActionKind, object: &Order| Decision::Hide`"
)]
pub trait ObjectPolicy<T>: Send + Sync + 'static {
    /// Decides whether `caller` may do `action` to `object`.
    fn judge<'a>(&'a self, caller: &'a Principal, action: ActionKind, object: &'a T) -> Ruling<'a>;

    /// Decides on many objects at once. A policy that has to ask somebody overrides it, to ask once and not once for each.
    ///
    /// It must decide on each object as [`judge`](Self::judge) does. It is not asked about an empty list.
    ///
    /// ```
    /// use tower_warden::Principal;
    /// use tower_warden::authz::PolicyError;
    /// use tower_warden::authz::object::{ActionKind, Decision, ObjectPolicy, Ruling, Rulings};
    /// # struct Order { id: u64 }
    /// # struct Relations;
    /// # impl Relations {
    /// #     async fn are_shared(&self, _: &str, _: Vec<u64>) -> Result<Vec<bool>, std::io::Error> { Ok(vec![]) }
    /// # }
    ///
    /// impl ObjectPolicy<Order> for Relations {
    ///     fn judge<'a>(&'a self, caller: &'a Principal, action: ActionKind, order: &'a Order) -> Ruling<'a> {
    ///         let all = self.judge_all(caller, action, std::slice::from_ref(order));
    ///         all.into_only()
    ///     }
    ///
    ///     fn judge_all<'a>(&'a self, caller: &'a Principal, _: ActionKind, orders: &'a [Order]) -> Rulings<'a> {
    ///         let ids = orders.iter().map(|order| order.id).collect();
    ///         Rulings::ask(async move {
    ///             let shared = self.are_shared(caller.subject(), ids).await.map_err(PolicyError::unavailable)?;
    ///             Ok(shared.into_iter().map(Decision::from).collect())
    ///         })
    ///     }
    /// }
    /// ```
    fn judge_all<'a>(
        &'a self,
        caller: &'a Principal,
        action: ActionKind,
        objects: &'a [T],
    ) -> Rulings<'a> {
        let _ = (caller, action, objects);
        Rulings::one_by_one()
    }
}

/// A closure that decides at once is a policy: `|caller: &Principal, action: ActionKind, order: &Order| Decision::Hide`.
impl<T, F> ObjectPolicy<T> for F
where
    F: Fn(&Principal, ActionKind, &T) -> Decision + Send + Sync + 'static,
{
    fn judge<'a>(&'a self, caller: &'a Principal, action: ActionKind, object: &'a T) -> Ruling<'a> {
        self(caller, action, object).into()
    }
}

/// What a policy decided on one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The caller may do it.
    Allow,
    /// The caller may not do it, and may know that the object is there: 403.
    Forbid,
    /// The caller may not do it, nor know that the object is there: 404 (RFC 9110 15.5.4).
    Hide,
}

/// The answer of an [`ObjectPolicy`], or the promise of one.
#[must_use = "a ruling that is not acted on protects nothing"]
pub struct Ruling<'a>(pub(super) Kind<'a>);

pub(super) enum Kind<'a> {
    Known(Decision),
    Failed(PolicyError),
    Asked(BoxFuture<'a, Result<Decision, PolicyError>>),
}

impl<'a> Ruling<'a> {
    /// Allows it.
    pub const fn allow() -> Self {
        Self(Kind::Known(Decision::Allow))
    }

    /// Denies it with 403: the caller may know that the object is there.
    pub const fn forbid() -> Self {
        Self(Kind::Known(Decision::Forbid))
    }

    /// Denies it with 404, as if the object did not exist.
    pub const fn hide() -> Self {
        Self(Kind::Known(Decision::Hide))
    }

    /// It could not be told, which denies.
    pub const fn failed(error: PolicyError) -> Self {
        Self(Kind::Failed(error))
    }

    /// Somebody has to be asked.
    pub fn ask(answer: impl Future<Output = Result<Decision, PolicyError>> + Send + 'a) -> Self {
        Self(Kind::Asked(Box::pin(answer)))
    }
}

impl From<Decision> for Ruling<'_> {
    fn from(decision: Decision) -> Self {
        Self(Kind::Known(decision))
    }
}

/// Allows, or hides: what is not allowed is not told either.
impl From<bool> for Decision {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Allow } else { Self::Hide }
    }
}

/// Allows, or hides: what is not allowed is not told either.
impl From<bool> for Ruling<'_> {
    fn from(allowed: bool) -> Self {
        Decision::from(allowed).into()
    }
}

impl fmt::Debug for Ruling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Known(decision) => decision.fmt(f),
            Kind::Failed(error) => error.fmt(f),
            Kind::Asked(_) => f.write_str("Asked"),
        }
    }
}
