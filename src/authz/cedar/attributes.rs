use std::collections::{HashMap, HashSet};
use std::fmt;

use cedar_policy::{Context, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use serde_json::Value;

use super::schema::{qualified, told};
use crate::authz::caller_id;
use crate::principal::PrincipalKind;

/// The entity types of a schema, and which of them callers are.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) namespace: String,
    pub(super) types: HashMap<String, EntityTypeName>,
    /// Of app, machine and user.
    pub(super) callers: [Option<EntityTypeName>; 3],
}

impl Names {
    pub(super) fn find(&self, name: &str) -> Option<&EntityTypeName> {
        // Most names stand without their namespace, and there are few namespaces: both forms are in the map.
        self.types.get(name)
    }

    /// Takes a type under its full name, and under its short one where it is of the adapter's own namespace.
    pub(super) fn take(&mut self, type_name: &EntityTypeName) {
        let full = type_name.to_string();
        let short = type_name.basename().to_owned();
        if qualified(&self.namespace, &short) == full {
            self.types.insert(short, type_name.clone());
        }
        self.types.insert(full, type_name.clone());
    }

    pub(super) fn caller(&self, kind: PrincipalKind) -> Option<&EntityTypeName> {
        self.callers[place(kind)].as_ref()
    }
}

pub(super) const fn place(kind: PrincipalKind) -> usize {
    match kind {
        PrincipalKind::App => 0,
        PrincipalKind::Machine => 1,
        PrincipalKind::User => 2,
    }
}

/// Values by name, and parents.
type Finished = (Vec<(String, RestrictedExpression)>, HashSet<EntityUid>);

/// What Cedar is told of a resource, or of the context of a request.
///
/// Values are values and never policy text: nothing that a caller wrote can become anything else. Names of types are those
/// of the schema, within the adapter's namespace or in full.
pub struct Attributes<'n> {
    names: &'n Names,
    pub(super) values: Vec<(String, RestrictedExpression)>,
    pub(super) parents: HashSet<EntityUid>,
    problem: Option<String>,
}

impl<'n> Attributes<'n> {
    pub(super) fn new(names: &'n Names) -> Self {
        Self { names, values: Vec::new(), parents: HashSet::new(), problem: None }
    }

    /// A `String`.
    pub fn string(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.put(name, RestrictedExpression::new_string(value.into()))
    }

    /// A `Set<String>`.
    pub fn strings<V: Into<String>>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        let values = values.into_iter().map(|value| RestrictedExpression::new_string(value.into()));
        self.put(name, RestrictedExpression::new_set(values))
    }

    /// A `Long`.
    pub fn long(&mut self, name: &str, value: i64) -> &mut Self {
        self.put(name, RestrictedExpression::new_long(value))
    }

    /// A `Bool`.
    pub fn bool(&mut self, name: &str, value: bool) -> &mut Self {
        self.put(name, RestrictedExpression::new_bool(value))
    }

    /// An entity of this type.
    pub fn entity(&mut self, name: &str, type_name: &str, id: &str) -> &mut Self {
        match self.uid(type_name, id) {
            Some(uid) => self.put(name, RestrictedExpression::new_entity_uid(uid)),
            None => self,
        }
    }

    /// The entity of a caller, such as the owner of a resource: what `principal` is in a policy.
    pub fn caller(
        &mut self,
        name: &str,
        kind: PrincipalKind,
        issuer: &str,
        subject: &str,
    ) -> &mut Self {
        match self.names.caller(kind) {
            Some(type_name) => {
                let id = EntityId::new(caller_id(issuer, subject));
                let uid = EntityUid::from_type_name_and_id(type_name.clone(), id);
                self.put(name, RestrictedExpression::new_entity_uid(uid))
            }
            None => {
                self.fail(format!("the schema declares no type for callers of the kind {kind:?}"))
            }
        }
    }

    /// A JSON value: text, whole numbers, booleans, arrays as sets, objects as records. `null` is left out. Anything else
    /// fails, and so denies.
    pub fn json(&mut self, name: &str, value: &Value) -> &mut Self {
        match expression(value) {
            Ok(Some(value)) => self.put(name, value),
            Ok(None) => self,
            Err(problem) => self.fail(format!("{name} {problem}")),
        }
    }

    /// An entity that the resource is a member of: what `resource in Folder::"7"` asks. Means nothing in a context.
    pub fn parent(&mut self, type_name: &str, id: &str) -> &mut Self {
        if let Some(uid) = self.uid(type_name, id) {
            self.parents.insert(uid);
        }
        self
    }

    fn uid(&mut self, type_name: &str, id: &str) -> Option<EntityUid> {
        let Some(found) = self.names.find(type_name) else {
            self.fail(format!("the schema declares no entity type {type_name}"));
            return None;
        };
        Some(EntityUid::from_type_name_and_id(found.clone(), EntityId::new(id)))
    }

    fn put(&mut self, name: &str, value: RestrictedExpression) -> &mut Self {
        self.values.push((name.to_owned(), value));
        self
    }

    fn fail(&mut self, problem: String) -> &mut Self {
        self.problem.get_or_insert(problem);
        self
    }

    /// The values and parents, unless something was wrong with one of them or a name came twice.
    pub(super) fn finish(self) -> Result<Finished, String> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        for (index, (name, _)) in self.values.iter().enumerate() {
            if self.values[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(format!("the attribute {name} was given twice"));
            }
        }
        Ok((self.values, self.parents))
    }
}

impl Attributes<'_> {
    /// The values as the context of a request.
    pub(super) fn into_context(self) -> Result<Context, String> {
        let (values, _) = self.finish()?;
        Context::from_pairs(values).map_err(|error| told(&error))
    }
}

/// Which attributes; never their values.
impl fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

/// A JSON value as one of Cedar's, which has neither fractions nor null.
fn expression(value: &Value) -> Result<Option<RestrictedExpression>, &'static str> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Bool(value) => RestrictedExpression::new_bool(*value),
        Value::Number(number) => RestrictedExpression::new_long(
            number.as_i64().ok_or("is a number that is no Cedar Long")?,
        ),
        Value::String(text) => RestrictedExpression::new_string(text.clone()),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(expression).collect();
            RestrictedExpression::new_set(items?.into_iter().flatten())
        }
        Value::Object(members) => {
            let mut fields = Vec::with_capacity(members.len());
            for (name, member) in members {
                if let Some(member) = expression(member)? {
                    fields.push((name.clone(), member));
                }
            }
            RestrictedExpression::new_record(fields)
                .map_err(|_| "is an object that is no Cedar record")?
        }
    }))
}
