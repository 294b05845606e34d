use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;

use super::{AddKeyError, App, AppKey};
use crate::authn::issued_key::{KeyId, Lookup};

/// Where apps are kept.
///
/// A store only finds apps; it never sees a key. Answer [`Lookup::Ready`] from memory, [`Lookup::pending`] from a
/// database, and [`StoreError`](crate::authn::issued_key::StoreError) when it cannot be told: that is a 503.
pub trait AppStore: fmt::Debug + Send + Sync + 'static {
    /// The app with this id, if there is one. The id has the form of one; it is not known to exist.
    fn find(&self, id: &str) -> Lookup<Arc<App>>;
}

impl<S: AppStore + ?Sized> AppStore for Arc<S> {
    fn find(&self, id: &str) -> Lookup<Arc<App>> {
        S::find(self, id)
    }
}

/// Keeps apps in memory. Clones share them; every change takes effect at once.
#[derive(Clone, Default)]
pub struct MemoryAppStore(Arc<DashMap<String, Arc<App>>>);

impl MemoryAppStore {
    /// A store without apps, which admits nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an app, in place of the one with the same id. Warns of one whose id alone is enough.
    pub fn insert(&self, app: App) {
        if app.is_insecure_keyless() {
            tracing::warn!(
                target: "tower_warden::authn",
                app = app.id(),
                "insecure_keyless: this app is let in by its public id alone"
            );
        }
        self.0.insert(app.id().to_owned(), Arc::new(app));
    }

    /// Removes an app with all its keys; says whether there was one.
    #[must_use = "removing an app that is not there is easily a slip"]
    pub fn remove(&self, app: &str) -> bool {
        self.0.remove(app).is_some()
    }

    /// Adds a key to an app, in place of the one with the same id.
    ///
    /// # Errors
    ///
    /// If there is no such app, or it holds as many keys as it may.
    pub fn add_key(&self, app: &str, key: AppKey) -> Result<(), AddKeyError> {
        self.change(app, |app| app.add_key(key)).unwrap_or(Err(AddKeyError::UnknownApp))
    }

    /// Removes a key from an app; says whether there was one.
    #[must_use = "revoking a key that is not there is easily a slip"]
    pub fn revoke_key(&self, app: &str, key: KeyId) -> bool {
        self.change(app, |app| app.revoke_key(key)).unwrap_or(false)
    }

    /// Refuses an app until it is [resumed](Self::resume); says whether there is one.
    #[must_use = "suspending an app that is not there is easily a slip"]
    pub fn suspend(&self, app: &str) -> bool {
        self.change(app, |app| app.set_suspended(true)).is_some()
    }

    /// Lets a suspended app back in; says whether there is one.
    #[must_use = "resuming an app that is not there is easily a slip"]
    pub fn resume(&self, app: &str) -> bool {
        self.change(app, |app| app.set_suspended(false)).is_some()
    }

    /// The ids of all apps, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.0.iter().map(|entry| entry.key().clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// Changes one app; requests that are being judged go on with what they saw.
    fn change<T>(&self, app: &str, change: impl FnOnce(&mut App) -> T) -> Option<T> {
        self.0.get_mut(app).map(|mut app| change(Arc::make_mut(&mut app)))
    }
}

impl AppStore for MemoryAppStore {
    fn find(&self, id: &str) -> Lookup<Arc<App>> {
        Lookup::Ready(Ok(self.0.get(id).map(|entry| Arc::clone(entry.value()))))
    }
}

impl fmt::Debug for MemoryAppStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAppStore").field("apps", &self.0.len()).finish()
    }
}
