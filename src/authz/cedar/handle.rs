use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use cedar_policy::{Context, EntityId, EntityUid};

use super::attributes::Attributes;
use super::builder::{CedarBuilder, Settings};
use super::callers::Caller;
use super::engine::{Engine, Use, action_uid};
use super::resource::{CedarObjectsBuilder, Resource};
use crate::authz::policy::try_check;
use crate::authz::{Policy, PolicyError, RequestFacts};
use crate::config::{ConfigError, Problems};
use crate::principal::Principal;

/// Cedar policies and their schema, checked, and exchanged while requests run. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Cedar(Arc<Inner>);

struct Inner {
    settings: Settings,
    engine: ArcSwap<Engine>,
    /// What has to hold in every version: nobody is added while another version is read.
    asked: Mutex<Asked>,
    /// How many decisions are remembered with a caller: one for each place in `Asked::uses` up to the last route policy whose
    /// decision depends on the caller alone.
    slots: AtomicUsize,
}

struct Asked {
    schema: String,
    uses: Vec<Use>,
}

impl Cedar {
    /// Starts with nothing: policies and a schema are required.
    pub fn builder() -> CedarBuilder {
        CedarBuilder::new()
    }

    pub(super) fn new(
        settings: Settings,
        policies: &str,
        schema: String,
    ) -> Result<Self, ConfigError> {
        let engine = ArcSwap::from_pointee(Engine::read(&settings, policies, &schema, &[])?);
        let asked = Mutex::new(Asked { schema, uses: Vec::new() });
        Ok(Self(Arc::new(Inner { settings, engine, asked, slots: AtomicUsize::new(0) })))
    }

    /// A route's policy: whether the caller may do this action to the service (see [`CedarBuilder::service`]), with an empty
    /// context.
    ///
    /// The answer depends on the caller alone, so it is remembered with the caller.
    ///
    /// # Errors
    ///
    /// If no service was named, or if the schema does not declare the action for callers and the service.
    pub fn policy(&self, action: &str) -> Result<Policy, ConfigError> {
        let (action_uid, service, slot) = self.register_route(action, false)?;
        self.0.slots.fetch_max(slot + 1, Ordering::Relaxed);
        let cedar = self.clone();
        let judge = move |principal: &Principal, _: &RequestFacts<'_>| {
            let engine = cedar.engine();
            let caller = cedar.caller(&engine, principal);
            if let Some(allowed) = caller.decided(slot) {
                return Ok(allowed);
            }
            let known =
                caller.known.as_ref().map_err(|problem| PolicyError::new(problem.clone()))?;
            let allowed = engine
                .ask(known, &action_uid, &service, Context::empty())
                .map_err(|failure| PolicyError::new(failure.problem))?;
            caller.remember(slot, allowed);
            Ok(allowed)
        };
        Ok(try_check(&format!("cedar {action}"), judge))
    }

    /// As [`policy`](Self::policy), with a context that is made for each request.
    ///
    /// # Errors
    ///
    /// As [`policy`](Self::policy).
    pub fn policy_in_context(
        &self,
        action: &str,
        describe: impl Fn(&Principal, &RequestFacts<'_>, &mut Attributes<'_>) + Send + Sync + 'static,
    ) -> Result<Policy, ConfigError> {
        let (action_uid, service, _) = self.register_route(action, true)?;
        let cedar = self.clone();
        let judge = move |principal: &Principal, request: &RequestFacts<'_>| {
            let engine = cedar.engine();
            let caller = cedar.caller(&engine, principal);
            let known =
                caller.known.as_ref().map_err(|problem| PolicyError::new(problem.clone()))?;
            let mut attributes = Attributes::new(&engine.names);
            describe(principal, request, &mut attributes);
            let context = attributes.into_context().map_err(PolicyError::new)?;
            let decided = engine.ask(known, &action_uid, &service, context);
            decided.map_err(|failure| PolicyError::new(failure.problem))
        };
        Ok(try_check(&format!("cedar {action}"), judge))
    }

    /// Starts an object policy for a type that says how it is a Cedar entity.
    pub fn objects<T: Resource>(&self) -> CedarObjectsBuilder<T> {
        CedarObjectsBuilder::new(self.clone())
    }

    /// Puts other policies in the place of these, with the same schema.
    ///
    /// Requests that are being decided are decided by the version that they began with; those that come later by the new one.
    /// Nothing that was remembered of callers is kept.
    ///
    /// # Errors
    ///
    /// As [`CedarBuilder::build`], and if something that is asked of the policies is not in the schema. The policies from
    /// before then stay in force.
    pub fn reload(&self, policies: &str) -> Result<(), ConfigError> {
        let mut asked = self.asked();
        let schema = asked.schema.clone();
        self.exchange(&mut asked, policies, schema)
    }

    /// Puts other policies and another schema in the place of these, both at once.
    ///
    /// # Errors
    ///
    /// As [`reload`](Self::reload).
    pub fn reload_with_schema(
        &self,
        policies: &str,
        schema: impl Into<String>,
    ) -> Result<(), ConfigError> {
        let mut asked = self.asked();
        self.exchange(&mut asked, policies, schema.into())
    }

    fn exchange(
        &self,
        asked: &mut Asked,
        policies: &str,
        schema: String,
    ) -> Result<(), ConfigError> {
        let engine = Engine::read(&self.0.settings, policies, &schema, &asked.uses).inspect_err(|error| {
            let problems = error.to_string();
            tracing::error!(target: "tower_warden::authz", ?problems, "Cedar policies not reloaded");
        })?;
        asked.schema = schema;
        self.0.engine.store(Arc::new(engine));
        tracing::info!(target: "tower_warden::authz", "Cedar policies reloaded");
        Ok(())
    }

    /// Notes what is going to be asked, unless this version has no answer to it. Tells its place: the same question, asked
    /// for again, has the same.
    pub(super) fn register(&self, wanted: Use) -> Result<usize, ConfigError> {
        let mut asked = self.asked();
        let mut problems = Problems::default();
        self.0.engine.load().check_use(&wanted, &mut problems);
        problems.into_result()?;
        let known = asked.uses.iter().position(|known| *known == wanted);
        Ok(known.unwrap_or_else(|| {
            asked.uses.push(wanted);
            asked.uses.len() - 1
        }))
    }

    fn register_route(
        &self,
        action: &str,
        with_context: bool,
    ) -> Result<(EntityUid, EntityUid, usize), ConfigError> {
        let Some((type_name, id)) = &self.0.settings.service else {
            return Err(ConfigError::new(
                format!("cedar {action}"),
                "which service the route belongs to is missing",
            ));
        };
        let action = self.action(action)?;
        let Some(resource) = self.engine().names.find(type_name).cloned() else {
            return Err(ConfigError::new(
                "service",
                format!("the schema declares no entity type {type_name}"),
            ));
        };
        let wanted = Use { action: action.clone(), resource: resource.clone(), with_context };
        let place = self.register(wanted)?;
        Ok((action, EntityUid::from_type_name_and_id(resource, EntityId::new(id)), place))
    }

    pub(super) fn action(&self, action: &str) -> Result<EntityUid, ConfigError> {
        action_uid(&self.0.settings.namespace, action)
            .map_err(|problem| ConfigError::new("Cedar namespace", problem))
    }

    pub(super) fn engine(&self) -> arc_swap::Guard<Arc<Engine>> {
        self.0.engine.load()
    }

    /// The caller that a principal is to this version.
    pub(super) fn caller(&self, engine: &Engine, principal: &Principal) -> Arc<Caller> {
        engine.caller(principal, &self.0.settings, self.0.slots.load(Ordering::Relaxed))
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        // Whoever panicked here left whole values behind.
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cedar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cedar").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_made_again_and_again_takes_up_no_more_room() {
        let cedar = Cedar::builder()
            .service("Service", "orders")
            .schema(
                "entity User; entity Service;
                 action list, count appliesTo { principal: [User], resource: [Service] };",
            )
            .policies("permit (principal, action, resource);")
            .build()
            .unwrap();
        for _ in 0..100 {
            cedar.policy("list").unwrap();
            cedar.policy("count").unwrap();
        }
        assert_eq!(cedar.0.slots.load(Ordering::Relaxed), 2);
        assert_eq!(cedar.asked().uses.len(), 2);
    }
}
