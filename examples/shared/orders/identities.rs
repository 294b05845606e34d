use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyPrefix, Secret};
use tower_warden::authz::RulesBuilder;
use tower_warden::config::ConfigError;
use tower_warden::rate_limit::Limit;
use tower_warden::response_headers::ResponseHeadersLayer;
use tower_warden::warden::{Warden, WardenBuilder};

use super::{Caller, OrderBook, Settings, Tokens};

/// How long the ready-made tokens live: for an afternoon of trying things out.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// Who may come in: the trusted issuer, one API key, and with the development issuer some users with tokens.
pub(crate) struct Identities<'s> {
    accepted: &'s Tokens,
    api_keys: MemoryApiKeyStore,
    api_key: Secret,
}

impl<'s> Identities<'s> {
    pub(crate) fn new(settings: &'s Settings) -> Result<Self, Box<dyn Error>> {
        let issued = IssuedKey::generate(&KeyPrefix::new("orders")?)?;
        let machine =
            Holder::new("restock").tenant("acme").scope("orders:read").scope("orders:write");
        let api_keys = MemoryApiKeyStore::new();
        api_keys.insert(ApiKeyRecord::builder(issued.id, issued.hash, machine).build()?);
        Ok(Self { accepted: &settings.tokens, api_keys, api_key: issued.key })
    }

    /// The stack in front of the service.
    pub(crate) fn warden(
        &self,
        settings: &Settings,
        rules: RulesBuilder,
        limits: Vec<Limit>,
    ) -> Result<Warden, ConfigError> {
        let headers = ResponseHeadersLayer::api();
        let headers = if settings.assume_https {
            tracing::warn!(
                "every request counts as HTTPS, and nobody checks that it came over TLS"
            );
            headers.assume_https()
        } else {
            headers
        };
        let Tokens { validator, dpop, .. } = self.accepted;
        let bearer = BearerAuthenticator::new(Arc::clone(validator));
        let stack = Warden::builder().authenticate(bearer);
        let stack = match dpop.clone() {
            Some(dpop) => stack.authenticate(dpop),
            None => stack,
        };
        let stack = limits.into_iter().fold(stack, WardenBuilder::limit);
        let stack = match settings.rate_limits.clone() {
            Some(store) => stack.rate_limit_store(store),
            None => stack,
        };
        stack
            .authenticate(ApiKeyAuthenticator::new(self.api_keys.clone()))
            .trusted_proxies(settings.trusted_proxies.clone())
            .response_headers(headers)
            .rules(rules)
            .build()
    }

    /// Order 1 is ada's, 2 bob's, 3 gil's. An issuer of your own has other users, so there the book is empty.
    pub(crate) fn book(&self) -> OrderBook {
        let owner = |subject: &str, tenant: &str| Caller {
            issuer: self.issuer().to_owned(),
            subject: subject.to_owned(),
            tenant: tenant.to_owned(),
        };
        match self.accepted.development {
            Some(_) => OrderBook::with_one_order_each(&[
                owner("ada", "acme"),
                owner("bob", "acme"),
                owner("gil", "globex"),
            ]),
            None => OrderBook::default(),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.accepted.issuer
    }

    pub(super) fn api_key(&self) -> &str {
        self.api_key.expose()
    }

    /// Tokens by user: ada and bob of acme, gil of globex, and acme's administrator, who places no orders.
    pub(super) fn tokens(&self) -> Map<String, Value> {
        let Some(issuer) = &self.accepted.development else { return Map::new() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let token = |subject: &str, tenant: &str| {
            issuer.token(subject).tenant(tenant).claim("exp", (now + LIFETIME).as_secs())
        };
        let user = |subject, tenant| token(subject, tenant).scope("orders:read orders:write");
        [
            ("ada", user("ada", "acme")),
            ("bob", user("bob", "acme")),
            ("gil", user("gil", "globex")),
            ("admin", token("admin", "acme").scope("orders:read").role("admin")),
        ]
        .into_iter()
        .map(|(name, token)| (name.to_owned(), token.sign().into()))
        .collect()
    }
}
