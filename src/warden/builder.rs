use std::sync::Arc;
use std::time::Duration;

use super::answer::AnswerHeaders;
use super::controls::Controls;
use super::{Part, Warden};
#[cfg(feature = "mtls")]
use crate::authn::client_certificate::ForwardedCertificates;
#[cfg(feature = "jwt")]
use crate::authn::protected_resource::ProtectedResource;
#[cfg(feature = "jwt")]
use crate::authn::revocation::RevocationList;
use crate::authn::{AuthenticateLayer, Authenticator};
use crate::authz::scope_use::ScopeUse;
use crate::authz::{Rules, RulesLayer};
use crate::client_address::{ClientAddressLayer, TrustedProxies};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::rate_limit::{Fields, Limit, Quota, RateLimitBuilder, RateLimitLayer, WhenUnavailable};
use crate::response_headers::ResponseHeadersLayer;

/// Requests of one client address: a page of an application fetches dozens of things at once.
const ADDRESS_QUOTA: Quota = Quota::per_minute(1_200).burst(200);

/// Failed log-ins of one client address: a few typing errors, no guessing.
const FAILURE_QUOTA: Quota = Quota::per_minute(10).burst(20);

/// Requests of one principal.
const PRINCIPAL_QUOTA: Quota = Quota::per_minute(600).burst(100);

/// Builds a [`Warden`].
///
/// Parts may be given as they are, as builders, or as results: their problems are listed by [`build`](Self::build).
#[derive(Debug)]
#[must_use = "a builder guards nothing until `build`"]
pub struct WardenBuilder {
    schemes: Vec<Arc<dyn Authenticator>>,
    #[cfg(feature = "jwt")]
    issuers: Vec<crate::authn::jwt::Issuer>,
    #[cfg(feature = "jwt")]
    protected_resource: Option<ProtectedResource>,
    #[cfg(feature = "jwt")]
    revocation: Option<Arc<dyn RevocationList>>,
    rules: Option<Rules>,
    scope_use: Option<ScopeUse>,
    response_headers: ResponseHeadersLayer,
    trusted_proxies: TrustedProxies,
    #[cfg(feature = "mtls")]
    forwarded_certificates: Option<ForwardedCertificates>,
    address_quota: Option<Quota>,
    failure_quota: Option<Quota>,
    principal_quota: Option<Quota>,
    limits: Vec<Limit>,
    #[cfg(feature = "redis")]
    rate_limit_store: Option<crate::rate_limit::RedisStore>,
    rate_limit_fields: Fields,
    retry_jitter: Duration,
    when_unavailable: WhenUnavailable,
    reports_unchecked_objects: bool,
    clock: Arc<dyn Clock>,
    problems: Problems,
    rules_given: bool,
    scheme_failed: bool,
}

impl WardenBuilder {
    pub(super) fn new() -> Self {
        Self {
            schemes: Vec::new(),
            #[cfg(feature = "jwt")]
            issuers: Vec::new(),
            #[cfg(feature = "jwt")]
            protected_resource: None,
            #[cfg(feature = "jwt")]
            revocation: None,
            rules: None,
            scope_use: None,
            response_headers: ResponseHeadersLayer::api(),
            trusted_proxies: TrustedProxies::none(),
            #[cfg(feature = "mtls")]
            forwarded_certificates: None,
            address_quota: Some(ADDRESS_QUOTA),
            failure_quota: Some(FAILURE_QUOTA),
            principal_quota: Some(PRINCIPAL_QUOTA),
            limits: Vec::new(),
            #[cfg(feature = "redis")]
            rate_limit_store: None,
            rate_limit_fields: Fields::draft_10(),
            retry_jitter: Duration::ZERO,
            when_unavailable: WhenUnavailable::CountHere,
            reports_unchecked_objects: false,
            clock: Arc::new(SystemClock::default()),
            problems: Problems::default(),
            rules_given: false,
            scheme_failed: false,
        }
    }

    /// Accepts one more authentication scheme, asked after those before it.
    pub fn authenticate(mut self, scheme: impl Authenticator) -> Self {
        self.schemes.push(Arc::new(scheme));
        self
    }

    /// Accepts bearer tokens of this issuer.
    #[cfg(feature = "jwt")]
    pub fn trust_issuer<I>(mut self, issuer: I) -> Self
    where
        I: Part<crate::authn::jwt::Issuer>,
    {
        let issuer = self.problems.note(issuer.finish());
        self.scheme_failed |= issuer.is_none();
        self.issuers.extend(issuer);
        self
    }

    /// Tells callers without a good token where the metadata of this resource is. For the bearer tokens of
    /// [`trust_issuer`](Self::trust_issuer); the rules have to make the document public.
    #[cfg(feature = "jwt")]
    pub fn protected_resource(mut self, resource: &ProtectedResource) -> Self {
        self.protected_resource = Some(resource.clone());
        self
    }

    /// Asks this list whether a token was revoked, for every request with a bearer token of
    /// [`trust_issuer`](Self::trust_issuer). A scheme of your own takes a list with
    /// [`TokenValidator::with_revocation`](crate::authn::TokenValidator::with_revocation).
    #[cfg(feature = "jwt")]
    pub fn revocation(mut self, list: impl RevocationList) -> Self {
        self.revocation = Some(Arc::new(list));
        self
    }

    /// Says who may call which route. Mandatory; given twice, the second is a problem.
    pub fn rules(mut self, rules: impl Part<Rules>) -> Self {
        if self.rules_given {
            self.problems.add("rules", "are given twice");
        }
        self.rules_given = true;
        self.rules = self.problems.note(rules.finish());
        self
    }

    /// Records which scopes and roles admitted requests needed. Default: nothing is recorded.
    pub fn scope_use(mut self, scope_use: &ScopeUse) -> Self {
        self.scope_use = Some(scope_use.clone());
        self
    }

    /// Security headers of responses. Default: the preset for APIs.
    pub fn response_headers(mut self, headers: impl Part<ResponseHeadersLayer>) -> Self {
        if let Some(headers) = self.problems.note(headers.finish()) {
            self.response_headers = headers;
        }
        self
    }

    /// Believes these proxies about the client's address and about HTTPS. Default: nobody.
    pub fn trusted_proxies(mut self, proxies: impl Part<TrustedProxies>) -> Self {
        if let Some(proxies) = self.problems.note(proxies.finish()) {
            self.trusted_proxies = proxies;
        }
        self
    }

    /// Takes the client's certificate from what these proxies say. Default: a certificate counts where the server itself put
    /// one into the request's extensions, and no header field is looked at.
    #[cfg(feature = "mtls")]
    pub fn forwarded_certificates(mut self, certificates: ForwardedCertificates) -> Self {
        self.forwarded_certificates = Some(certificates);
        self
    }

    /// Requests of one client address. Default: 1,200 a minute, 200 at once.
    pub const fn limit_by_address(mut self, quota: Quota) -> Self {
        self.address_quota = Some(quota);
        self
    }

    /// Failed log-ins of one client address. Default: 10 a minute, 20 at once.
    pub const fn limit_failed_authentication(mut self, quota: Quota) -> Self {
        self.failure_quota = Some(quota);
        self
    }

    /// Requests of one principal. Default: 600 a minute, 100 at once.
    pub const fn limit_by_principal(mut self, quota: Quota) -> Self {
        self.principal_quota = Some(quota);
        self
    }

    /// Adds a limit to those by address, by principal and for failed log-ins. What counts by the principal, asks for its plan,
    /// exempts principals, or says [`Key::after_authentication`](crate::rate_limit::Key::after_authentication) is checked
    /// after authentication, together with the other limits there; everything else before it.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Keeps the buckets of all rate limits in this store, for all processes that share it. Default: in this process's
    /// memory.
    #[cfg(feature = "redis")]
    pub fn rate_limit_store(mut self, store: crate::rate_limit::RedisStore) -> Self {
        self.rate_limit_store = Some(store);
        self
    }

    /// What the three rate limits that are on by themselves do while the store of
    /// [`rate_limit_store`](Self::rate_limit_store) does not answer; others say it with
    /// [`Limit::when_unavailable`]. Default: [`CountHere`](WhenUnavailable::CountHere), also for failed log-ins, since that
    /// limit stands before every request with credentials: with [`Refuse`](WhenUnavailable::Refuse), all of them are answered
    /// 503 until the store is back.
    pub const fn when_unavailable(mut self, what: WhenUnavailable) -> Self {
        self.when_unavailable = what;
        self
    }

    /// Sets which header fields tell callers of the limits; those of the draft unless set.
    pub fn rate_limit_fields(mut self, fields: Fields) -> Self {
        self.rate_limit_fields = fields;
        self
    }

    /// Tells each caller that a limit refuses to come back up to so much later, and never earlier, so that they do not come
    /// back together; see [`RateLimitBuilder::retry_jitter`]. Default: none.
    pub const fn retry_jitter(mut self, most: Duration) -> Self {
        self.retry_jitter = most;
        self
    }

    /// Turns the three rate limits off that are on by themselves, for a service behind a gateway that has them. Logs a
    /// warning when built.
    pub const fn insecure_without_rate_limits(mut self) -> Self {
        self.address_quota = None;
        self.failure_quota = None;
        self.principal_quota = None;
        self
    }

    /// Lets answers leave without the object check that their rule demands, and tells of them in the log as errors: to find
    /// what is missing in a service that runs already, before its rules are enforced. Logs a warning when built.
    pub const fn insecure_report_unchecked_objects(mut self) -> Self {
        self.reports_unchecked_objects = true;
        self
    }

    /// Takes the time for rate limits from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The stack.
    ///
    /// # Errors
    ///
    /// If rules are missing, rules demand a principal and no scheme is configured, two schemes share a name, the metadata of
    /// a protected resource has no issuer to speak for or no public rule, or a part has problems of its own. All are listed.
    pub fn build(self) -> Result<Warden, ConfigError> {
        #[cfg(feature = "jwt")]
        let this = self.with_bearer();
        #[cfg(not(feature = "jwt"))]
        let this = self;
        this.assemble()
    }

    fn assemble(self) -> Result<Warden, ConfigError> {
        let Self { schemes, rules, trusted_proxies, clock, mut problems, .. } = self;
        if !self.rules_given {
            problems.add("rules", "are missing: without them every request would be refused");
        }
        // A scheme that was given and failed has told its own problems.
        let without_scheme = schemes.is_empty() && !self.scheme_failed;
        let demands_principal =
            rules.iter().flat_map(Rules::iter).any(|rule| rule.access().policy().is_some());
        if demands_principal && without_scheme {
            problems.add(
                "authentication",
                "is missing: rules demand a principal, and no scheme can make one",
            );
        }
        for (index, scheme) in schemes.iter().enumerate() {
            let name = scheme.challenge().scheme();
            // Names of schemes have no letter case (RFC 9110 11.1).
            let is_same = |earlier: &Arc<dyn Authenticator>| {
                earlier.challenge().scheme().eq_ignore_ascii_case(name)
            };
            if schemes[..index].iter().any(is_same) {
                problems.add(format!("authentication scheme {name}"), "is configured twice");
            }
        }
        let authenticate = AuthenticateLayer::from_schemes(schemes).optional();
        #[cfg(feature = "mtls")]
        let authenticate = match self.forwarded_certificates {
            Some(certificates) => authenticate.forwarded_certificates(certificates),
            None => authenticate,
        };
        let own = [
            self.address_quota.map(|quota| Limit::by_address("address", quota)),
            self.failure_quota
                .map(|quota| Limit::failed_authentication("failed-authentication", quota)),
            self.principal_quota.map(|quota| Limit::by_principal("principal", quota)),
        ];
        let own = own.into_iter().flatten();
        let own = own.map(|limit| limit.when_unavailable(self.when_unavailable));
        let limits = own.chain(self.limits).map(|limit| {
            let presents = authenticate.clone();
            limit.sparing_anonymous(move |head| presents.is_credential_presented(head))
        });
        let (of_principals, on_arrival): (Vec<_>, Vec<_>) =
            limits.partition(Limit::needs_principal);
        for limit in &of_principals {
            if on_arrival.iter().any(|other| other.has_name_of(limit)) {
                problems
                    .add(limit.culprit(), "is given twice: callers could not tell the two apart");
            }
        }
        let builder = RateLimitLayer::builder()
            .shared_clock(&clock)
            .fields(self.rate_limit_fields)
            .retry_jitter(self.retry_jitter);
        #[cfg(feature = "redis")]
        let builder = match self.rate_limit_store {
            Some(store) => builder.store(store),
            None => builder,
        };
        builder.check_answers(&mut problems);
        let mut stage = |limits: Vec<Limit>| {
            let stage = limits.into_iter().fold(builder.clone(), RateLimitBuilder::limit);
            problems.note(stage.build_part()).flatten()
        };
        let (arrival_limits, principal_limits) = (stage(on_arrival), stage(of_principals));
        problems.into_result()?;
        // Rules that are missing or bad are a problem, so there is none left without rules.
        let rules = rules.ok_or_else(|| ConfigError::new("rules", "are missing"))?;

        if self.address_quota.is_none() {
            tracing::warn!(target: "tower_warden::posture", "rate limits are off");
        }
        let mut rules = RulesLayer::new(rules);
        if self.reports_unchecked_objects {
            rules = rules.insecure_report_unchecked_objects();
        }
        if let Some(scope_use) = &self.scope_use {
            rules = rules.scope_use(scope_use);
        }
        let announces =
            [&arrival_limits, &principal_limits].into_iter().flatten().any(|own| own.announces());
        let https = trusted_proxies.clone();
        let headers = self.response_headers.detect_https(move |head| https.is_https(head));
        Ok(Warden(Arc::new(Controls {
            headers: AnswerHeaders::new(headers, announces),
            client_address: ClientAddressLayer::new(trusted_proxies),
            arrival_limits,
            authenticate,
            principal_limits,
            rules,
            clock,
        })))
    }

    /// All trusted issuers make one scheme, asked first.
    #[cfg(feature = "jwt")]
    fn with_bearer(mut self) -> Self {
        use crate::authn::TokenValidator;
        use crate::authn::bearer::BearerAuthenticator;
        use crate::authn::jwt::{JwtValidator, JwtValidatorBuilder};

        self.find_problems_of_metadata();
        if self.issuers.is_empty() {
            if self.revocation.is_some() && !self.scheme_failed {
                let problem = "would be asked about no token: no issuer is trusted";
                self.problems.add("revocation list", problem);
            }
            return self;
        }
        let validator =
            self.issuers.drain(..).fold(JwtValidator::builder(), JwtValidatorBuilder::issuer);
        if let Some(validator) = self.problems.note(validator.build()) {
            let bearer = match self.revocation.take() {
                Some(list) => BearerAuthenticator::new(validator.with_revocation(list)),
                None => BearerAuthenticator::new(validator),
            };
            let bearer = match &self.protected_resource {
                Some(resource) => bearer.with_resource_metadata(resource),
                None => Ok(bearer),
            };
            if let Some(bearer) = self.problems.note(bearer) {
                self.schemes.insert(0, Arc::new(bearer));
            }
        }
        self
    }

    /// Metadata that nobody is led to, or that nobody may read, is of no use.
    #[cfg(feature = "jwt")]
    fn find_problems_of_metadata(&mut self) {
        let Some(resource) = &self.protected_resource else { return };
        let culprit = format!("protected resource {:?}", resource.identifier());
        if self.issuers.is_empty() && !self.scheme_failed {
            self.problems.add(
                &*culprit,
                "needs `trust_issuer`: give it to an authenticator of your own with `with_resource_metadata`",
            );
        }
        let path = resource.metadata_path();
        let Some(rules) = &self.rules else { return };
        let rule = rules.rule_for(&http::Method::GET, path);
        if rule.and_then(|rule| rule.access().public_reason()).is_none() {
            let problem =
                format!("needs `get({path:?}, public(..))`: its readers have no token yet");
            self.problems.add(culprit, problem);
        }
    }
}
