use std::sync::Arc;
use std::time::Duration;

use super::RemoteKeys;
use super::address;
use super::fetch::{Fetch, Location};
use super::lifetime::Bounds;
use super::state::State;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems, without_password};
use crate::http_client::{self, HttpClient};

/// The least that a cooldown or a lifetime may be: less would be a flood.
const LEAST: Duration = Duration::from_secs(1);

/// The most that a round may take: requests wait for it.
const LONGEST_ROUND: Duration = Duration::from_secs(60);

/// The most keys that a set may have, unless said otherwise.
const DEFAULT_MAX_KEYS: usize = 100;

/// Builds [`RemoteKeys`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct RemoteKeysBuilder {
    place: Place,
    client: Option<Arc<dyn HttpClient>>,
    clock: Arc<dyn Clock>,
    cooldown: Duration,
    lifetime: Bounds,
    max_stale: Duration,
    timeout: Duration,
    max_body: usize,
    max_keys: usize,
    plain_loopback: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Issuer(String),
    KeySet(String),
}

impl RemoteKeysBuilder {
    pub(super) fn discover(issuer: &str) -> Self {
        Self::new(Place::Issuer(issuer.to_owned()))
    }

    pub(super) fn at(jwks_uri: &str) -> Self {
        Self::new(Place::KeySet(jwks_uri.to_owned()))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            client: None,
            clock: Arc::new(SystemClock::default()),
            cooldown: Duration::from_secs(30),
            lifetime: Bounds {
                least: Duration::from_secs(60),
                most: Duration::from_secs(3_600),
                usual: Duration::from_secs(600),
            },
            max_stale: Duration::from_secs(24 * 3_600),
            timeout: Duration::from_secs(5),
            max_body: 512 * 1024,
            max_keys: DEFAULT_MAX_KEYS,
            plain_loopback: false,
        }
    }

    /// Asks through this client. Default: a [`ReqwestClient`](http_client::ReqwestClient).
    pub fn client(mut self, client: impl HttpClient) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// Takes the time from this clock, for everything but the time that a round may take.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long tokens that name an unknown key make nobody ask after a round ended, successful or not: 30 s unless said
    /// otherwise, at least 1 s.
    pub const fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// How long keys are current at least and at most, whatever `Cache-Control` says: 60 s to 1 h unless said otherwise,
    /// at least 1 s. Where it says nothing, they are for 10 min, or the bound that is nearer.
    pub const fn lifetime(mut self, least: Duration, most: Duration) -> Self {
        self.lifetime.least = least;
        self.lifetime.most = most;
        self
    }

    /// How long keys stay in use that are no longer current and cannot be renewed: 24 h unless said otherwise, 0 for not
    /// at all. Then requests get a 503 until the issuer answers again.
    pub const fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// How long a round may take, metadata and keys together: 5 s unless said otherwise, at most 60 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The longest answer that is read, in bytes: 512 KiB unless said otherwise.
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// The most keys that a set may have, usable or not: 100 unless said otherwise. A larger set is not taken.
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Takes issuers and key sets on this machine (`localhost`, `127.0.0.0/8`, `[::1]`) over plain HTTP, for tests and
    /// local development. Logs a warning when built.
    pub const fn insecure_allow_loopback_http(mut self) -> Self {
        self.plain_loopback = true;
        self
    }

    /// The source of keys. Nothing is fetched yet: that is for the first token, or for [`RemoteKeys::load`].
    ///
    /// # Errors
    ///
    /// If the address is not https, or is no address; if a time or a limit would leave nothing; if the client cannot be
    /// made. All problems are listed.
    pub fn build(self) -> Result<RemoteKeys, ConfigError> {
        let mut problems = Problems::default();
        let (culprit, location) = match &self.place {
            Place::Issuer(issuer) => {
                let documents = address::of_metadata(issuer, self.plain_loopback);
                let location = documents.map(|documents| Location::Metadata {
                    issuer: issuer.as_str().into(),
                    documents,
                });
                (format!("keys of issuer {:?}", without_password(issuer)), location)
            }
            Place::KeySet(uri) => {
                let location = address::checked(uri, self.plain_loopback).map(Location::KeySet);
                (format!("keys at {:?}", without_password(uri)), location)
            }
        };
        let location = problems.note(location.map_err(|it| ConfigError::new(&*culprit, it)));
        let Bounds { least, most, .. } = self.lifetime;
        for (wrong, problem) in [
            (self.cooldown < LEAST, "have a cooldown of less than 1 s"),
            (least < LEAST, "have a lifetime of less than 1 s"),
            (least > most, "have a least lifetime that is longer than the most"),
            (self.timeout.is_zero(), "have no time to be fetched in"),
            (self.timeout > LONGEST_ROUND, "would let requests wait for more than 60 s"),
            (self.max_body == 0, "may not have a byte"),
            (self.max_keys == 0, "may not be one"),
        ] {
            if wrong {
                problems.add(&*culprit, problem);
            }
        }
        let client = match self.client {
            Some(client) => Some(client),
            // Reads all certificates that the system trusts: not for an address that nobody will ask.
            None => {
                let client = || problems.note(http_client::default_client(self.plain_loopback));
                location.is_some().then(client).flatten()
            }
        };
        problems.into_result()?;
        let (Some(location), Some(client)) = (location, client) else {
            return Err(ConfigError::new(culprit, "cannot be fetched"));
        };
        if self.plain_loopback {
            tracing::warn!(
                target: "tower_warden::posture",
                switch = "insecure_allow_loopback_http",
                "keys may come over plain HTTP from this machine"
            );
        }
        let fetch = Fetch {
            location,
            client,
            plain_loopback: self.plain_loopback,
            timeout: self.timeout,
            max_body: self.max_body,
            max_keys: self.max_keys,
            lifetime: self.lifetime,
        };
        Ok(RemoteKeys::new(State::new(fetch, self.clock, self.cooldown, self.max_stale)))
    }
}
