//! What of policies, schema and settings can be checked and found out before anybody calls.

use std::str::FromStr;

use cedar_policy::{Entity, PolicySet, Schema, ValidationMode, Validator};
use serde_json::Map;

use super::attributes::{Names, place};
use super::builder::Settings;
use super::callers::{ATTRIBUTES, CallerShape};
use super::schema::{Declarations, Shape, qualified, told};
use crate::config::Problems;
use crate::principal::{Assurance, Principal, PrincipalKind};

pub(super) const KINDS: [PrincipalKind; 3] =
    [PrincipalKind::App, PrincipalKind::Machine, PrincipalKind::User];

pub(super) fn read_policies(text: &str, problems: &mut Problems) -> Option<PolicySet> {
    match PolicySet::from_str(text) {
        Ok(policies) => {
            for template in policies.templates() {
                let name = policies
                    .template_annotation(template.id(), "id")
                    .unwrap_or_else(|| template.id().as_ref());
                problems
                    .add(format!("Cedar policy {name:?}"), "is a template, and nothing links it");
            }
            if policies.is_empty() {
                problems.add("Cedar policies", "there is none, so nobody would be let in");
            }
            Some(policies)
        }
        Err(errors) => {
            for error in errors.iter() {
                problems.add("Cedar policies", told(error));
            }
            None
        }
    }
}

pub(super) fn validate(policies: &PolicySet, schema: &Schema, problems: &mut Problems) {
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::default());
    for error in result.validation_errors() {
        problems.add("Cedar policies", told(error));
    }
    for warning in result.validation_warnings() {
        problems.add("Cedar policies", told(warning));
    }
}

pub(super) fn names(settings: &Settings, schema: &Schema, problems: &mut Problems) -> Names {
    let mut names = Names { namespace: settings.namespace.clone(), ..Names::default() };
    for type_name in schema.entity_types() {
        names.take(type_name);
    }
    for kind in KINDS {
        let (name, demanded) = settings.caller_type(kind);
        let found = names.find(&name).cloned();
        if found.is_none() && demanded {
            problems.add(
                format!("{kind:?} callers"),
                format!("the schema declares no entity type {name}"),
            );
        }
        names.callers[place(kind)] = found;
    }
    if names.callers.iter().all(Option::is_none) {
        problems.add(
            "Cedar schema",
            "declares no entity type that a caller could be: User, Machine or App",
        );
    }
    if let Some((type_name, _)) = &settings.service
        && names.find(type_name).is_none()
    {
        problems.add("service", format!("the schema declares no entity type {type_name}"));
    }
    names
}

pub(super) fn shape(
    kind: PrincipalKind,
    settings: &Settings,
    declared: &Declarations,
    names: &Names,
    problems: &mut Problems,
) -> Option<CallerShape> {
    let type_name = names.caller(kind)?.clone();
    let shape = declared.shape(&type_name.to_string()).unwrap_or_default();
    let known = |name: &str| {
        ATTRIBUTES.contains(&name) || settings.claims.iter().any(|claim| claim.attribute == name)
    };
    for attribute in
        shape.attributes.iter().filter(|attribute| attribute.required && !known(&attribute.name))
    {
        let problem =
            format!("no caller has the attribute {}: name the claim that it is", attribute.name);
        problems.add(type_name.to_string(), problem);
    }
    let role_type = qualified(&settings.namespace, &settings.role_type);
    let is_member =
        shape.parents.iter().any(|parent| *parent == role_type || *parent == settings.role_type);
    let role_type = is_member.then(|| names.find(&settings.role_type).cloned()).flatten();
    let attributes = shape.attributes.into_iter().map(|attribute| attribute.name).collect();
    Some(CallerShape { type_name, attributes, role_type })
}

pub(super) fn grouped_actions(schema: &Schema, problems: &mut Problems) -> Vec<Entity> {
    match schema.action_entities() {
        Ok(actions) => {
            let grouped = |action: &&Entity| {
                actions.ancestors(&action.uid()).is_some_and(|mut all| all.next().is_some())
            };
            actions.iter().filter(grouped).cloned().collect()
        }
        Err(error) => {
            problems.add("Cedar schema", told(&error));
            Vec::new()
        }
    }
}

impl Declarations {
    /// What is declared of callers of this kind.
    pub(super) fn caller_shape(&self, kind: PrincipalKind, settings: &Settings) -> Shape {
        let (name, _) = settings.caller_type(kind);
        self.shape(&qualified(&settings.namespace, &name)).unwrap_or_default()
    }
}

/// A caller of whom everything is known. `None` where no sample of a claim that the schema demands is easily made: then there
/// is no telling before a token comes.
pub(super) fn sample(
    kind: PrincipalKind,
    settings: &Settings,
    declared: &Shape,
) -> Option<Principal> {
    let mut claims = Map::new();
    for attribute in &declared.attributes {
        let claim = settings.claims.iter().find(|claim| claim.attribute == attribute.name);
        match (claim, &attribute.sample) {
            (Some(claim), Some(sample)) => _ = claims.insert(claim.claim.clone(), sample.clone()),
            (Some(_), None) if attribute.required => return None,
            _ => {}
        }
    }
    let assurance = Assurance { acr: Some("sample".to_owned()), ..Assurance::default() };
    let sample = Principal::builder("sample", "sample", kind, "sample")
        .scope("sample")
        .role("sample")
        .tenant("sample")
        .client_id("sample")
        .plan("sample")
        .assurance(assurance)
        .claims(claims);
    Some(sample.build())
}
