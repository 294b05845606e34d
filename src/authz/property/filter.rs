//! What a caller may see of a JSON text: the text, with members left out and values replaced.

use std::borrow::Cow;
use std::ptr;

use super::DisclosureError;
use super::field::Shape;
use super::json::{Document, Kind, Value};
use super::object::Object;
use super::who::Facts;
use crate::principal::Principal;

/// What a caller sees of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Hidden,
    Masked,
    Plain,
}

/// What one caller sees of the objects of one declaration: for each field, and each thing an object can say of him.
struct View<'o> {
    of: &'o Object,
    sights: Vec<[Sight; 4]>,
    /// Whether it makes a difference to this caller what the object says of him.
    varies: bool,
}

pub(super) struct Filter<'o, 'd> {
    caller: Option<&'o Principal>,
    /// The views needed so far. There are few, and looking for one is looking at them all.
    views: Vec<View<'o>>,
    source: &'d [u8],
    out: Vec<u8>,
    /// How much of the source is written, or left out for good.
    done: usize,
}

/// The part of the text that `caller` may see: the text itself where that is all of it.
pub(super) fn disclosed<'d>(
    object: &Object,
    caller: Option<&Principal>,
    document: &Document<'d>,
) -> Result<Cow<'d, [u8]>, DisclosureError> {
    let source = document.bytes();
    let mut filter = Filter { caller, views: Vec::new(), source, out: Vec::new(), done: 0 };
    filter.objects(object, document.root(), Facts::default())?;
    Ok(filter.finish())
}

impl<'o, 'd> Filter<'o, 'd> {
    /// An object, an array of objects; `null` stands for an object that is not there.
    fn objects(
        &mut self,
        object: &'o Object,
        value: Value<'_>,
        around: Facts,
    ) -> Result<(), DisclosureError> {
        match value.kind() {
            Kind::Array => value.items().try_for_each(|item| self.object(object, item, around)),
            _ => self.object(object, value, around),
        }
    }

    fn object(
        &mut self,
        object: &'o Object,
        value: Value<'_>,
        around: Facts,
    ) -> Result<(), DisclosureError> {
        match value.kind() {
            Kind::Object => self.members(object, value, around),
            Kind::Null => Ok(()),
            _ => Err(undeclared_shape(object)),
        }
    }

    fn members(
        &mut self,
        object: &'o Object,
        value: Value<'_>,
        around: Facts,
    ) -> Result<(), DisclosureError> {
        let view = self.view_of(object);
        let facts = if self.views[view].varies || object.parts_ask_whose {
            object.facts(self.caller, value, around)
        } else {
            Facts::default()
        };
        let mut seen = Seen::default();
        let mut guess = 0;
        let mut kept_one = false;
        let mut end_of_last = 0;
        let mut members = value.members().peekable();
        while let Some((name, value)) = members.next() {
            let range = value.range();
            let field = object.find(name, guess);
            if let Some(field) = field {
                guess = field + 1;
                if !seen.insert(field) {
                    let (object, field) = (object.name.clone(), object.fields[field].name.clone());
                    return Err(DisclosureError::RepeatedName { object, field });
                }
            }
            let sight = field.map(|field| (field, self.views[view].sights[field][facts.index()]));
            match sight {
                None | Some((_, Sight::Hidden)) if kept_one => {
                    self.leave_out(end_of_last, range.end);
                }
                None | Some((_, Sight::Hidden)) => {
                    // No comma stands before the first member that is kept.
                    let next = members.peek().map(|(name, _)| name.range().start);
                    self.leave_out(name.range().start, next.unwrap_or(range.end));
                }
                Some((field, Sight::Masked)) => {
                    kept_one = true;
                    self.leave_out(range.start, range.end);
                    self.mask(object, field, value)?;
                }
                Some((field, Sight::Plain)) => {
                    kept_one = true;
                    self.plain(object, field, value, facts)?;
                }
            }
            end_of_last = range.end;
        }
        Ok(())
    }

    fn plain(
        &mut self,
        object: &'o Object,
        field: usize,
        value: Value<'_>,
        facts: Facts,
    ) -> Result<(), DisclosureError> {
        match &object.fields[field].shape {
            Shape::Map(inside) => match value.kind() {
                Kind::Object => {
                    value.members().try_for_each(|(_, value)| self.objects(inside, value, facts))
                }
                Kind::Null => Ok(()),
                _ => Err(undeclared_shape(object)),
            },
            Shape::Object(inside) => self.objects(inside, value, facts),
            Shape::Scalar if value.holds_object() => Err(undeclared_shape(object)),
            Shape::Anything | Shape::Scalar => Ok(()),
        }
    }

    fn mask(
        &mut self,
        object: &Object,
        field: usize,
        value: Value<'_>,
    ) -> Result<(), DisclosureError> {
        let Some((mask, _)) = object.fields[field].mask else { return Ok(()) };
        Ok(serde_json::to_writer(&mut self.out, &mask.apply(value))?)
    }

    fn leave_out(&mut self, from: usize, to: usize) {
        if self.out.capacity() == 0 {
            self.out.reserve(self.source.len());
        }
        self.out.extend_from_slice(&self.source[self.done..from]);
        self.done = to;
    }

    fn finish(mut self) -> Cow<'d, [u8]> {
        if self.done == 0 {
            return Cow::Borrowed(self.source);
        }
        self.out.extend_from_slice(&self.source[self.done..]);
        Cow::Owned(self.out)
    }

    fn view_of(&mut self, object: &'o Object) -> usize {
        let found = self.views.iter().position(|view| ptr::eq(view.of, object));
        found.unwrap_or_else(|| {
            self.views.push(View::new(object, self.caller));
            self.views.len() - 1
        })
    }
}

impl<'o> View<'o> {
    fn new(of: &'o Object, caller: Option<&Principal>) -> Self {
        let sights: Vec<_> = of
            .fields
            .iter()
            .map(|field| {
                Facts::ALL.map(|facts| {
                    let masked =
                        || field.mask.as_ref().is_some_and(|(_, who)| who.includes(caller, facts));
                    if field.read.includes(caller, facts) {
                        Sight::Plain
                    } else if masked() {
                        Sight::Masked
                    } else {
                        Sight::Hidden
                    }
                })
            })
            .collect();
        let varies = sights.iter().any(|sights| sights.iter().any(|sight| *sight != sights[0]));
        Self { of, sights, varies }
    }
}

fn undeclared_shape(object: &Object) -> DisclosureError {
    DisclosureError::UndeclaredShape { object: object.name.clone() }
}

/// Places of the fields that were seen.
#[derive(Default)]
struct Seen {
    first: u64,
    others: Vec<u64>,
}

impl Seen {
    /// Whether it was not seen before.
    fn insert(&mut self, place: usize) -> bool {
        let word = match place / 64 {
            0 => &mut self.first,
            later => {
                self.others.resize(self.others.len().max(later), 0);
                &mut self.others[later - 1]
            }
        };
        let bit = 1 << (place % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}
