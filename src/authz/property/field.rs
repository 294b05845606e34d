use std::sync::Arc;

use super::object::Object;
use super::{Mask, Properties, Who};

/// One field of an object: what it holds, who may read it, who may write it. Unless told otherwise, nobody.
///
/// It holds a string, a number, a boolean, `null`, or arrays of these. Objects inside have a declaration of their own, or
/// are said to be whatever they are.
#[derive(Clone, Debug)]
#[must_use = "a field means nothing until it is given to a builder"]
pub struct Field {
    pub(super) name: Box<str>,
    pub(super) read: Who,
    pub(super) mask: Option<(Mask, Who)>,
    pub(super) create: Who,
    pub(super) change: Who,
    pub(super) shape: Shape,
}

/// What a field may hold.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Whatever stands there.
    Anything,
    /// Objects under names that nobody knows, each with this declaration.
    Map(Arc<Object>),
    /// An object with this declaration, or an array of them.
    Object(Arc<Object>),
    /// No object.
    Scalar,
}

impl Field {
    /// A field by its name, as it stands in the JSON text.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            read: Who::nobody(),
            mask: None,
            create: Who::nobody(),
            change: Who::nobody(),
            shape: Shape::Scalar,
        }
    }

    /// Who sees the value as it is.
    pub fn read(mut self, who: Who) -> Self {
        self.read = who;
        self
    }

    /// Who sees the value masked, of those who do not see it as it is.
    pub fn masked(mut self, mask: Mask, who: Who) -> Self {
        self.mask = Some((mask, who));
        self
    }

    /// Who may give the field in a new object. There is no object yet that could name an owner.
    pub fn create(mut self, who: Who) -> Self {
        self.create = who;
        self
    }

    /// Who may give the field in a change of an object, its removal (`null`) included.
    pub fn change(mut self, who: Who) -> Self {
        self.change = who;
        self
    }

    /// Who may give the field, in a new object and in a change alike.
    pub fn write(self, who: Who) -> Self {
        self.create(who.clone()).change(who)
    }

    /// The field holds an object with a declaration of its own, an array of such objects, or `null`. Whoever may read the
    /// field sees of them what their own declaration says; the same for writing.
    pub fn object(mut self, properties: &Properties) -> Self {
        self.shape = Shape::Object(properties.object().clone());
        self
    }

    /// The field holds an object whose member names are data, such as a dictionary by language, and whose values are
    /// objects with this declaration, arrays of them, or `null`. The names are shown to whoever may read the field.
    pub fn map(mut self, properties: &Properties) -> Self {
        self.shape = Shape::Map(properties.object().clone());
        self
    }

    /// The field may hold anything, objects included, and whoever may read it sees all of it. What is in there one day is
    /// not known here.
    pub fn anything(mut self) -> Self {
        self.shape = Shape::Anything;
        self
    }

    /// The rules of the field, each with what it is for.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Who> {
        [&self.read, &self.create, &self.change]
            .into_iter()
            .chain(self.mask.iter().map(|(_, who)| who))
    }

    pub(super) const fn nested(&self) -> Option<&Arc<Object>> {
        match &self.shape {
            Shape::Map(object) | Shape::Object(object) => Some(object),
            Shape::Anything | Shape::Scalar => None,
        }
    }
}
