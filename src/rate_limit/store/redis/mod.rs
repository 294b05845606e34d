//! Buckets in Redis.

mod link;
mod names;
mod owed;
mod script;
mod servers;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use self::link::Link;
use self::names::Names;
use self::owed::Owed;
use self::script::{DrawScript, granted};
use self::servers::{Access, Place, Servers};
use super::{Granted, Health, Lease, Order, SharedStore, StoreError};
use crate::config::{ConfigError, Problems};

/// How long the server has to answer, with all that it takes to connect.
const PATIENCE: Duration = Duration::from_millis(500);

const PREFIX: &str = "tower-warden";

/// Buckets in Redis or Valkey, for all processes that share it: together they admit what the quota says. Clones share
/// the connection, and what is known of an outage.
///
/// A request is one round trip, whatever the number of limits; the server decides for all of them in one step, by its
/// own clock. Connects when the first request comes, and again by itself when the connection is lost.
///
/// # Deployment caveat
///
/// - Processes share a bucket where prefix, [secret](RedisStoreBuilder::secret), policy and key are the same. Give
///   services that count for themselves prefixes of their own.
/// - Set `maxmemory-policy noeviction`. A server that evicts forgets who has spent a quota; one that is full and does not
///   evict fails instead.
/// - Names hold a hash of who is counted, never an address or a user. Without a secret, whoever can read the server can
///   still try out all addresses. Whoever can write to it can give and take quota.
/// - A replica that takes over knows what it had heard: what the primary admitted in its last moments may be admitted
///   again.
/// - The user of an ACL needs `+evalsha +eval +time +get +set` on the keys `~PREFIX:*` (`~{PREFIX}:*` with
///   [`one_slot`](RedisStoreBuilder::one_slot)); on a cluster, `+cluster|slots` too; behind sentinels,
///   `+role`; for another database than 0, `+select`.
///
/// ```no_run
/// # fn main() -> Result<(), tower_warden::ConfigError> {
/// use tower_warden::rate_limit::{Quota, RateLimitLayer, RedisStore};
///
/// let store = RedisStore::builder("redis://127.0.0.1:6379/").prefix("orders").build()?;
/// let layer = RateLimitLayer::by_address("address", Quota::per_minute(1_200)).store(store).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    link: Link,
    names: Names,
    script: DrawScript,
    one_key_only: bool,
    patience: Duration,
    lease: Option<Lease>,
    owed: Owed,
    health: Arc<Health>,
}

impl RedisStore {
    /// A store on one server: `redis://user:password@host:port/database`, `rediss://` with TLS, or `redis+unix://` with the
    /// path of a socket.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Place::One(url.into()))
    }

    /// A store on the primary of that name, which these sentinels know. User and password in the URLs are those of the
    /// sentinels; the server's own are given with [`login`](RedisStoreBuilder::login). With `rediss://` both have TLS.
    pub fn sentinel<U>(
        primary: impl Into<String>,
        urls: impl IntoIterator<Item = U>,
    ) -> RedisStoreBuilder
    where
        U: Into<String>,
    {
        let urls = urls.into_iter().map(Into::into).collect();
        RedisStoreBuilder::new(Place::Sentinel { master: primary.into(), urls })
    }

    /// A store on a cluster of which these are some nodes. The limits of one layer have to count by the same key, or
    /// [`one_slot`](RedisStoreBuilder::one_slot) must be set.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Place::Cluster(urls.into_iter().map(Into::into).collect()))
    }

    /// How many failed requests were not charged for: too many were waiting, or the server gave no answer. What a limit
    /// charges after the answer is charged in the background, and nobody waits for it.
    #[must_use]
    pub fn charges_lost(&self) -> u64 {
        self.0.owed.lost()
    }
}

impl SharedStore for RedisStore {
    fn draw(
        &self,
        orders: Vec<Order>,
        requests: u32,
    ) -> BoxFuture<'static, Result<Granted, StoreError>> {
        let inner = Arc::clone(&self.0);
        async move { inner.draw(&orders, requests).await }.boxed()
    }

    fn owe(&self, orders: Vec<Order>) {
        self.0.owed.push(&self.0, orders);
    }

    fn health(&self) -> &Arc<Health> {
        &self.0.health
    }

    fn one_key_only(&self) -> bool {
        self.0.one_key_only
    }

    fn patience(&self) -> Duration {
        self.0.patience
    }

    fn lease(&self) -> Option<Lease> {
        self.0.lease
    }
}

impl Inner {
    async fn draw(&self, orders: &[Order], requests: u32) -> Result<Granted, StoreError> {
        let names: Vec<_> =
            orders.iter().map(|order| self.names.of(&order.policy, &order.key)).collect();
        let command = self.script.by_hash(&names, orders, requests);
        let by_text = || self.script.by_text(&names, orders, requests);
        let answer = self.link.run(command, by_text).await?;
        granted(&answer, orders, requests)
    }
}

/// Never the URL, which may hold a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.0.names.prefix).finish_non_exhaustive()
    }
}

/// Builds a [`RedisStore`].
#[derive(Clone)]
#[must_use = "a builder makes nothing until `build`"]
pub struct RedisStoreBuilder {
    place: Place,
    access: Access,
    prefix: String,
    secret: Vec<u8>,
    one_slot: bool,
    lease: Option<Lease>,
}

impl RedisStoreBuilder {
    fn new(place: Place) -> Self {
        Self {
            place,
            access: Access { patience: PATIENCE, ..Access::default() },
            prefix: PREFIX.to_owned(),
            secret: Vec::new(),
            one_slot: false,
            lease: None,
        }
    }

    /// Draws tokens ahead for keys with many requests, so that most of them need no trip. Unless set, every request is a
    /// trip of its own. [`Lease`] says how much more may be admitted by it.
    pub const fn lease(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// What the names of all buckets start with: `tower-warden` unless said otherwise. Services with another prefix on the
    /// same server count for themselves.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Hashes addresses and users with this secret, so that nobody finds them out who can read the server. Processes that
    /// count together need the same one; with another all buckets are full.
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secret = secret.as_ref().to_vec();
        self
    }

    /// How long the server has to answer a request, with all that it takes to connect: 500 ms unless said otherwise.
    pub const fn timeout(mut self, patience: Duration) -> Self {
        self.access.patience = patience;
        self
    }

    /// User and password of the server, instead of those in its URL; behind sentinels, whose URLs say nothing about it,
    /// the only way.
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.access.login = Some((user.into(), password.into()));
        self
    }

    /// Trusts these authorities alone, in PEM format, for `rediss://`; unless given, those that the system trusts.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.access.root_certificates = Some(pem.into());
        self
    }

    /// Keeps all buckets of this store in one slot of a cluster, on one of its servers. Limits of a layer that count by
    /// different keys, such as address and principal, are decided in one step, and that takes one server. A store of its own
    /// for each layer, each with its own prefix, spreads the layers.
    pub const fn one_slot(mut self) -> Self {
        self.one_slot = true;
        self
    }

    /// The store. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If a URL is none of Redis, or turns the check of certificates off; there are no URLs; nodes of one cluster, or
    /// sentinels, do not go together; the root certificates are none; the prefix has a brace, a space or a control
    /// character in it, or is empty; or the time is 0 or more than a minute, that of a lease too; or a lease is for fewer than 2 requests.
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        const CULPRIT: &str = "Redis store of rate limits";
        let mut problems = Problems::default();
        let bad =
            |letter: char| "{}".contains(letter) || letter.is_whitespace() || letter.is_control();
        if self.prefix.is_empty() || self.prefix.contains(bad) {
            problems.add(
                CULPRIT,
                "has a prefix that is empty, or has a brace, a space or a control character in it",
            );
        }
        if self.access.patience.is_zero() || self.access.patience > Duration::from_secs(60) {
            problems.add(CULPRIT, "has a time-out that is 0, or more than a minute");
        }
        if let Some(problem) = self.lease.and_then(Lease::problem) {
            problems.add(CULPRIT, problem);
        }
        let one_key_only = matches!(self.place, Place::Cluster(_)) && !self.one_slot;
        let servers = Servers::new(self.place, &self.access)
            .map_err(|problem| ConfigError::new(CULPRIT, problem));
        let servers = problems.note(servers);
        problems.into_result()?;
        let servers = servers.ok_or_else(|| ConfigError::new(CULPRIT, "has no server"))?;
        Ok(RedisStore(Arc::new(Inner {
            link: Link::new(servers, self.access.patience),
            names: Names::new(self.prefix, &self.secret, self.one_slot),
            script: DrawScript::new(),
            one_key_only,
            patience: self.access.patience,
            lease: self.lease,
            owed: Owed::default(),
            health: Arc::new(Health::new(self.access.patience)),
        })))
    }
}

/// Never the URL, which may hold a password, and no secret.
impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
