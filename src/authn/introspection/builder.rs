use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::cache::Cache;
use super::client::{AuthenticateClient, Authorization, ByCertificate};
use super::endpoint::Endpoint;
use super::flights::Flights;
use super::identity::Identity;
use super::validator::{Expected, Inner, IntrospectionValidator, Memory};
use crate::authn::jwt::Issuer;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::http_client::{self, HttpClient};

/// The most that two clocks may be said to differ.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// The longest that an answer may be believed without asking again.
const MAX_CACHE: Duration = Duration::from_secs(3600);

/// Builds an [`IntrospectionValidator`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct IntrospectionValidatorBuilder {
    endpoint: String,
    plain_loopback: bool,
    /// Names the client in the cache's keys.
    client: String,
    authentication: Option<Arc<dyn AuthenticateClient>>,
    unsendable: bool,
    http: Option<Arc<dyn HttpClient>>,
    signed_by: Option<Issuer>,
    expected: Expected,
    cache_for: Duration,
    refusals_for: Duration,
    capacity: usize,
    timeout: Duration,
    most_calls: usize,
    failures: u32,
    cool_down: Duration,
    clock: Arc<dyn Clock>,
}

impl IntrospectionValidatorBuilder {
    pub(super) fn new(endpoint: String, issuer: Arc<str>) -> Self {
        Self {
            endpoint,
            plain_loopback: false,
            client: String::new(),
            authentication: None,
            unsendable: false,
            http: None,
            signed_by: None,
            expected: Expected {
                issuer,
                audiences: Vec::new(),
                any_audience: false,
                client_as_subject: false,
                leeway: Duration::from_secs(60),
                roles_claim: "roles".to_owned(),
                tenant_claim: "tenant".to_owned(),
            },
            cache_for: Duration::from_secs(60),
            refusals_for: Duration::from_secs(5),
            capacity: 10_000,
            timeout: Duration::from_secs(3),
            most_calls: 64,
            failures: 5,
            cool_down: Duration::from_secs(10),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Accepts tokens for this audience; `aud` has then to be in the response. There is no default: at least one
    /// audience must be named.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.expected.audiences.push(audience.into());
        self
    }

    /// Accepts tokens for any audience, and those that name none: whoever gets a token for another service of the same
    /// server gets in here too. For servers that tell no audience and answer only about tokens that are for whoever asks.
    pub const fn insecure_any_audience(mut self) -> Self {
        self.expected.any_audience = true;
        self
    }

    /// Says who asks with client id and secret, by HTTP Basic (RFC 6749 2.3.1).
    pub fn client_secret(self, id: &str, secret: &str) -> Self {
        let is_blank = id.is_empty() || secret.is_empty();
        self.authorization(id, Authorization::basic(id, secret), is_blank)
    }

    /// Says who asks with an access token of this service's own (RFC 7662 2.1). One that is renewed now and then needs
    /// [`client_authentication`](Self::client_authentication).
    pub fn bearer_token(self, token: &str) -> Self {
        self.authorization("", Authorization::bearer(token), token.is_empty())
    }

    fn authorization(mut self, client: &str, field: Authorization, is_blank: bool) -> Self {
        self.unsendable = is_blank || !field.is_sendable();
        client.clone_into(&mut self.client);
        self.authentication = Some(Arc::new(field));
        self
    }

    /// Says who asks with the certificate of the HTTP client, which belongs to this client id (RFC 8705 2).
    pub fn client_certificate(mut self, id: impl Into<String>) -> Self {
        self.client = id.into();
        self.authentication = Some(Arc::new(ByCertificate(self.client.clone())));
        self.unsendable = false;
        self
    }

    /// Says who asks in a way of your own.
    pub fn client_authentication(mut self, how: impl AuthenticateClient) -> Self {
        self.client = String::new();
        self.authentication = Some(Arc::new(how));
        self.unsendable = false;
        self
    }

    /// Sends requests with this client. Default: a [`ReqwestClient`](http_client::ReqwestClient), which verifies the server's
    /// certificate and follows no redirects.
    pub fn http_client(mut self, client: impl HttpClient) -> Self {
        self.http = Some(Arc::new(client));
        self
    }

    /// Demands signed responses (RFC 9701), and accepts no others. `server` is the authorization server with its keys;
    /// its audience is what it calls this service there, mostly the client id.
    pub fn signed_responses(mut self, server: Issuer) -> Self {
        self.signed_by = Some(server);
        self
    }

    /// Takes a token that names a client but no subject for the client's own, as some servers answer for client
    /// credentials. Only where the server names the subject whenever a person stands behind a token: otherwise a
    /// person's token would pass for its client.
    pub const fn client_as_subject(mut self) -> Self {
        self.expected.client_as_subject = true;
        self
    }

    /// How much the server's clock may differ from ours: 60 s unless said otherwise, at most 300 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.expected.leeway = leeway;
        self
    }

    /// The member that lists roles: an array of strings, or a single one. Default: `roles`.
    pub fn roles_claim(mut self, claim: impl Into<String>) -> Self {
        self.expected.roles_claim = claim.into();
        self
    }

    /// The member that names the tenant. Default: `tenant`.
    pub fn tenant_claim(mut self, claim: impl Into<String>) -> Self {
        self.expected.tenant_claim = claim.into();
        self
    }

    /// How long an active token is believed without asking again: 60 s unless said otherwise, at most an hour, and never
    /// past its expiry. What the server revokes goes on working here for as long.
    pub const fn cache_for(mut self, time: Duration) -> Self {
        self.cache_for = time;
        self
    }

    /// How long a refusal is remembered: 5 s unless said otherwise, at most an hour.
    pub const fn cache_refusals_for(mut self, time: Duration) -> Self {
        self.refusals_for = time;
        self
    }

    /// How many active tokens are remembered, and as many refusals beside them: 10,000 of each unless said otherwise.
    /// What has no room is asked about each time.
    pub const fn cache_capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// Remembers nothing: asks about every token of every request. Requests that come at the same time with the same
    /// token still share a call.
    pub const fn without_cache(self) -> Self {
        self.cache_capacity(0)
    }

    /// How long to wait for an answer: 3 s unless said otherwise. After that, 503.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many calls may be under way: 64 unless said otherwise. Beyond, 503.
    pub const fn max_calls(mut self, calls: usize) -> Self {
        self.most_calls = calls;
        self
    }

    /// Leaves the endpoint alone for `cool_down` when it failed so many times in a row: 5 times and 10 s unless said
    /// otherwise. Meanwhile tokens that are remembered are good, and all others get a 503 at once.
    pub const fn circuit_breaker(mut self, failures: u32, cool_down: Duration) -> Self {
        self.failures = failures;
        self.cool_down = cool_down;
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Allows an endpoint without TLS on this machine: `127.0.0.0/8`, `::1` and `localhost`. For tests, and for a proxy
    /// beside the service that adds TLS.
    pub const fn insecure_plain_loopback(mut self) -> Self {
        self.plain_loopback = true;
        self
    }

    /// The validator. Warns in the log of what is insecure.
    ///
    /// # Errors
    ///
    /// If the endpoint is no `https` URL, the issuer has no name, the audience, or the client's authentication is
    /// missing, the HTTP client cannot be made, the server of signed responses has another name, the leeway is over 300 s, an answer is
    /// remembered for more than an hour, or a time or number is 0 that must not be. All problems are listed.
    pub fn build(self) -> Result<IntrospectionValidator, ConfigError> {
        let mut problems = Problems::default();
        let endpoint = problems.note(Endpoint::parse(&self.endpoint, self.plain_loopback));
        self.check(&mut problems);
        let http = match self.http.clone() {
            Some(client) => Some(client),
            // Reads all certificates that the system trusts: not for an address that nobody will ask.
            None => {
                let client = || problems.note(http_client::default_client(self.plain_loopback));
                endpoint.is_some().then(client).flatten()
            }
        };
        problems.into_result()?;
        let (Some(endpoint), Some(authentication), Some(http)) =
            (endpoint, self.authentication, http)
        else {
            unreachable!("what is missing was noted as a problem")
        };
        let Expected { issuer, audiences, any_audience, .. } = &self.expected;
        for (is_on, switch) in [
            (*any_audience, "insecure_any_audience"),
            (self.plain_loopback, "insecure_plain_loopback"),
        ] {
            if is_on {
                tracing::warn!(
                    target: "tower_warden::authn", issuer = &**issuer, switch,
                    "a protection of token introspection is switched off"
                );
            }
        }
        let parts = [&*self.endpoint, issuer, &self.client];
        let identity = Identity::new(parts.into_iter().chain(audiences.iter().map(String::as_str)));
        let breaker = Breaker::new(self.failures, self.cool_down, Arc::clone(&self.clock));
        Ok(IntrospectionValidator(Arc::new(Inner {
            endpoint,
            http,
            authentication,
            timeout: self.timeout,
            signed_by: self.signed_by,
            expected: self.expected,
            identity,
            memory: Memory {
                good: Cache::new(self.capacity),
                good_for: self.cache_for,
                bad: Cache::new(self.capacity),
                bad_for: self.refusals_for,
            },
            flights: Arc::new(Flights::new(self.most_calls)),
            breaker,
            clock: self.clock,
        })))
    }

    fn check(&self, problems: &mut Problems) {
        let Expected { issuer, audiences, any_audience, leeway, .. } = &self.expected;
        let culprit = format!("introspection for {issuer:?}");
        let mut demand = |good: bool, problem: &str| {
            if !good {
                problems.add(&culprit, problem);
            }
        };
        demand(!issuer.is_empty(), "needs the name of the issuer");
        demand(
            *any_audience || !audiences.is_empty(),
            "needs an audience: without one, tokens for other services would be accepted",
        );
        demand(!audiences.iter().any(String::is_empty), "has an audience without a name");
        demand(
            audiences.is_empty() || !any_audience,
            "names an audience and accepts any: one of them is a slip",
        );
        demand(
            self.authentication.is_some(),
            "needs client authentication: an endpoint must not answer strangers (RFC 7662 2.1)",
        );
        demand(
            !self.unsendable,
            "has credentials that are empty or cannot stand in a header field",
        );
        demand(
            self.signed_by.as_ref().is_none_or(|server| server.name() == &**issuer),
            "has signed responses of a server with another name",
        );
        demand(*leeway <= MAX_LEEWAY, "has a leeway of more than 300 s");
        demand(
            self.cache_for <= MAX_CACHE && self.refusals_for <= MAX_CACHE,
            "remembers answers for more than an hour",
        );
        demand(!self.timeout.is_zero(), "gives the endpoint no time to answer");
        demand(self.most_calls > 0, "allows no call");
        demand(self.failures > 0, "would never ask: its circuit breaker opens before a failure");
    }
}
