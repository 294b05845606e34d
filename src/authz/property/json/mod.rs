//! JSON text read where it stands (RFC 8259): checked as a whole and indexed, never turned into values.
//!
//! What is copied out of such a text is the text itself, so numbers, escapes, the order of members and white space are
//! what they were, and serde_json's features have no say.

mod document;
mod repeated;
mod scanner;

pub(super) use self::document::{Document, Kind, Value};
pub(super) use self::scanner::Malformed;

/// How deep objects and arrays may nest.
pub(super) const MAX_DEPTH: usize = 64;
