use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;

use super::ApiKeyRecord;
use crate::authn::issued_key::{KeyId, Lookup};

/// Where records of API keys are kept.
///
/// A store only finds records; it never sees a key. Answer [`Lookup::Ready`] from memory, [`Lookup::pending`] from a
/// database, and [`StoreError`](crate::authn::issued_key::StoreError) when it cannot be told: that is a 503.
pub trait ApiKeyStore: fmt::Debug + Send + Sync + 'static {
    /// The record of the key with this id, if there is one.
    fn find(&self, id: KeyId) -> Lookup<Arc<ApiKeyRecord>>;
}

impl<S: ApiKeyStore + ?Sized> ApiKeyStore for Arc<S> {
    fn find(&self, id: KeyId) -> Lookup<Arc<ApiKeyRecord>> {
        S::find(self, id)
    }
}

/// Keeps records in memory. Clones share them; every change takes effect at once.
#[derive(Clone, Default)]
pub struct MemoryApiKeyStore(Arc<DashMap<KeyId, Arc<ApiKeyRecord>>>);

impl MemoryApiKeyStore {
    /// A store without keys, which admits nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record, in place of the one with the same id.
    pub fn insert(&self, record: ApiKeyRecord) {
        self.0.insert(record.id(), Arc::new(record));
    }

    /// Removes a key; says whether there was one.
    #[must_use = "revoking a key that is not there is easily a slip"]
    pub fn revoke(&self, id: KeyId) -> bool {
        self.0.remove(&id).is_some()
    }

    /// The ids of all keys, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        let mut ids: Vec<_> = self.0.iter().map(|entry| *entry.key()).collect();
        ids.sort_unstable();
        ids
    }
}

impl ApiKeyStore for MemoryApiKeyStore {
    fn find(&self, id: KeyId) -> Lookup<Arc<ApiKeyRecord>> {
        Lookup::Ready(Ok(self.0.get(&id).map(|entry| Arc::clone(entry.value()))))
    }
}

impl fmt::Debug for MemoryApiKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryApiKeyStore").field("keys", &self.0.len()).finish()
    }
}
