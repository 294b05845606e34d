//! Principals as entities, and those that were seen lately.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, Schema};
use quick_cache::sync::Cache;

use super::attributes::{Attributes, Names};
use super::schema::told;
use crate::authz::caller_id;
use crate::principal::{Principal, PrincipalKind};

/// A claim of the token and the attribute that it becomes.
#[derive(Clone, Debug)]
pub(super) struct ClaimAttribute {
    pub(super) claim: String,
    pub(super) attribute: String,
}

/// What the schema wants to know of callers of one kind.
#[derive(Debug)]
pub(super) struct CallerShape {
    pub(super) type_name: EntityTypeName,
    pub(super) attributes: Vec<String>,
    pub(super) role_type: Option<EntityTypeName>,
}

/// The attributes that every principal can have.
pub(super) const ATTRIBUTES: [&str; 9] =
    ["acr", "client_id", "issuer", "kind", "plan", "roles", "scopes", "subject", "tenant"];

/// A principal as Cedar sees it, and what was decided about it.
pub(super) struct Caller {
    principal: Principal,
    /// Its entity with those that every request needs; or why it is none.
    pub(super) known: Result<Known, String>,
    decisions: Box<[AtomicU8]>,
}

pub(super) struct Known {
    pub(super) uid: EntityUid,
    pub(super) entities: Entities,
}

const ALLOWED: u8 = 1;
const DENIED: u8 = 2;

impl Caller {
    /// What was decided for this route policy before.
    pub(super) fn decided(&self, slot: usize) -> Option<bool> {
        match self.decisions.get(slot)?.load(Ordering::Relaxed) {
            ALLOWED => Some(true),
            DENIED => Some(false),
            _ => None,
        }
    }

    pub(super) fn remember(&self, slot: usize, allowed: bool) {
        if let Some(decision) = self.decisions.get(slot) {
            decision.store(if allowed { ALLOWED } else { DENIED }, Ordering::Relaxed);
        }
    }
}

/// The callers seen lately, each as the entity that it was found to be. Belongs to one version of policies and schema.
pub(super) struct Callers {
    lately: Option<Cache<u64, Arc<Caller>>>,
    hasher: RandomState,
}

impl Callers {
    pub(super) fn new(capacity: usize) -> Self {
        let lately = (capacity > 0).then(|| Cache::new(capacity));
        Self { lately, hasher: RandomState::new() }
    }

    /// The caller that this principal is, made with `make` unless this very principal was seen lately.
    pub(super) fn find(
        &self,
        principal: &Principal,
        slots: usize,
        make: impl FnOnce() -> Result<Known, String>,
    ) -> Arc<Caller> {
        let place = self.place(principal);
        let found = self.lately.as_ref().and_then(|lately| lately.get(&place));
        // Everything has to be the same, not the identity alone: scopes and claims are attributes too.
        if let Some(caller) = found.filter(|caller| caller.principal.is_same(principal)) {
            return caller;
        }
        let decisions = (0..slots).map(|_| AtomicU8::new(0)).collect();
        let caller = Arc::new(Caller { principal: principal.clone(), known: make(), decisions });
        if let Some(lately) = &self.lately {
            lately.insert(place, Arc::clone(&caller));
        }
        caller
    }

    fn place(&self, principal: &Principal) -> u64 {
        let (issuer, subject) = principal.identity();
        self.hasher.hash_one((issuer, subject, principal.tenant(), principal.expires_at()))
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers")
            .field("remembered", &self.lately.as_ref().map_or(0, Cache::len))
            .finish_non_exhaustive()
    }
}

/// The entity of a principal: its identity, the attributes that the schema declares, and its roles as parents.
pub(super) fn entity(
    principal: &Principal,
    shape: &CallerShape,
    claims: &[ClaimAttribute],
    names: &Names,
    schema: &Schema,
) -> Result<(EntityUid, Entity), String> {
    let mut attributes = Attributes::new(names);
    let wanted = |name: &str| shape.attributes.iter().any(|attribute| attribute == name);
    for name in ATTRIBUTES.into_iter().filter(|name| wanted(name)) {
        standard(&mut attributes, name, principal);
    }
    for ClaimAttribute { claim, attribute } in
        claims.iter().filter(|claim| wanted(&claim.attribute))
    {
        if let Some(value) = principal.claims().get(claim) {
            attributes.json(attribute, value);
        }
    }
    let (values, _) = attributes.finish()?;
    let (issuer, subject) = principal.identity();
    let id = EntityId::new(caller_id(issuer, subject));
    let uid = EntityUid::from_type_name_and_id(shape.type_name.clone(), id);
    let parents: HashSet<_> =
        shape.role_type.iter().flat_map(|role_type| roles(principal, role_type)).collect();
    let entity =
        Entity::new_with_tags(uid.clone(), values, parents, []).map_err(|error| told(&error))?;
    // Cedar names the caller in what it says here; that goes to the log.
    Entities::empty().add_entities([entity.clone()], Some(schema)).map_err(|error| told(&error))?;
    Ok((uid, entity))
}

fn roles(principal: &Principal, role_type: &EntityTypeName) -> impl Iterator<Item = EntityUid> {
    principal
        .roles()
        .map(|role| EntityUid::from_type_name_and_id(role_type.clone(), EntityId::new(role)))
}

fn standard(attributes: &mut Attributes<'_>, name: &str, principal: &Principal) {
    let text = match name {
        "acr" => principal.assurance().acr.as_deref(),
        "client_id" => principal.client_id(),
        "issuer" => Some(principal.issuer()),
        "kind" => Some(match principal.kind() {
            PrincipalKind::App => "app",
            PrincipalKind::Machine => "machine",
            PrincipalKind::User => "user",
        }),
        "plan" => principal.plan(),
        "subject" => Some(principal.subject()),
        "tenant" => principal.tenant(),
        "roles" => {
            attributes.strings(name, principal.roles());
            None
        }
        "scopes" => {
            attributes.strings(name, principal.scopes().iter());
            None
        }
        _ => None,
    };
    if let Some(text) = text {
        attributes.string(name, text);
    }
}
