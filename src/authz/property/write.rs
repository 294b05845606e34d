//! What a caller may send: every member of a body has to be a field that he may write.

use std::fmt;

use super::error::RefusedNames;
use super::field::{Field, Shape};
use super::json::{Document, Kind, Value};
use super::object::Object;
use super::who::Facts;
use super::{AcceptError, Who};
use crate::principal::Principal;

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Write {
    /// Another state for an object that exists: PUT, or PATCH with JSON Merge Patch (RFC 7396).
    Change,
    /// A new object.
    Create,
}

impl Write {
    pub(super) const fn rule(self, field: &Field) -> &Who {
        match self {
            Self::Change => &field.change,
            Self::Create => &field.create,
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Change => "change",
            Self::Create => "create",
        })
    }
}

/// Refuses a body that two readers could read differently.
pub(super) fn read_strictly(body: &[u8]) -> Result<Document<'_>, AcceptError> {
    let document =
        Document::read(body).map_err(|malformed| AcceptError::NotJson(malformed.into()))?;
    if document.has_lone_surrogate() {
        return Err(AcceptError::LoneSurrogate);
    }
    if document.has_repeated_name() {
        return Err(AcceptError::RepeatedName);
    }
    Ok(document)
}

/// Finds every member of the body that `caller` may not write.
pub(super) fn check(
    object: &Object,
    write: Write,
    caller: Option<&Principal>,
    facts: Facts,
    body: &Document<'_>,
) -> Result<(), AcceptError> {
    let mut check = Check { write, caller, facts, refused: RefusedNames::default() };
    let root = body.root();
    if root.kind() != Kind::Object {
        return Err(undeclared_shape(object));
    }
    check.members(object, root)?;
    if check.refused.is_empty() { Ok(()) } else { Err(AcceptError::FieldsRefused(check.refused)) }
}

struct Check<'c> {
    write: Write,
    caller: Option<&'c Principal>,
    /// What the object says that is changed. Its parts belong to whom it belongs; other objects inside say nothing, for
    /// what the body says of them is the caller's word.
    facts: Facts,
    refused: RefusedNames,
}

impl Check<'_> {
    fn members(&mut self, object: &Object, value: Value<'_>) -> Result<(), AcceptError> {
        let mut guess = 0;
        for (name, value) in value.members() {
            let field = object.find(name, guess);
            let allowed = field
                .map(|at| &object.fields[at])
                .filter(|field| self.write.rule(field).includes(self.caller, self.facts));
            match allowed {
                None => self.refused.add(&name.text().unwrap_or_default()),
                Some(field) => self.field(object, field, value)?,
            }
            guess = field.map_or(guess, |at| at + 1);
        }
        Ok(())
    }

    fn field(
        &mut self,
        object: &Object,
        field: &Field,
        value: Value<'_>,
    ) -> Result<(), AcceptError> {
        match &field.shape {
            Shape::Map(inside) => match value.kind() {
                Kind::Object => {
                    value.members().try_for_each(|(_, value)| self.objects(inside, value))
                }
                Kind::Null => Ok(()),
                _ => Err(undeclared_shape(object)),
            },
            Shape::Object(inside) => self.objects(inside, value),
            Shape::Scalar if value.holds_object() => Err(undeclared_shape(object)),
            Shape::Anything | Shape::Scalar => Ok(()),
        }
    }

    fn objects(&mut self, object: &Object, value: Value<'_>) -> Result<(), AcceptError> {
        match value.kind() {
            Kind::Array => value.items().try_for_each(|item| self.object(object, item)),
            _ => self.object(object, value),
        }
    }

    fn object(&mut self, object: &Object, value: Value<'_>) -> Result<(), AcceptError> {
        match value.kind() {
            Kind::Object => self.members(object, value),
            Kind::Null => Ok(()),
            _ => Err(undeclared_shape(object)),
        }
    }
}

fn undeclared_shape(object: &Object) -> AcceptError {
    AcceptError::UndeclaredShape { object: object.name.clone() }
}
