use std::fmt;

use super::json::Malformed;
use crate::rejection::{Rejection, RejectionKind};

/// How many refused names an error holds, and how many characters of each.
const MOST_NAMES: usize = 8;
const LONGEST_NAME: usize = 64;

/// Why a value could not be disclosed. It is a fault of this side: as an answer, 500.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DisclosureError {
    /// The text is no JSON that is read here.
    #[error("{0}")]
    NotJson(Malformation),
    /// An object has a declared field twice.
    #[error("{object} has `{field}` twice")]
    RepeatedName {
        /// The declaration.
        object: Box<str>,
        /// The field.
        field: Box<str>,
    },
    /// The value could not be serialized.
    #[error("not serialized: {0}")]
    Serialize(#[from] serde_json::Error),
    /// A value has another shape than was declared: an object where a field holds none, or something else than the objects
    /// that were declared.
    #[error("a value in {object} does not have the declared shape")]
    UndeclaredShape {
        /// The declaration.
        object: Box<str>,
    },
}

/// Why a body may not be written.
///
/// As an answer, 400 (RFC 9110 15.5.1) whatever the reason: whether a field does not exist or is not for this caller is
/// nothing for him to know. The log has the names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The body does not deserialize to the type that the handler wants.
    #[error("not what the type needs: {0}")]
    Deserialize(serde_json::Error),
    /// Fields that this caller may not write, or that nobody declared.
    #[error("not writable: {0}")]
    FieldsRefused(RefusedNames),
    /// The object as it is now could not be read: 500.
    #[error("the current object: {0}")]
    CurrentObject(DisclosureError),
    /// The text is no JSON that is read here.
    #[error("{0}")]
    NotJson(Malformation),
    /// An object has a member twice: two readers could take different ones (RFC 8259 4).
    #[error("a member name is repeated")]
    RepeatedName,
    /// Half of a surrogate pair: readers replace, refuse or keep it (RFC 8259 8.2).
    #[error("half of a surrogate pair")]
    LoneSurrogate,
    /// The body holds more bytes than [`PropertiesBuilder::body_limit`](super::PropertiesBuilder::body_limit) says: 413.
    #[error("too large")]
    TooLarge,
    /// The body or a field has another shape than was declared.
    #[error("a value in {object} does not have the declared shape")]
    UndeclaredShape {
        /// The declaration.
        object: Box<str>,
    },
}

/// What is wrong with a text that should be JSON: the position, never the text.
#[derive(Clone, Copy, Debug)]
pub struct Malformation(Malformed);

impl fmt::Display for Malformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Malformed> for Malformation {
    fn from(malformed: Malformed) -> Self {
        Self(malformed)
    }
}

/// The first of the names that were refused, cut to a length, escaped in their printed form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedNames {
    names: Vec<String>,
    left_out: usize,
}

impl RefusedNames {
    pub(super) fn add(&mut self, name: &str) {
        if self.names.len() < MOST_NAMES {
            self.names.push(name.chars().take(LONGEST_NAME).collect());
        } else {
            self.left_out += 1;
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, the first eight of them, each up to 64 characters, as the caller spelled them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

impl fmt::Display for RefusedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            write!(f, "{}{name:?}", if index > 0 { ", " } else { "" })?;
        }
        if self.left_out > 0 {
            write!(f, " and {} more", self.left_out)?;
        }
        Ok(())
    }
}

impl From<DisclosureError> for Rejection {
    fn from(error: DisclosureError) -> Self {
        let reason = match error {
            DisclosureError::NotJson(_) => "response_not_json",
            DisclosureError::RepeatedName { .. } => "response_name_repeated",
            DisclosureError::Serialize(_) => "response_not_serialized",
            DisclosureError::UndeclaredShape { .. } => "response_shape_undeclared",
        };
        Self::new(RejectionKind::Internal, reason).with_source(error)
    }
}

impl From<AcceptError> for Rejection {
    fn from(error: AcceptError) -> Self {
        let (kind, reason) = match error {
            AcceptError::CurrentObject(_) => (RejectionKind::Internal, "current_object_unread"),
            AcceptError::Deserialize(_) => (RejectionKind::BadRequest, "body_not_of_the_type"),
            AcceptError::FieldsRefused(_) => (RejectionKind::BadRequest, "field_not_writable"),
            AcceptError::LoneSurrogate => (RejectionKind::BadRequest, "body_with_lone_surrogate"),
            AcceptError::NotJson(_) => (RejectionKind::BadRequest, "body_not_json"),
            AcceptError::RepeatedName => (RejectionKind::BadRequest, "body_name_repeated"),
            AcceptError::TooLarge => (RejectionKind::PayloadTooLarge, "body_too_large"),
            AcceptError::UndeclaredShape { .. } => {
                (RejectionKind::BadRequest, "body_shape_undeclared")
            }
        };
        Self::new(kind, reason).with_source(error)
    }
}
