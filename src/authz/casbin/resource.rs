use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use super::Casbin;
use crate::authz::PolicyError;
use crate::authz::object::{ActionKind, Decision, ObjectPolicy, Ruling};
use crate::principal::Principal;

/// A type whose values are objects of casbin policies.
pub trait Resource: Send + Sync + 'static {
    /// The object as policies name it: `order:7`, or a kind of objects such as `orders`. What callers choose must not reach
    /// into it: no part that they wrote may look like the delimiter before another.
    fn object(&self) -> Cow<'_, str>;

    /// The tenant that it belongs to. Nobody else gets at it, whatever the policies say: they are asked about the caller's
    /// own tenant. `None` for what belongs to no tenant.
    fn tenant(&self) -> Option<&str>;
}

/// An object policy that asks a casbin enforcer.
pub struct CasbinObjects<T> {
    casbin: Casbin,
    denial: Decision,
    resource: PhantomData<fn(T)>,
}

impl<T: Resource> CasbinObjects<T> {
    pub(super) const fn new(casbin: Casbin) -> Self {
        Self { casbin, denial: Decision::Hide, resource: PhantomData }
    }

    /// Answers denials with 403: callers may know that the object is there. Otherwise, and for objects of other tenants, they
    /// are answered with 404.
    #[must_use]
    pub const fn forbid(mut self) -> Self {
        self.denial = Decision::Forbid;
        self
    }
}

impl<T: Resource> ObjectPolicy<T> for CasbinObjects<T> {
    fn judge<'a>(&'a self, caller: &'a Principal, action: ActionKind, object: &'a T) -> Ruling<'a> {
        if object.tenant().is_some_and(|tenant| caller.tenant() != Some(tenant)) {
            return Ruling::hide();
        }
        match self.casbin.ask(caller, &object.object(), action.name()) {
            Ok(true) => Ruling::allow(),
            Ok(false) => self.denial.into(),
            Err(error) => Ruling::failed(PolicyError::new(error)),
        }
    }
}

impl<T> fmt::Debug for CasbinObjects<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CasbinObjects").field("denial", &self.denial).finish_non_exhaustive()
    }
}
