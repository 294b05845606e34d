use std::time::Duration;

use crate::authn::issued_key::{KeyId, SecretHash, Validity};

/// What a store keeps of one key of an app: its hash and when it is good.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct AppKey {
    id: KeyId,
    pub(super) hash: SecretHash,
    pub(super) validity: Validity,
}

impl AppKey {
    /// The key with this id and hash: just issued, or read from a database.
    pub const fn new(id: KeyId, hash: SecretHash) -> Self {
        Self { id, hash, validity: Validity { not_before: None, expires_at: None } }
    }

    /// When the key becomes good, since the Unix epoch.
    pub const fn not_before(mut self, at: Duration) -> Self {
        self.validity.not_before = Some(at);
        self
    }

    /// When the key ceases to be good, since the Unix epoch. Without it, not before it is revoked.
    pub const fn expires_at(mut self, at: Duration) -> Self {
        self.validity.expires_at = Some(at);
        self
    }

    /// The public id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
}

/// Why a key was not added to an app.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddKeyError {
    /// The app holds as many keys as it may, counting expired ones: revoke one first.
    #[error("the app holds {limit} keys, as many as it may; revoke one first")]
    TooManyKeys {
        /// As many as it may hold.
        limit: usize,
    },
    /// There is no such app.
    #[error("there is no such app")]
    UnknownApp,
}
