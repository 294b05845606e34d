//! Keys that an issuer publishes, from a real server, with requests on their way.

mod discovery;
mod freshness;
mod hostile;
mod interruptions;
mod misses;
mod outages;
mod rotation;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwks::{RemoteKeys, RemoteKeysBuilder};
use tower_warden::authn::jwt::{Issuer, JwtValidator, KeySet, KeySource};
use tower_warden::testing::{FakeClock, TestIssuer};

use crate::key_server::KeyServer;
use crate::support::{Answer, get, through};

pub(crate) const AUDIENCE: &str = "https://api.example";

/// A round that gets no answer ends after that long.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A server that publishes the key of one signer, and a clock to turn.
pub(crate) struct Scenery {
    pub(crate) server: KeyServer,
    pub(crate) clock: FakeClock,
    pub(crate) signer: TestIssuer,
}

impl Scenery {
    pub(crate) async fn set() -> Self {
        let server = KeyServer::start().await;
        let signer = server.signer("one");
        server.publish([&signer]);
        Self { server, clock: FakeClock::at_unix(1_800_000_000), signer }
    }

    /// Keys at the server's key set.
    pub(crate) fn at(&self) -> RemoteKeysBuilder {
        RemoteKeys::at(&self.server.jwks_uri())
            .insecure_allow_loopback_http()
            .clock(self.clock.clone())
    }

    /// Keys by discovery.
    pub(crate) fn discover(&self) -> RemoteKeysBuilder {
        RemoteKeys::discover(&self.server.issuer())
            .insecure_allow_loopback_http()
            .clock(self.clock.clone())
    }

    /// The default settings, with keys that are there.
    pub(crate) async fn loaded(&self) -> (RemoteKeys, AuthenticateLayer) {
        let keys = self.at().build().unwrap();
        keys.load().await.unwrap();
        let layer = self.guard(&keys);
        (keys, layer)
    }

    pub(crate) fn guard(&self, keys: &RemoteKeys) -> AuthenticateLayer {
        guard(&self.server.issuer(), keys.clone())
    }

    /// Waits until as many requests for keys have come.
    pub(crate) async fn fetches(&self, count: usize) {
        until(|| self.server.fetches() >= count).await;
        assert_eq!(self.server.fetches(), count);
    }
}

pub(crate) fn guard(issuer: &str, keys: impl KeySource) -> AuthenticateLayer {
    let issuer = Issuer::builder(issuer).audience(AUDIENCE).keys_from(keys).build().unwrap();
    AuthenticateLayer::new(BearerAuthenticator::new(JwtValidator::new(issuer)))
}

pub(crate) async fn ask(layer: &AuthenticateLayer, token: &str) -> Answer {
    through(layer, get("/", &[("authorization", &format!("Bearer {token}"))])).await
}

/// The status of the answer to a good token of that signer.
pub(crate) async fn status(layer: &AuthenticateLayer, signer: &TestIssuer) -> u16 {
    ask(layer, &signer.token("ada").sign()).await.status
}

/// Waits for something that happens elsewhere.
pub(crate) async fn until(happened: impl Fn() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(seconds(20), waiting).await.expect("it never happened");
}

/// Waits until other keys than these are in force.
pub(crate) async fn until_renewed(keys: &RemoteKeys, before: &Arc<KeySet>) {
    until(|| keys.current().is_some_and(|now| !Arc::ptr_eq(&now, before))).await;
}
