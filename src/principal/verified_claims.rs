use std::sync::OnceLock;

use serde_json::{Map, Value};

/// Reads the claims in what was signed of a token.
pub(crate) type ReadClaims = fn(&[u8]) -> Map<String, Value>;

/// The verified claims of a token: the text they are in, and what it says once somebody asked. Most requests never do.
#[derive(Clone)]
pub(super) struct VerifiedClaims {
    /// What was signed, as it stands in the token: who remembers the token compares it.
    text: Box<[u8]>,
    /// The very reader that found the text good. Another one may read a text in another way, or not at all, as serde_json
    /// does with objects that look like values of its features `raw_value` and `arbitrary_precision`.
    reader: ReadClaims,
    read: OnceLock<Box<Map<String, Value>>>,
}

impl VerifiedClaims {
    #[cfg(feature = "jwt")]
    pub(super) const fn of_text(text: Box<[u8]>, reader: ReadClaims) -> Self {
        Self { text, reader, read: OnceLock::new() }
    }

    pub(super) fn of_map(map: Map<String, Value>) -> Self {
        Self { text: Box::default(), reader: |_| Map::new(), read: OnceLock::from(Box::new(map)) }
    }

    #[cfg(feature = "jwt")]
    pub(super) const fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn get(&self) -> &Map<String, Value> {
        self.read.get_or_init(|| Box::new((self.reader)(&self.text)))
    }
}

impl Default for VerifiedClaims {
    fn default() -> Self {
        Self { text: Box::default(), reader: |_| Map::new(), read: OnceLock::new() }
    }
}

impl PartialEq for VerifiedClaims {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
