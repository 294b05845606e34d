use std::fmt;
use std::sync::Arc;

use super::state::State;
use super::{LoadError, RemoteKeysBuilder};
use crate::authn::jwt::{KeySet, KeySource, Renewal};

/// The keys that an issuer publishes, fetched and kept fresh. Cheap to clone; clones share the keys.
///
/// The [module page](super) tells how, and has an example.
#[derive(Clone)]
pub struct RemoteKeys(Arc<State>);

impl RemoteKeys {
    /// Keys of the issuer of that name, at the address that its metadata tell.
    ///
    /// The metadata are asked for at the address that RFC 8414 3.1 makes of the name, then at that of OpenID Connect
    /// Discovery 1.0 (4); the one that answered is asked first from then on. Their `issuer` has to be `issuer`, byte for
    /// byte.
    pub fn discover(issuer: &str) -> RemoteKeysBuilder {
        RemoteKeysBuilder::discover(issuer)
    }

    /// Keys of the set at this address (`jwks_uri`).
    pub fn at(jwks_uri: &str) -> RemoteKeysBuilder {
        RemoteKeysBuilder::at(jwks_uri)
    }

    pub(super) fn new(state: State) -> Self {
        Self(Arc::new(state))
    }

    /// Waits until there are keys: for services that must not start without. Returns at once when there are some.
    ///
    /// # Errors
    ///
    /// Why there are none. Calling it again asks again.
    pub async fn load(&self) -> Result<(), LoadError> {
        self.0.load().await
    }
}

impl KeySource for RemoteKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.0.current()
    }

    fn renew(&self) -> Option<Renewal> {
        self.0.renew()
    }

    fn is_current(&self) -> bool {
        self.0.is_current()
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
