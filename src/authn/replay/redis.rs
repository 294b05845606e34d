use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisError, Script};

use super::{Novelty, Remembered, ReplayStore, ReplayStoreError, SpentProof};
use crate::config::ConfigError;

/// Proofs of one key a minute, unless said otherwise: what the store in memory takes.
const DEFAULT_QUOTA: u32 = 10_000;

/// How long the server has to connect, and to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// One step on the server: to look, to count and to remember. The count of a key starts anew a minute after its first proof.
const REMEMBER: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
if tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[2]) then return 2 end
redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1])
if redis.call('INCR', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], 60000) end
return 0
";

/// Remembers used proofs in Redis, for all instances that share it. Clones share the connection.
///
/// Connects when the first proof comes, and again by itself when the connection is lost. While the server cannot be asked,
/// proofs are refused with 503.
///
/// # Deployment caveat
///
/// The server must not evict: set `maxmemory-policy noeviction`, or a server that runs full forgets proofs that are still
/// good. With `noeviction` it refuses them instead. A replica that takes over before it has heard of a proof does not know
/// it. Only hashes and times are stored; still, whoever can write to the server can make it forget.
///
/// ```no_run
/// # fn main() -> Result<(), tower_warden::ConfigError> {
/// use tower_warden::authn::replay::RedisReplayStore;
///
/// let store = RedisReplayStore::builder("redis://127.0.0.1:6379/").prefix("orders").build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisReplayStore(Arc<Inner>);

struct Inner {
    client: Client,
    /// Made where a runtime is at hand.
    connection: OnceLock<ConnectionManager>,
    script: Script,
    prefix: String,
    quota: u32,
    patience: Duration,
}

impl RedisReplayStore {
    /// Starts a store on the server at `url`: `redis://`, or `redis+unix://` with the path of a socket.
    pub fn builder(url: impl Into<String>) -> RedisReplayStoreBuilder {
        RedisReplayStoreBuilder {
            url: url.into(),
            prefix: "tower-warden".to_owned(),
            quota: DEFAULT_QUOTA,
            patience: PATIENCE,
        }
    }
}

impl ReplayStore for RedisReplayStore {
    fn remember(&self, proof: &SpentProof) -> Remembered {
        let (inner, proof) = (Arc::clone(&self.0), *proof);
        Remembered::pending(async move { inner.remember(&proof).await })
    }
}

impl Inner {
    async fn remember(&self, proof: &SpentProof) -> Result<Novelty, ReplayStoreError> {
        let mut connection = self.connection().map_err(ReplayStoreError::new)?;
        // The braces put both keys onto one node of a cluster.
        let holder = format!("{}:dpop:{{{}}}", self.prefix, short(proof.holder()));
        let milliseconds = u64::try_from(proof.keep_for().as_millis()).unwrap_or(u64::MAX).max(1);
        let answer: i64 = self
            .script
            .key(format!("{holder}:{}", short(proof.id())))
            .key(&holder)
            .arg(milliseconds)
            .arg(self.quota)
            .invoke_async(&mut connection)
            .await
            .map_err(ReplayStoreError::new)?;
        match answer {
            0 => Ok(Novelty::New),
            1 => Ok(Novelty::Replayed),
            2 => Ok(Novelty::QuotaSpent),
            _ => Err(ReplayStoreError::new(
                "the server gave an answer that the script does not have",
            )),
        }
    }

    fn connection(&self) -> Result<ConnectionManager, RedisError> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience))
            .set_number_of_retries(1)
            .set_max_delay(self.patience);
        let connection = ConnectionManager::new_lazy_with_config(self.client.clone(), config)?;
        Ok(self.connection.get_or_init(|| connection).clone())
    }
}

/// Half of a SHA-256 digest, as text.
fn short(digest: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(&digest[..16])
}

/// Never the URL, which may hold a password.
impl fmt::Debug for RedisReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayStore").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

/// Builds a [`RedisReplayStore`].
#[derive(Clone)]
#[must_use = "a builder makes nothing until `build`"]
pub struct RedisReplayStoreBuilder {
    url: String,
    prefix: String,
    quota: u32,
    patience: Duration,
}

impl RedisReplayStoreBuilder {
    /// What the names of all keys start with: `tower-warden` unless said otherwise. Services with another prefix on the same
    /// server know nothing of each other's proofs.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Proofs of one key a minute: 10,000 unless said otherwise.
    pub const fn quota(mut self, proofs: u32) -> Self {
        self.quota = proofs;
        self
    }

    /// How long the server has to connect, and to answer: 500 ms unless said otherwise. The scheme's own patience
    /// ([`replay_timeout`](crate::authn::dpop::DpopBuilder::replay_timeout)) bounds both together.
    pub const fn timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The store. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If the URL is none of Redis, or one with TLS; or the quota or the time is 0.
    pub fn build(self) -> Result<RedisReplayStore, ConfigError> {
        let problem = |problem| ConfigError::new("Redis replay store", problem);
        // The error may quote the URL, and the URL a password.
        let bad_url = |_| problem("has no URL of a Redis server");
        let server = self.url.into_connection_info().map_err(bad_url)?;
        if matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err(problem("has a URL with TLS, which this store does not speak"));
        }
        // Sends at once what there is: many small commands share a connection.
        let server = server.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(server).map_err(bad_url)?;
        if self.quota == 0 || self.patience.is_zero() {
            return Err(problem("would refuse every proof: its quota or its time is 0"));
        }
        Ok(RedisReplayStore(Arc::new(Inner {
            client,
            connection: OnceLock::new(),
            script: Script::new(REMEMBER),
            prefix: self.prefix,
            quota: self.quota,
            patience: self.patience,
        })))
    }
}

/// Never the URL, which may hold a password.
impl fmt::Debug for RedisReplayStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayStoreBuilder")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
