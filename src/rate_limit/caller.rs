use http::request;

use super::Key;
use super::key::{Found, KeyBytes};
use super::refusal::misplaced;
use super::secret::{HashedKey, Secret};
use crate::rejection::Rejection;

const LATE: &str = "the key has to be asked for, and only rate limits wait for that";

/// Finds by one key who sent a request.
#[derive(Debug)]
pub(super) struct Callers {
    key: Key,
    secret: Secret,
}

impl Callers {
    /// What keeps requests from being counted by this key.
    pub(super) fn problem(key: &Key) -> Option<&'static str> {
        key.problem().or_else(|| key.is_late().then_some(LATE))
    }

    pub(super) fn by(key: Key) -> Self {
        Self { key, secret: Secret::random() }
    }

    /// Who sent the request; none where the key knows nobody. Fails where the layer that would know is missing.
    pub(super) fn find(&self, head: &request::Parts) -> Result<Option<HashedKey>, Rejection> {
        Ok(self.find_bytes(head)?.map(|(key, _)| key))
    }

    /// The same, and the bytes that tell this caller from others.
    pub(super) fn find_bytes(
        &self,
        head: &request::Parts,
    ) -> Result<Option<(HashedKey, KeyBytes)>, Rejection> {
        let mut bytes = KeyBytes::new();
        match self.key.write(head, None, &mut bytes)? {
            Found::Caller => Ok(Some((self.key.hash(head, &bytes, &self.secret), bytes))),
            Found::Nobody => Ok(None),
            Found::Later(_) => Err(misplaced("rate_limit_key_is_late", LATE)),
        }
    }

    /// Whether nobody is found because nobody logged in.
    pub(super) fn needs_principal(&self) -> bool {
        self.key.needs_principal()
    }
}
