use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Method;

use super::ask::Ask;
use super::resource::{CasbinObjects, Resource};
use crate::authz::policy::try_check;
use crate::authz::{Policy, PolicyError, RequestFacts};
use crate::config::ConfigError;
use crate::principal::{Principal, PrincipalKind};

/// What an enforcer answers.
pub type Answer = Result<bool, Box<dyn Error + Send + Sync>>;

type Enforce = dyn Fn(&Ask<'_>) -> Answer + Send + Sync;

/// An enforcer of the crate `casbin`, tried out, and exchanged while requests run. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Casbin(Arc<ArcSwap<Enforcer>>);

struct Enforcer(Box<Enforce>);

impl Casbin {
    /// Takes an enforcer as a closure that asks it, and tries it out.
    ///
    /// # Errors
    ///
    /// If the enforcer fails or panics when a stranger asks for something that nobody ever named: the closure hands over
    /// fields that the model does not have, or the matcher does not work. Or if it allows that: it is switched off, its
    /// effect allows what no policy denies, or its matcher does not look at the caller.
    pub fn new(
        enforce: impl Fn(&Ask<'_>) -> Answer + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(Enforcer::tried(Box::new(enforce))?))))
    }

    /// Puts another enforcer in the place of this one.
    ///
    /// Requests that are being decided are decided by the enforcer that they began with.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new). The enforcer from before then stays.
    pub fn reload(
        &self,
        enforce: impl Fn(&Ask<'_>) -> Answer + Send + Sync + 'static,
    ) -> Result<(), ConfigError> {
        let enforcer = Enforcer::tried(Box::new(enforce)).inspect_err(|error| {
            let problems = error.to_string();
            tracing::error!(target: "tower_warden::authz", ?problems, "casbin enforcer not exchanged");
        })?;
        self.0.store(Arc::new(enforcer));
        tracing::info!(target: "tower_warden::authz", "casbin enforcer exchanged");
        Ok(())
    }

    /// A route's policy: whether the caller may do this action to this object.
    #[must_use]
    pub fn policy(&self, object: &str, action: &str) -> Policy {
        let (casbin, name) = (self.clone(), format!("casbin {object} {action}"));
        let (object, action): (Box<str>, Box<str>) = (object.into(), action.into());
        try_check(&name, move |principal: &Principal, _: &RequestFacts<'_>| {
            casbin.ask(principal, &object, &action).map_err(PolicyError::new)
        })
    }

    /// A route's policy: whether the caller may use its method on its pattern, such as `GET` on `/orders/{id}`.
    ///
    /// The pattern is that of the rule, not the path that the caller wrote. HEAD is asked about as GET, of which it tells all
    /// but the body (RFC 9110 9.3.2): a policy that denies one denies both.
    #[must_use]
    pub fn route_policy(&self) -> Policy {
        let casbin = self.clone();
        try_check("casbin route", move |principal: &Principal, request: &RequestFacts<'_>| {
            let method =
                if request.method() == Method::HEAD { &Method::GET } else { request.method() };
            casbin.ask(principal, request.pattern(), method.as_str()).map_err(PolicyError::new)
        })
    }

    /// An object policy for a type that says which casbin object it is. Actions have their own names: `read`, `delete`.
    #[must_use]
    pub fn objects<T: Resource>(&self) -> CasbinObjects<T> {
        CasbinObjects::new(self.clone())
    }

    /// Asks the enforcer that is in force now.
    pub(super) fn ask(&self, caller: &Principal, object: &str, action: &str) -> Answer {
        (self.0.load().0)(&Ask::new(caller, object, action))
    }
}

impl Enforcer {
    fn tried(enforce: Box<Enforce>) -> Result<Self, ConfigError> {
        const CULPRIT: &str = "casbin enforcer";
        // Names that no policy has: made up now, and nobody can have written them down before.
        let nobody = |of: u8| format!("{:016x}", RandomState::new().hash_one(of));
        let stranger =
            Principal::builder("https://stranger.invalid", nobody(0), PrincipalKind::User, "none");
        let stranger = stranger.tenant(nobody(1)).build();
        let (object, action) = (nobody(2), nobody(3));
        let ask = Ask::new(&stranger, &object, &action);
        // The closure has shared references only; what it broke behind a lock of its own is for that lock to tell.
        match catch_unwind(AssertUnwindSafe(|| enforce(&ask))) {
            Ok(Ok(false)) => Ok(Self(enforce)),
            Ok(Ok(true)) => Err(ConfigError::new(
                CULPRIT,
                "allows a stranger something that no policy names: is it enabled?",
            )),
            Ok(Err(error)) => Err(ConfigError::new(CULPRIT, format!("cannot be asked: {error}"))),
            Err(_) => Err(ConfigError::new(CULPRIT, "panics when it is asked")),
        }
    }
}

impl fmt::Debug for Casbin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Casbin").finish_non_exhaustive()
    }
}
