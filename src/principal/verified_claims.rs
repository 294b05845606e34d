use std::sync::OnceLock;

use serde_json::{Map, Value};

/// The verified claims of a token: their text, and what it says once somebody asked. Most requests never do.
#[derive(Clone, Default)]
pub(super) struct VerifiedClaims {
    text: Vec<u8>,
    read: OnceLock<Box<Map<String, Value>>>,
}

impl VerifiedClaims {
    #[cfg(feature = "jwt")]
    pub(super) const fn of_text(text: Vec<u8>) -> Self {
        Self { text, read: OnceLock::new() }
    }

    pub(super) fn of_map(map: Map<String, Value>) -> Self {
        Self { text: Vec::new(), read: OnceLock::from(Box::new(map)) }
    }

    pub(super) fn get(&self) -> &Map<String, Value> {
        // Only a text that was read before gets here. One that cannot be read would claim nothing.
        self.read.get_or_init(|| Box::new(serde_json::from_slice(&self.text).unwrap_or_default()))
    }
}

impl PartialEq for VerifiedClaims {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
