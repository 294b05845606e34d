//! One version of policies and schema, checked against each other and against what the adapter asks them.

use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, Schema,
};

use super::attributes::{Attributes, Names, place};
use super::builder::Settings;
use super::callers::{Caller, CallerShape, Callers, Known, entity};
use super::checks::{KINDS, grouped_actions, names, read_policies, sample, shape, validate};
use super::resource::Resource;
use super::schema::{Declarations, qualified, told};
use crate::config::{ConfigError, Problems};
use crate::principal::Principal;

/// What the adapter asks of policies: checked with each version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Use {
    pub(super) action: EntityUid,
    pub(super) resource: EntityTypeName,
    /// Whether the context is filled in for each request; otherwise it is empty.
    pub(super) with_context: bool,
}

/// Why Cedar's answer is none.
#[derive(Debug)]
pub(super) struct Failure {
    /// Whether Cedar denies anyway.
    pub(super) denied: bool,
    pub(super) problem: String,
}

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self { denied: false, problem }
    }
}

#[derive(Debug)]
pub(super) struct Engine {
    authorizer: Authorizer,
    policies: PolicySet,
    schema: Schema,
    pub(super) names: Names,
    shapes: [Option<CallerShape>; 3],
    /// The actions that are members of others, which `action in` has to see.
    grouped_actions: Vec<Entity>,
    callers: Callers,
}

impl Engine {
    /// Reads and checks everything. Lists all that is wrong.
    pub(super) fn read(
        settings: &Settings,
        policies: &str,
        schema: &str,
        uses: &[Use],
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let policies = read_policies(policies, &mut problems);
        let declared = Declarations::read(schema, &mut problems);
        let (Some(policies), Some(declared)) = (policies, declared) else {
            return Err(problems
                .into_result()
                .err()
                .unwrap_or_else(|| ConfigError::new("Cedar", "unreadable")));
        };
        validate(&policies, &declared.schema, &mut problems);
        let names = names(settings, &declared.schema, &mut problems);
        let shapes = KINDS.map(|kind| shape(kind, settings, &declared, &names, &mut problems));
        let grouped_actions = grouped_actions(&declared.schema, &mut problems);
        let engine = Self {
            authorizer: Authorizer::new(),
            policies,
            schema: declared.schema.clone(),
            names,
            shapes,
            grouped_actions,
            callers: Callers::new(settings.remembered_callers),
        };
        for kind in KINDS {
            let declared = declared.caller_shape(kind, settings);
            let (Some(shape), Some(sample)) =
                (&engine.shapes[place(kind)], sample(kind, settings, &declared))
            else {
                continue;
            };
            let made = entity(&sample, shape, &settings.claims, &engine.names, &engine.schema);
            if let Err(problem) = made {
                problems.add(
                    shape.type_name.to_string(),
                    format!("is not what callers are made of: {problem}"),
                );
            }
        }
        for asked in uses {
            engine.check_use(asked, &mut problems);
        }
        problems.into_result().map(|()| engine)
    }

    /// Whether the schema knows of this question, for callers of some kind at least.
    pub(super) fn check_use(&self, asked: &Use, problems: &mut Problems) {
        let culprit = asked.action.to_string();
        if !self.schema.actions().any(|action| *action == asked.action) {
            return problems.add(culprit, "the schema declares no such action");
        }
        if self.names.find(&asked.resource.to_string()).is_none() {
            return problems
                .add(culprit, format!("the schema declares no entity type {}", asked.resource));
        }
        let mut refused = None;
        for caller in self.names.callers.iter().flatten() {
            let named = |name: &EntityTypeName| {
                EntityUid::from_type_name_and_id(name.clone(), EntityId::new("sample"))
            };
            let (principal, resource) = (named(caller), named(&asked.resource));
            let checked = if asked.with_context {
                cedar_policy::validate_scope_variables(
                    &principal,
                    &asked.action,
                    &resource,
                    &self.schema,
                )
            } else {
                let context = Context::empty();
                Request::new(principal, asked.action.clone(), resource, context, Some(&self.schema))
                    .map(|_| ())
            };
            match checked {
                Ok(()) => return,
                Err(error) => refused = Some(told(&error)),
            }
        }
        problems.add(culprit, refused.unwrap_or_else(|| "no caller could ever ask it".to_owned()));
    }

    /// The caller that a principal is; `slots` is how many decisions are worth to be remembered with it.
    pub(super) fn caller(
        &self,
        principal: &Principal,
        settings: &Settings,
        slots: usize,
    ) -> Arc<Caller> {
        self.callers.find(principal, slots, || self.known(principal, settings))
    }

    fn known(&self, principal: &Principal, settings: &Settings) -> Result<Known, String> {
        let shape = self.shapes[place(principal.kind())].as_ref();
        let shape = shape.ok_or_else(|| {
            format!("the schema declares no type for {:?} callers", principal.kind())
        })?;
        let (uid, entity) = entity(principal, shape, &settings.claims, &self.names, &self.schema)?;
        let entities = self.grouped_actions.iter().cloned().chain([entity]);
        let entities = Entities::from_entities(entities, None).map_err(|error| told(&error))?;
        Ok(Known { uid, entities })
    }

    /// Asks the policies about a caller and something without attributes of its own.
    pub(super) fn ask(
        &self,
        caller: &Known,
        action: &EntityUid,
        resource: &EntityUid,
        context: Context,
    ) -> Result<bool, Failure> {
        self.decide(caller, action, resource.clone(), context, &caller.entities)
    }

    /// Asks the policies about a caller and a resource of theirs.
    pub(super) fn ask_about<T: Resource>(
        &self,
        caller: &Known,
        action: &EntityUid,
        type_name: &EntityTypeName,
        resource: &T,
    ) -> Result<bool, Failure> {
        let mut attributes = Attributes::new(&self.names);
        resource.describe(&mut attributes);
        let (values, parents) = attributes.finish()?;
        let uid = EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(resource.id()));
        let entity = Entity::new_with_tags(uid.clone(), values, parents, [])
            .map_err(|error| told(&error))?;
        let entities = caller.entities.clone().add_entities([entity], Some(&self.schema));
        let entities = entities.map_err(|error| told(&error))?;
        self.decide(caller, action, uid, Context::empty(), &entities)
    }

    fn decide(
        &self,
        caller: &Known,
        action: &EntityUid,
        resource: EntityUid,
        context: Context,
        entities: &Entities,
    ) -> Result<bool, Failure> {
        let request =
            Request::new(caller.uid.clone(), action.clone(), resource, context, Some(&self.schema));
        let request = request.map_err(|error| told(&error))?;
        let response = self.authorizer.is_authorized(&request, &self.policies, entities);
        let allowed = response.decision() == Decision::Allow;
        if tracing::enabled!(target: "tower_warden::authz", tracing::Level::DEBUG) {
            let policies: Vec<_> =
                response.diagnostics().reason().map(|id| self.policy_name(id)).collect();
            let action = action.to_string();
            tracing::debug!(target: "tower_warden::authz", ?action, allowed, ?policies, "Cedar decided");
        }
        // Cedar goes on without a policy that fails. One that forbids would then be missing where it is needed.
        match response.diagnostics().errors().next() {
            Some(error) => Err(Failure { denied: !allowed, problem: told(error) }),
            None => Ok(allowed),
        }
    }

    /// A policy's annotation `@id("..")`, or the number that Cedar gave it.
    fn policy_name<'e>(&'e self, id: &'e PolicyId) -> &'e str {
        self.policies.annotation(id, "id").unwrap_or_else(|| id.as_ref())
    }
}

/// An action of the namespace that the adapter works in.
pub(super) fn action_uid(namespace: &str, action: &str) -> Result<EntityUid, String> {
    let type_name =
        EntityTypeName::from_str(&qualified(namespace, "Action")).map_err(|error| told(&error))?;
    Ok(EntityUid::from_type_name_and_id(type_name, EntityId::new(action)))
}
