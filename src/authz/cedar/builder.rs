use std::fmt;

use super::Cedar;
use super::callers::ClaimAttribute;
use crate::config::{ConfigError, Problems};
use crate::principal::PrincipalKind;

/// How many callers are remembered unless told otherwise.
const REMEMBERED_CALLERS: usize = 1024;

/// How principals, routes and Cedar's words for them belong together.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) namespace: String,
    pub(super) service: Option<(String, String)>,
    pub(super) role_type: String,
    pub(super) claims: Vec<ClaimAttribute>,
    pub(super) remembered_callers: usize,
    caller_types: Vec<(PrincipalKind, String)>,
}

impl Settings {
    /// The entity type of callers of this kind, and whether it was asked for.
    pub(super) fn caller_type(&self, kind: PrincipalKind) -> (String, bool) {
        let asked = self.caller_types.iter().find(|(of, _)| *of == kind);
        asked.map_or_else(|| (format!("{kind:?}"), false), |(_, name)| (name.clone(), true))
    }
}

/// Builds a [`Cedar`] from policies and a schema.
#[must_use = "a builder makes nothing until `build`"]
pub struct CedarBuilder {
    policies: Option<String>,
    schema: Option<String>,
    settings: Settings,
}

impl CedarBuilder {
    pub(super) fn new() -> Self {
        let settings = Settings {
            namespace: String::new(),
            service: None,
            role_type: "Role".to_owned(),
            claims: Vec::new(),
            remembered_callers: REMEMBERED_CALLERS,
            caller_types: Vec::new(),
        };
        Self { policies: None, schema: None, settings }
    }

    /// The policies, in Cedar's syntax. Required.
    pub fn policies(mut self, text: impl Into<String>) -> Self {
        self.policies = Some(text.into());
        self
    }

    /// The schema, in Cedar's syntax or in its JSON form. Required: without one, a policy that misspells an attribute is
    /// found when it fails to forbid.
    pub fn schema(mut self, text: impl Into<String>) -> Self {
        self.schema = Some(text.into());
        self
    }

    /// The namespace that names of types and actions belong to, unless they name one themselves. None by default.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// The resource that routes are: what `resource` is where [`Cedar::policy`] asks.
    pub fn service(mut self, type_name: impl Into<String>, id: impl Into<String>) -> Self {
        self.settings.service = Some((type_name.into(), id.into()));
        self
    }

    /// The entity type of callers of one kind. By default `User`, `Machine` and `App`, as far as the schema declares them;
    /// a caller without a type is denied.
    pub fn caller_type(mut self, kind: PrincipalKind, type_name: impl Into<String>) -> Self {
        self.settings.caller_types.retain(|(of, _)| *of != kind);
        self.settings.caller_types.push((kind, type_name.into()));
        self
    }

    /// The entity type of roles, `Role` by default. Callers are members of their roles where the schema says that they can
    /// be: `entity User in [Role]`.
    pub fn role_type(mut self, type_name: impl Into<String>) -> Self {
        self.settings.role_type = type_name.into();
        self
    }

    /// Gives callers an attribute from the claim of that name.
    pub fn claim(self, name: &str) -> Self {
        self.claim_as(name, name)
    }

    /// Gives callers an attribute from a claim of another name.
    pub fn claim_as(mut self, claim: &str, attribute: &str) -> Self {
        self.settings
            .claims
            .push(ClaimAttribute { claim: claim.to_owned(), attribute: attribute.to_owned() });
        self
    }

    /// How many callers are remembered as entities, 1024 by default. An entry takes a few kilobytes; 0 remembers nobody.
    pub const fn remember_callers(mut self, callers: usize) -> Self {
        self.settings.remembered_callers = callers;
        self
    }

    /// Reads policies and schema, and checks them against each other and against what callers are made of.
    ///
    /// # Errors
    ///
    /// Everything that Cedar's parser and validator find, warnings too; a template that nothing links; a type that the schema
    /// does not declare; an attribute of callers that it demands and no caller has.
    pub fn build(self) -> Result<Cedar, ConfigError> {
        let mut problems = Problems::default();
        if self.policies.is_none() {
            problems.add("Cedar", "policies are missing");
        }
        if self.schema.is_none() {
            problems.add("Cedar", "a schema is missing");
        }
        for (index, claim) in self.settings.claims.iter().enumerate() {
            let attribute = &claim.attribute;
            let again =
                self.settings.claims[..index].iter().any(|earlier| earlier.attribute == *attribute);
            if again || super::callers::ATTRIBUTES.contains(&attribute.as_str()) {
                problems.add(
                    format!("claim {:?}", claim.claim),
                    format!("the attribute {attribute} is taken"),
                );
            }
        }
        problems.into_result()?;
        Cedar::new(
            self.settings,
            &self.policies.unwrap_or_default(),
            self.schema.unwrap_or_default(),
        )
    }
}

impl fmt::Debug for CedarBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CedarBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
