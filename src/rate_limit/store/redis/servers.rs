//! Which servers there are, and how they are reached.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError,
    RedisResult, TlsCertificates, TlsMode,
};
use tokio::time::timeout;

use super::link::Connection;

/// The time for all steps of a connection is this many times that of one.
const STEPS: u32 = 4;

/// Where the buckets are.
#[derive(Clone)]
pub(super) enum Place {
    One(String),
    Sentinel { master: String, urls: Vec<String> },
    Cluster(Vec<String>),
}

/// What a server asks of those who connect, beside what is in its URL.
#[derive(Clone, Default)]
pub(super) struct Access {
    pub(super) root_certificates: Option<Vec<u8>>,
    pub(super) login: Option<(String, String)>,
    pub(super) patience: Duration,
}

pub(super) struct Servers {
    kind: Kind,
    patience: Duration,
}

enum Kind {
    One(Box<Client>),
    Sentinel(Box<dyn Fn() -> RedisResult<redis::sentinel::SentinelClient> + Send + Sync>),
    Cluster(Box<ClusterClient>),
}

impl Servers {
    /// Fails with what is wrong; never with a URL, which may hold a password.
    pub(super) fn new(place: Place, access: &Access) -> Result<Self, &'static str> {
        let (kind, tls) = match place {
            Place::One(url) => Self::one(&url, access)?,
            Place::Sentinel { master, urls } => Self::sentinel(master, &urls, access)?,
            Place::Cluster(urls) => Self::cluster(&urls, access)?,
        };
        if tls {
            // What rustls would do by itself, and could not where a service has two cryptographic libraries.
            if rustls::crypto::CryptoProvider::get_default().is_none() {
                let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            }
        } else if access.root_certificates.is_some() {
            return Err("has root certificates, and no URL begins with rediss://");
        }
        Ok(Self { kind, patience: access.patience })
    }

    fn one(url: &str, access: &Access) -> Result<(Kind, bool), &'static str> {
        let info = access.info(url)?;
        let tls = is_tls(&info);
        let client = match access.certificates() {
            Some(certificates) if tls => Client::build_with_tls(info, certificates),
            _ => Client::open(info),
        };
        Ok((Kind::One(Box::new(client.map_err(|_| BAD_TLS)?)), tls))
    }

    fn sentinel(
        master: String,
        urls: &[String],
        access: &Access,
    ) -> Result<(Kind, bool), &'static str> {
        let infos = urls.iter().map(|url| plain(url)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = infos.first() else { return Err("has no sentinel") };
        if master.is_empty() {
            return Err("has no name of the primary that the sentinels watch");
        }
        let tls = is_tls(first);
        if infos.iter().any(|info| is_tls(info) != tls) {
            return Err("has sentinels with TLS and without");
        }
        let own = first.redis_settings().clone();
        let addresses: Vec<ConnectionAddr> = infos.iter().map(|info| info.addr().clone()).collect();
        let (certificates, login) = (access.certificates(), access.login.clone());
        let build = move || {
            let mut builder =
                SentinelClientBuilder::new(addresses.clone(), &master, SentinelServerType::Master)?
                    .set_client_to_redis_tcp_settings(quick())
                    .set_client_to_sentinel_tcp_settings(quick());
            if let Some(name) = own.username() {
                builder = builder.set_client_to_sentinel_username(name);
            }
            if let Some(password) = own.password() {
                builder = builder.set_client_to_sentinel_password(password);
            }
            if let Some((name, password)) = &login {
                builder = builder.set_client_to_redis_username(name);
                builder = builder.set_client_to_redis_password(password);
            }
            if tls {
                builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                if let Some(certificates) = &certificates {
                    builder = builder
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_certificates(certificates.clone());
                }
            }
            builder.build()
        };
        build().map_err(|_| BAD_TLS)?;
        Ok((Kind::Sentinel(Box::new(build)), tls))
    }

    fn cluster(urls: &[String], access: &Access) -> Result<(Kind, bool), &'static str> {
        let infos = urls.iter().map(|url| access.info(url)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = infos.first() else { return Err("has no node of the cluster") };
        let tls = is_tls(first);
        let mut builder = ClusterClientBuilder::new(infos)
            .connection_timeout(access.patience)
            .response_timeout(access.patience)
            .tcp_settings(quick());
        if let Some(certificates) = access.certificates().filter(|_| tls) {
            builder = builder.certs(certificates);
        }
        let client = builder.build().map_err(|_| {
            "has nodes of a cluster that do not go together: all need the same user, password and TLS"
        })?;
        Ok((Kind::Cluster(Box::new(client)), tls))
    }

    /// A new connection; a Sentinel is asked anew who the primary is.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        let connect = async {
            match &self.kind {
                Kind::One(client) => self.to(client).await.map(Connection::One),
                Kind::Sentinel(build) => {
                    let client = build()?.async_get_client().await?;
                    self.to(&client).await.map(Connection::One)
                }
                Kind::Cluster(client) => {
                    client.get_async_connection().await.map(Connection::Cluster)
                }
            }
        };
        let late = || RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        timeout(self.patience * STEPS, connect).await.unwrap_or_else(|_| Err(late()))
    }

    async fn to(&self, client: &Client) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience));
        client.get_multiplexed_async_connection_with_config(&config).await
    }
}

const BAD_TLS: &str = "has root certificates that are no certificates in PEM format";

impl Access {
    fn certificates(&self) -> Option<TlsCertificates> {
        let root_cert = self.root_certificates.clone()?;
        Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
    }

    /// The server at that URL, with the login that was given beside it.
    fn info(&self, url: &str) -> Result<ConnectionInfo, &'static str> {
        let info = plain(url)?;
        let Some((name, password)) = &self.login else { return Ok(info) };
        let settings = info.redis_settings().clone().set_username(name).set_password(password);
        Ok(info.set_redis_settings(settings))
    }
}

fn plain(url: &str) -> Result<ConnectionInfo, &'static str> {
    let info = url.into_connection_info().map_err(|_| "has no URL of a Redis server")?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err(
            "has a URL that ends in #insecure: give the server's root certificates instead",
        );
    }
    Ok(info.set_tcp_settings(quick()))
}

fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// Sends at once what there is: many small commands share a connection.
fn quick() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}
