use std::sync::Arc;
use std::time::Duration;

use super::authenticator::{DpopAuthenticator, Inner, SCHEME};
use super::nonce::{NonceKey, Nonces};
use super::target::Target;
use crate::authn::TokenValidator;
use crate::authn::jwt::Algorithm;
use crate::authn::replay::{MemoryReplayStore, ReplayStore};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems, without_password};
use crate::rejection::Challenge;

/// A window beyond which a proof is no proof of the present.
const LONGEST_AGE: Duration = Duration::from_secs(300);

/// A difference beyond which a clock is broken.
const LARGEST_TOLERANCE: Duration = Duration::from_secs(60);

/// A period beyond which a nonce is not recent.
const LONGEST_NONCE_PERIOD: Duration = Duration::from_secs(3600);

/// Builds a [`DpopAuthenticator`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct DpopBuilder {
    validator: Arc<dyn TokenValidator>,
    services: Vec<String>,
    algorithms: Vec<Algorithm>,
    max_age: Duration,
    tolerance: Duration,
    nonces: Option<NonceKey>,
    nonce_period: Duration,
    replays: Option<Arc<dyn ReplayStore>>,
    replay_timeout: Duration,
    clock: Arc<dyn Clock>,
    realm: String,
    parameters: Vec<(String, String)>,
}

impl DpopBuilder {
    pub(super) fn new(validator: Arc<dyn TokenValidator>) -> Self {
        Self {
            validator,
            services: Vec::new(),
            algorithms: vec![Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ed25519],
            max_age: Duration::from_secs(60),
            tolerance: Duration::from_secs(5),
            nonces: None,
            nonce_period: Duration::from_secs(120),
            replays: None,
            replay_timeout: Duration::from_secs(1),
            clock: Arc::new(SystemClock::default()),
            realm: "api".to_owned(),
            parameters: Vec::new(),
        }
    }

    /// The URL under which callers know the service, such as `https://api.example` or `https://example.com/api`: what
    /// stands before the path of each request in `htu`. Mandatory; once for each name of the service.
    ///
    /// The `Host` field is not asked: its sender wrote it.
    pub fn external_url(mut self, url: impl Into<String>) -> Self {
        self.services.push(url.into());
        self
    }

    /// The algorithms that proofs may be signed with, in place of ES256, EdDSA and Ed25519.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How old a proof may be: 60 s unless said otherwise, at most 300 s.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How far in the future a proof may have been made, and how much clocks of several instances may differ: 5 s unless
    /// said otherwise, at most 60 s.
    pub const fn clock_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Demands a nonce in every proof, made with this key (RFC 9449 9). Off unless said so.
    pub fn nonces(mut self, key: NonceKey) -> Self {
        self.nonces = Some(key);
        self
    }

    /// How long one nonce is given out: 120 s unless said otherwise, whole seconds, at most an hour. It is accepted for as
    /// long again.
    pub const fn nonce_period(mut self, period: Duration) -> Self {
        self.nonce_period = period;
        self
    }

    /// Remembers used proofs here. Default: in the memory of this process, which is right for a single instance.
    pub fn replay_store(mut self, store: impl ReplayStore) -> Self {
        self.replays = Some(Arc::new(store));
        self
    }

    /// How long the store has to answer, then 503: 1 s unless said otherwise.
    pub const fn replay_timeout(mut self, patience: Duration) -> Self {
        self.replay_timeout = patience;
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Names another realm in the challenge than `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Adds a parameter to the challenge, such as `resource_metadata` (RFC 9728 5.1).
    pub fn challenge_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The scheme.
    ///
    /// # Errors
    ///
    /// If there is no external URL, or one is not `https` (`http` for this machine alone) or has a query, a fragment or
    /// user information; if there is no algorithm, or a symmetric one; if a time is out of bounds; or if the realm or a
    /// parameter cannot stand in a challenge. All are listed.
    pub fn build(self) -> Result<DpopAuthenticator, ConfigError> {
        let mut problems = Problems::default();
        if self.services.is_empty() {
            problems.add("DPoP", "needs the external URL of the service");
        }
        let services = self.services.iter().filter_map(|url| problems.note(service(url))).collect();
        if self.algorithms.is_empty() {
            problems.add("DPoP", "would refuse every proof: there is no algorithm");
        }
        for symmetric in self.algorithms.iter().filter(|one| one.is_symmetric()) {
            problems.add(format!("DPoP algorithm {symmetric}"), "is symmetric (RFC 9449 4.3)");
        }
        if self.max_age.is_zero() || self.max_age > LONGEST_AGE {
            problems.add("DPoP maximum age", "is 0, or over 300 s");
        }
        if self.tolerance > LARGEST_TOLERANCE {
            problems.add("DPoP clock tolerance", "is over 60 s");
        }
        let period = self.nonce_period;
        if period.is_zero() || period.subsec_nanos() > 0 || period > LONGEST_NONCE_PERIOD {
            problems.add("DPoP nonce period", "is not in whole seconds, from 1 s to an hour");
        }
        if self.replay_timeout.is_zero() {
            problems.add("DPoP replay store", "would refuse every proof: its time is 0");
        }
        let challenge = problems.note(self.challenge());
        problems.into_result()?;
        let challenge = challenge.ok_or_else(|| ConfigError::new("DPoP", "has no challenge"))?;
        let tolerance = self.tolerance;
        let nonces = self.nonces.map(|key| Nonces { key, period, tolerance });
        let in_memory = || Arc::new(MemoryReplayStore::with_clock(Arc::clone(&self.clock)));
        let replays = self.replays.unwrap_or_else(|| in_memory());
        Ok(DpopAuthenticator(Arc::new(Inner {
            validator: self.validator,
            services,
            algorithms: self.algorithms,
            max_age: self.max_age,
            tolerance,
            nonces,
            replays,
            replay_timeout: self.replay_timeout,
            clock: self.clock,
            challenge,
        })))
    }

    fn challenge(&self) -> Result<Challenge, ConfigError> {
        let names: Vec<_> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let challenge =
            Challenge::new(SCHEME, &self.realm)?.with_parameter("algs", &names.join(" "))?;
        self.parameters
            .iter()
            .try_fold(challenge, |challenge, (name, value)| challenge.with_parameter(name, value))
    }
}

fn service(url: &str) -> Result<Target, ConfigError> {
    let shown = without_password(url);
    let problem = |problem| ConfigError::new(format!("external URL {shown:?}"), problem);
    if url.contains(['?', '#']) {
        return Err(problem("has a query or a fragment, which no path can follow"));
    }
    let service = Target::parse(url)
        .ok_or_else(|| problem("is no absolute http or https URL without user information"))?;
    if !service.is_https() && !service.is_loopback() {
        return Err(problem("is not https: whoever listens could use token and proof first"));
    }
    Ok(service)
}
