use std::fs;
use std::sync::Arc;

use tower_warden::authn::dpop::DpopAuthenticator;
use tower_warden::authn::introspection::IntrospectionValidator;
use tower_warden::authn::jwks::{RemoteKeys, RemoteKeysBuilder};
use tower_warden::authn::jwt::{Issuer, IssuerBuilder, JwtValidator, VerifyingKey};
use tower_warden::authn::replay::RedisReplayStore;
use tower_warden::authn::{Attempt, ByShape, Token, TokenValidator};
use tower_warden::rejection::{Rejection, RejectionKind};
use tower_warden::testing::TestIssuer;

use super::given::Given;
use super::{
    AUDIENCE, DPOP_URL, INTROSPECTION_CLIENT, INTROSPECTION_SECRET, INTROSPECTION_URL, ISSUER,
    JWKS_FILE, JWKS_URL, REDIS_URL,
};

/// The issuer of those who name none: it lives inside the process.
const DEVELOPMENT_ISSUER: &str = "https://issuer.example";

/// The audience of its tokens.
const DEVELOPMENT_AUDIENCE: &str = "https://orders.example";

/// Whose tokens are good, and how they may be sent.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// The name of the issuer.
    pub(crate) issuer: String,
    /// The issuer itself, where it is the one for development.
    pub(crate) development: Option<TestIssuer>,
    /// Judges signed tokens, and opaque ones where the issuer can be asked about them.
    pub(crate) validator: Arc<dyn TokenValidator>,
    /// Takes tokens that are bound to a key.
    pub(crate) dpop: Option<DpopAuthenticator>,
}

/// The audience, and all that is set about tokens; `None` where that has problems.
pub(super) fn read(
    given: &mut Given,
    insecure: bool,
    redis: Option<String>,
) -> (String, Option<Tokens>) {
    let issuer = given.optional_text(ISSUER);
    let default_audience = if issuer.is_none() { DEVELOPMENT_AUDIENCE } else { "" };
    let audience = given.text(AUDIENCE, default_audience);
    let own = OwnIssuer {
        jwks_file: given.optional_text(JWKS_FILE),
        jwks_url: given.optional_text(JWKS_URL),
        introspection_url: given.optional_text(INTROSPECTION_URL),
        client: given.optional_text(INTROSPECTION_CLIENT),
        secret: given.optional_secret(INTROSPECTION_SECRET),
        insecure,
    };
    let url = given.optional_text(DPOP_URL);
    let (issuer, development, validator) = match issuer {
        None => {
            own.reject(given);
            let development = TestIssuer::new(DEVELOPMENT_ISSUER, &audience);
            let validator = given.note(AUDIENCE, development.trust()).map(JwtValidator::new);
            let validator = validator.map(|it| Arc::new(it) as Arc<dyn TokenValidator>);
            (DEVELOPMENT_ISSUER.to_owned(), Some(development), validator)
        }
        Some(name) => {
            if audience.is_empty() {
                given.tell(AUDIENCE, format!("is missing: with {ISSUER} there is no default"));
            }
            let validator = own.validator(given, &name, &audience);
            (name, None, validator)
        }
    };
    let dpop = read_dpop(given, url, redis, validator.as_ref());
    let tokens = validator.map(|validator| Tokens { issuer, development, validator, dpop });
    (audience, tokens)
}

/// What can be set about an issuer that is not the one for development.
struct OwnIssuer {
    jwks_file: Option<String>,
    jwks_url: Option<String>,
    introspection_url: Option<String>,
    client: Option<String>,
    secret: Option<String>,
    /// Whether it may be asked over plain HTTP, on this machine.
    insecure: bool,
}

impl OwnIssuer {
    /// The names of the settings about it that are there.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            (JWKS_FILE, &self.jwks_file),
            (JWKS_URL, &self.jwks_url),
            (INTROSPECTION_URL, &self.introspection_url),
            (INTROSPECTION_CLIENT, &self.client),
            (INTROSPECTION_SECRET, &self.secret),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.is_some().then_some(name))
    }

    /// None of it means anything to the issuer for development.
    fn reject(&self, given: &mut Given) {
        for name in self.given() {
            given.tell(name, format!("is given without {ISSUER}, which it is about"));
        }
    }

    fn validator(
        self,
        given: &mut Given,
        name: &str,
        audience: &str,
    ) -> Option<Arc<dyn TokenValidator>> {
        let keys = self.keys(given, name);
        let opaque = self.introspection(given, name, audience);
        if audience.is_empty() {
            return None; // told by the caller
        }
        let issuer = keys?.trust(Issuer::builder(name).audience(audience)).build();
        let signed = JwtValidator::new(given.note(ISSUER, issuer)?);
        Some(match opaque {
            Some(opaque) => Arc::new(ByShape::new(signed, opaque)),
            None => Arc::new(signed),
        })
    }

    fn keys(&self, given: &mut Given, name: &str) -> Option<Keys> {
        let remote = |keys: RemoteKeysBuilder| {
            let keys = if self.insecure { keys.insecure_allow_loopback_http() } else { keys };
            keys.build().map(Keys::Remote)
        };
        match (&self.jwks_file, &self.jwks_url) {
            (Some(_), Some(_)) => {
                given.tell(JWKS_URL, format!("is given beside {JWKS_FILE}: one of them is a slip"));
                None
            }
            (None, Some(url)) => given.note(JWKS_URL, remote(RemoteKeys::at(url))),
            (None, None) => given.note(ISSUER, remote(RemoteKeys::discover(name))),
            (Some(file), None) => {
                let keys = fs::read_to_string(file).map_err(|error| error.to_string());
                let keys = keys.and_then(|text| {
                    VerifyingKey::from_jwks(&text).map_err(|error| error.to_string())
                });
                keys.map_err(|error| given.tell(JWKS_FILE, format!("{file:?}: {error}")))
                    .ok()
                    .map(Keys::Fixed)
            }
        }
    }

    /// Asks about opaque tokens, where that is set.
    fn introspection(
        &self,
        given: &mut Given,
        issuer: &str,
        audience: &str,
    ) -> Option<IntrospectionValidator> {
        let parts = [
            (INTROSPECTION_URL, self.introspection_url.as_deref()),
            (INTROSPECTION_CLIENT, self.client.as_deref()),
            (INTROSPECTION_SECRET, self.secret.as_deref()),
        ];
        if parts.iter().all(|(_, value)| value.is_none()) {
            return None;
        }
        for (name, _) in parts.iter().filter(|(_, value)| value.is_none()) {
            given.tell(name, "is missing: the settings of introspection belong together");
        }
        let [(_, Some(url)), (_, Some(client)), (_, Some(secret))] = parts else { return None };
        let validator = IntrospectionValidator::builder(url, issuer)
            .audience(audience)
            .client_secret(client, secret);
        let validator = if self.insecure { validator.insecure_plain_loopback() } else { validator };
        given.note(INTROSPECTION_URL, validator.build())
    }
}

/// Where keys come from.
enum Keys {
    Fixed(Vec<VerifyingKey>),
    Remote(RemoteKeys),
}

impl Keys {
    fn trust(self, issuer: IssuerBuilder) -> IssuerBuilder {
        match self {
            Self::Fixed(keys) => keys.into_iter().fold(issuer, IssuerBuilder::key),
            Self::Remote(keys) => issuer.keys_from(keys),
        }
    }
}

fn read_dpop(
    given: &mut Given,
    url: Option<String>,
    redis: Option<String>,
    validator: Option<&Arc<dyn TokenValidator>>,
) -> Option<DpopAuthenticator> {
    // Its problems are told with those of the rate limits, which are counted there too.
    let store = redis.filter(|_| url.is_some()).and_then(|redis| {
        given.note(REDIS_URL, RedisReplayStore::builder(redis).prefix("orders").build())
    });
    // Its own problems are told also where there is nobody to judge tokens.
    let validator = validator.cloned().unwrap_or_else(|| Arc::new(KnowsNone));
    let dpop = DpopAuthenticator::builder(validator);
    let dpop = match store {
        Some(store) => dpop.replay_store(store),
        None => dpop,
    };
    given.note(DPOP_URL, dpop.external_url(url?).build())
}

/// Stands where no validator could be made; the service does not start.
#[derive(Debug)]
struct KnowsNone;

impl TokenValidator for KnowsNone {
    fn attempt(&self, _: Token<'_>) -> Attempt {
        Attempt::Ready(Err(Rejection::new(RejectionKind::InvalidCredentials, "token_unknown")))
    }
}
