use std::sync::Arc;
use std::time::Duration;

use super::key_set::{Keys, MAX_CANDIDATES};
use super::{Algorithm, KeySet, KeySource, VerifyingKey};
use crate::config::{ConfigError, Problems};

/// How much two clocks may differ, unless said otherwise.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

/// The most that two clocks may be said to differ.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// An issuer whose tokens are accepted: its keys, for which audience, and how its claims are read.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub(in crate::authn) name: Arc<str>,
    pub(in crate::authn) audiences: Vec<String>,
    pub(in crate::authn) keys: Keys,
    pub(in crate::authn) algorithms: Vec<Algorithm>,
    pub(in crate::authn) leeway: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) access_tokens_only: bool,
    pub(super) unmarked_tokens: bool,
    pub(super) roles_claim: String,
    pub(super) tenant_claim: String,
}

impl Issuer {
    /// Starts an issuer; `name` is compared with `iss` byte for byte (RFC 9068 4).
    pub fn builder(name: &str) -> IssuerBuilder {
        IssuerBuilder {
            issuer: Self {
                name: name.into(),
                audiences: Vec::new(),
                keys: Keys::Fixed(Arc::new(KeySet::new(Vec::new()))),
                algorithms: Vec::new(),
                leeway: DEFAULT_LEEWAY,
                max_age: None,
                access_tokens_only: false,
                unmarked_tokens: false,
                roles_claim: "roles".to_owned(),
                tenant_claim: "tenant".to_owned(),
            },
            keys: Vec::new(),
            source: None,
            allowed: None,
        }
    }

    /// Starts an issuer whose keys are those that it publishes, at the address that its metadata tell: the short form of
    /// [`builder`](Self::builder) with [`RemoteKeys::discover`](crate::authn::jwks::RemoteKeys::discover). Problems with
    /// the name are told by [`IssuerBuilder::build`].
    #[cfg(feature = "jwks")]
    pub fn discover(name: &str) -> IssuerBuilder {
        let keys = crate::authn::jwks::RemoteKeys::discover(name).build();
        let source = keys.map(|keys| Arc::new(keys) as Arc<dyn KeySource>);
        IssuerBuilder { source: Some(source), ..Self::builder(name) }
    }

    /// The issuer's name, as in `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Builds an [`Issuer`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct IssuerBuilder {
    issuer: Issuer,
    keys: Vec<VerifyingKey>,
    source: Option<Result<Arc<dyn KeySource>, ConfigError>>,
    allowed: Option<Vec<Algorithm>>,
}

impl IssuerBuilder {
    /// Accepts tokens for this audience. There is no default: at least one audience must be named (RFC 8725 3.9).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.issuer.audiences.push(audience.into());
        self
    }

    /// Trusts this key.
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Trusts the keys of this source, which may change while the service runs. Instead of fixed keys.
    pub fn keys_from(mut self, source: impl KeySource) -> Self {
        self.source = Some(Ok(Arc::new(source)));
        self
    }

    /// Narrows the accepted algorithms to these. Default: those that the keys are bound to; with
    /// [`keys_from`](Self::keys_from), all but HMAC.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.allowed = Some(algorithms.into_iter().collect());
        self
    }

    /// How much the issuer's clock may differ from ours: 60 s unless said otherwise, at most 300 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.issuer.leeway = leeway;
        self
    }

    /// Refuses tokens that were issued longer ago, or that do not say when they were issued.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.issuer.max_age = Some(age);
        self
    }

    /// Accepts only tokens that say they are access tokens: `typ` is `at+jwt`, and `client_id`, `iat` and `jti` are
    /// present (RFC 9068 2.1, 2.2, 4). Turn it on for every issuer that can.
    pub const fn access_tokens_only(mut self) -> Self {
        self.issuer.access_tokens_only = true;
        self
    }

    /// Accepts tokens that nothing tells from an ID token: neither a type, nor what they are called (`token_use`, `typ`), nor
    /// a scope or a client (`scope`, `scp`, `client_id`, `cid`, `appid`). For an issuer whose access tokens have none of
    /// these, and which issues no ID tokens for our audience. Logs a warning when built.
    pub const fn insecure_accept_unmarked_tokens(mut self) -> Self {
        self.issuer.unmarked_tokens = true;
        self
    }

    /// The claim that lists roles: an array of strings, or a single one. Default: `roles`.
    pub fn roles_claim(mut self, claim: impl Into<String>) -> Self {
        self.issuer.roles_claim = claim.into();
        self
    }

    /// The claim that names the tenant. Default: `tenant`.
    pub fn tenant_claim(mut self, claim: impl Into<String>) -> Self {
        self.issuer.tenant_claim = claim.into();
        self
    }

    /// The issuer.
    ///
    /// # Errors
    ///
    /// If audience or keys are missing, HMAC and asymmetric keys are mixed, two keys share name and algorithm, an allowed
    /// algorithm has no key, more than four keys answer to the same token, or the leeway is over 300 s. All problems are
    /// listed.
    pub fn build(self) -> Result<Issuer, ConfigError> {
        let Self { mut issuer, keys, source, allowed } = self;
        let culprit = format!("issuer {:?}", &*issuer.name);
        let mut problems = Problems::default();
        if issuer.name.is_empty() {
            problems.add(&culprit, "needs a name, to be compared with `iss`");
        }
        if issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty) {
            problems.add(
                &culprit,
                "needs an audience: without one, tokens for other services would be accepted",
            );
        }
        if issuer.leeway > MAX_LEEWAY {
            problems.add(&culprit, "has a leeway of more than 300 s");
        }
        let mut algorithms: Vec<_> = match &source {
            None => keys.iter().flat_map(VerifyingKey::algorithms).collect(),
            // A key that changes hands over the network is no secret.
            Some(_) => Algorithm::ALL.into_iter().filter(|one| !one.is_symmetric()).collect(),
        };
        algorithms.sort_unstable();
        algorithms.dedup();
        if algorithms.is_empty() {
            problems.add(&culprit, "needs a key");
        }
        if source.is_some() && !keys.is_empty() {
            problems.add(&culprit, "has both fixed keys and a source of keys");
        }
        if algorithms.iter().any(|one| one.is_symmetric())
            && !algorithms.iter().all(|one| one.is_symmetric())
        {
            problems.add(
                &culprit,
                "mixes HMAC with asymmetric keys, which invites algorithm confusion",
            );
        }
        if let Some(allowed) = allowed {
            for algorithm in allowed.iter().filter(|one| !algorithms.contains(one)) {
                problems.add(&culprit, format!("allows {algorithm}, but has no key for it"));
            }
            if allowed.is_empty() {
                problems.add(&culprit, "allows no algorithm");
            }
            algorithms.retain(|one| allowed.contains(one));
        }
        for (index, key) in keys.iter().enumerate() {
            let same = |other: &&VerifyingKey| {
                key.id().is_some()
                    && other.id() == key.id()
                    && key.algorithms().any(|one| other.fits(one, None))
            };
            if let Some(id) = keys[..index].iter().find(same).and_then(VerifyingKey::id) {
                problems.add(&culprit, format!("has two keys named {id:?} for one algorithm"));
            }
        }
        // A token that names a key is tried with the key of that name, and with those that have none.
        let crowded = |algorithm: &Algorithm| {
            let fitting = || keys.iter().filter(|key| key.fits(*algorithm, None));
            let unnamed = fitting().filter(|key| key.id().is_none()).count();
            unnamed + usize::from(fitting().any(|key| key.id().is_some())) > MAX_CANDIDATES
        };
        if let Some(algorithm) = algorithms.iter().find(|one| crowded(one)) {
            problems.add(
                &culprit,
                format!("has more than {MAX_CANDIDATES} keys for one token of {algorithm}"),
            );
        }
        let source = source.and_then(|source| problems.note(source));
        problems.into_result()?;
        if issuer.unmarked_tokens {
            tracing::warn!(
                target: "tower_warden::posture",
                issuer = &*issuer.name,
                "tokens that may be ID tokens are accepted as access tokens"
            );
        }
        issuer.algorithms = algorithms;
        issuer.keys = match source {
            Some(source) => Keys::Live(source),
            None => Keys::Fixed(Arc::new(KeySet::new(keys))),
        };
        Ok(issuer)
    }
}
