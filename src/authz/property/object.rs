use std::fmt;
use std::sync::Arc;

use super::field::Shape;
use super::json::Value;
use super::owner::Deciding;
use super::who::Facts;
use super::{Field, Who, Write};
use crate::principal::Principal;

/// The fields of one type, checked.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: Box<str>,
    pub(super) fields: Vec<Field>,
    /// Places of the fields in the order of their names' lengths and then their names.
    by_name: Vec<usize>,
    pub(super) deciding: Deciding,
    /// How its owner is found, for the table.
    pub(super) ownership: String,
    /// Whether some rule of its parts asks whose they are, and so whose it is.
    pub(super) parts_ask_whose: bool,
    asks_whose: bool,
}

impl Object {
    pub(super) fn new(
        name: Box<str>,
        fields: Vec<Field>,
        deciding: Deciding,
        ownership: String,
    ) -> Self {
        let mut by_name: Vec<usize> = (0..fields.len()).collect();
        by_name.sort_by_key(|at| order(fields[*at].name.as_bytes()));
        let part_asks = |object: &Arc<Self>| {
            object.deciding.is_part && (object.asks_whose || object.parts_ask_whose)
        };
        let parts_ask_whose = fields.iter().filter_map(Field::nested).any(part_asks);
        let asks_whose = fields.iter().flat_map(Field::rules).any(Who::depends_on_object);
        Self { name, fields, by_name, deciding, ownership, parts_ask_whose, asks_whose }
    }

    /// The place of a field. `guess` is tried first: most objects have their fields in the same order.
    pub(super) fn find(&self, name: Value<'_>, guess: usize) -> Option<usize> {
        let name = name.text()?;
        if self.fields.get(guess).is_some_and(|field| *field.name == *name) {
            return Some(guess);
        }
        let wanted = order(name.as_bytes());
        let found = self
            .by_name
            .binary_search_by_key(&wanted, |at| order(self.fields[*at].name.as_bytes()));
        found.ok().map(|at| self.by_name[at])
    }

    /// What this value says about the caller; `around` is what the object around it says.
    pub(super) fn facts(
        &self,
        caller: Option<&Principal>,
        value: Value<'_>,
        around: Facts,
    ) -> Facts {
        if self.deciding.is_part {
            return around;
        }
        let Some(caller) = caller else { return Facts::default() };
        let field = |wanted: usize| {
            let is_wanted = |name: Value<'_>| {
                name.text().is_some_and(|name| *name == *self.fields[wanted].name)
            };
            let mut found = value.members().filter(|(name, _)| is_wanted(*name));
            // Of two, neither counts.
            found.next().filter(|_| found.next().is_none()).map(|(_, value)| value)
        };
        Facts {
            owner: self.deciding.is_owner(caller, field),
            same_tenant: self.deciding.is_same_tenant(caller, field),
        }
    }

    /// Whether a write rule of it, or of something inside, asks whose the object is.
    pub(super) fn write_asks_whose(&self, write: Write) -> bool {
        self.fields.iter().any(|field| {
            write.rule(field).depends_on_object()
                || field.nested().is_some_and(|object| object.write_asks_whose(write))
        })
    }
}

fn order(name: &[u8]) -> (usize, &[u8]) {
    (name.len(), name)
}

/// A table for inventories, in Markdown: one line for each field, those of objects inside below the field.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if !self.ownership.is_empty() {
            write!(f, " ({})", self.ownership)?;
        }
        f.write_str("\n\n| field | read | masked | create | change |\n|---|---|---|---|---|\n")?;
        self.fmt_fields("", f)
    }
}

impl Object {
    fn fmt_fields(&self, prefix: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for field in &self.fields {
            write!(f, "| {prefix}{}", field.name)?;
            match &field.shape {
                Shape::Anything => f.write_str(" (anything)")?,
                Shape::Map(object) => write!(f, " (map of {})", object.name)?,
                Shape::Object(object) => write!(f, " ({})", object.name)?,
                Shape::Scalar => {}
            }
            write!(f, " | {} | ", field.read)?;
            if let Some((mask, who)) = &field.mask {
                write!(f, "{mask} for {who}")?;
            }
            writeln!(f, " | {} | {} |", field.create, field.change)?;
            if let Some(object) = field.nested() {
                let star = if matches!(field.shape, Shape::Map(_)) { "*." } else { "" };
                object.fmt_fields(&format!("{prefix}{}.{star}", field.name), f)?;
            }
        }
        Ok(())
    }
}
