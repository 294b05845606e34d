use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use cedar_policy::{EntityTypeName, EntityUid};

use super::Cedar;
use super::attributes::Attributes;
use super::engine::Use;
use crate::authz::PolicyError;
use crate::authz::object::{Action, ActionKind, Decision, ObjectPolicy, Ruling};
use crate::config::{ConfigError, Problems};
use crate::principal::Principal;

/// A type whose values are entities of a Cedar schema.
///
/// ```
/// use std::borrow::Cow;
/// use tower_warden::authz::cedar::{Attributes, Resource};
/// use tower_warden::principal::PrincipalKind;
///
/// struct Order {
///     id: u64,
///     tenant: String,
///     owner: (String, String),
/// }
///
/// impl Resource for Order {
///     const TYPE: &'static str = "Order";
///
///     fn id(&self) -> Cow<'_, str> {
///         self.id.to_string().into()
///     }
///
///     fn describe(&self, attributes: &mut Attributes<'_>) {
///         let (issuer, subject) = &self.owner;
///         attributes.string("tenant", &self.tenant).caller("owner", PrincipalKind::User, issuer, subject);
///     }
/// }
/// ```
pub trait Resource: Send + Sync + 'static {
    /// The entity type, as the schema declares it, within the adapter's namespace.
    const TYPE: &'static str;

    /// The entity's id, unique within its type.
    fn id(&self) -> Cow<'_, str>;

    /// Tells the attributes that the schema declares. One that it does not declare denies, as does one that it demands and
    /// that is missing here.
    fn describe(&self, attributes: &mut Attributes<'_>);
}

/// Builds a [`CedarObjects`].
#[must_use = "a builder makes nothing until `build`"]
pub struct CedarObjectsBuilder<T> {
    cedar: Cedar,
    actions: Vec<(ActionKind, String)>,
    denial: Decision,
    resource: PhantomData<fn(T)>,
}

impl<T: Resource> CedarObjectsBuilder<T> {
    pub(super) fn new(cedar: Cedar) -> Self {
        Self { cedar, actions: Vec::new(), denial: Decision::Hide, resource: PhantomData }
    }

    /// What this action is called in the schema. An action that is not named here is denied.
    pub fn action<A: Action>(mut self, name: impl Into<String>) -> Self {
        let kind = ActionKind::of::<A>();
        self.actions.retain(|(of, _)| *of != kind);
        self.actions.push((kind, name.into()));
        self
    }

    /// Answers denials with 403: callers may know that the object is there. Otherwise they are answered with 404.
    pub const fn forbid(mut self) -> Self {
        self.denial = Decision::Forbid;
        self
    }

    /// The object policy.
    ///
    /// # Errors
    ///
    /// If the schema declares no such type, or not these actions for callers and the type; or if no action was named.
    pub fn build(self) -> Result<CedarObjects<T>, ConfigError> {
        let mut problems = Problems::default();
        let Some(type_name) = self.cedar.engine().names.find(T::TYPE).cloned() else {
            return Err(ConfigError::new(T::TYPE, "the schema declares no such entity type"));
        };
        if self.actions.is_empty() {
            problems.add(T::TYPE, "no action is named, so everything would be denied");
        }
        let mut actions = Vec::new();
        for (kind, name) in self.actions {
            let Some(action) = problems.note(self.cedar.action(&name)) else { continue };
            let wanted =
                Use { action: action.clone(), resource: type_name.clone(), with_context: false };
            problems.note(self.cedar.register(wanted));
            actions.push((kind, action));
        }
        problems.into_result()?;
        let Self { cedar, denial, .. } = self;
        Ok(CedarObjects { cedar, type_name, actions, denial, resource: PhantomData })
    }
}

impl<T> fmt::Debug for CedarObjectsBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CedarObjectsBuilder")
            .field("actions", &self.actions)
            .finish_non_exhaustive()
    }
}

/// An object policy that asks Cedar.
pub struct CedarObjects<T> {
    cedar: Cedar,
    type_name: EntityTypeName,
    actions: Vec<(ActionKind, EntityUid)>,
    denial: Decision,
    resource: PhantomData<fn(T)>,
}

impl<T: Resource> ObjectPolicy<T> for CedarObjects<T> {
    fn judge<'a>(&'a self, caller: &'a Principal, action: ActionKind, object: &'a T) -> Ruling<'a> {
        let Some((_, uid)) = self.actions.iter().find(|(kind, _)| *kind == action) else {
            let problem = format!("{} has no Cedar action for {action}", T::TYPE);
            return Ruling::failed(PolicyError::new(problem));
        };
        let engine = self.cedar.engine();
        let caller = self.cedar.caller(&engine, caller);
        let known = match &caller.known {
            Ok(known) => known,
            Err(problem) => return Ruling::failed(PolicyError::new(problem.clone())),
        };
        match engine.ask_about(known, uid, &self.type_name, object) {
            Ok(true) => Ruling::allow(),
            Ok(false) => self.denial.into(),
            // As good as a denial: that a policy failed on the way must not tell that the object is there.
            Err(failure) if failure.denied => {
                tracing::error!(target: "tower_warden::authz", problem = ?failure.problem, "a Cedar policy failed");
                self.denial.into()
            }
            Err(failure) => Ruling::failed(PolicyError::new(failure.problem)),
        }
    }
}

impl<T> fmt::Debug for CedarObjects<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CedarObjects")
            .field("type", &self.type_name.to_string())
            .field("actions", &self.actions.iter().map(|(kind, _)| kind).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
