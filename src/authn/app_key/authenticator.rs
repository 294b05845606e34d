use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::request;

use super::app::is_app_id;
use super::transport::{Presented, Transport, refusal};
use super::{App, AppKeyTransport, AppStore, basic};
use crate::authn::issued_key::{KeyText, KeyTextError, SecretHash};
use crate::authn::{Attempt, Authenticator};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::rejection::{Challenge, Rejection};

/// Authenticates by app id and key. The rules are those of the [module](super).
#[derive(Clone, Debug)]
pub struct AppKeyAuthenticator {
    store: Arc<dyn AppStore>,
    transport: Transport,
    challenge: Challenge,
    clock: Arc<dyn Clock>,
    store_timeout: Duration,
}

impl AppKeyAuthenticator {
    /// Apps of `store`, in the headers `x-app-id` and `x-app-key`, with the realm `api`.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the defaults always build; tests do so")]
    pub fn headers(store: impl AppStore) -> Self {
        Self::builder(store, AppKeyTransport::headers()).build().expect(DEFAULTS_ARE_GOOD)
    }

    /// Apps of `store`, with HTTP Basic and the realm `api`.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the defaults always build; tests do so")]
    pub fn basic(store: impl AppStore) -> Self {
        Self::builder(store, AppKeyTransport::Basic).build().expect(DEFAULTS_ARE_GOOD)
    }

    /// Starts from the settings of [`headers`](Self::headers) and [`basic`](Self::basic).
    pub fn builder(store: impl AppStore, transport: AppKeyTransport) -> AppKeyAuthenticatorBuilder {
        AppKeyAuthenticatorBuilder {
            store: Arc::new(store),
            transport,
            realm: "api".to_owned(),
            clock: Arc::new(SystemClock),
            store_timeout: Duration::from_secs(3),
        }
    }
}

const DEFAULTS_ARE_GOOD: &str = "the defaults are two header names and a quotable realm";

impl Presented<'_> {
    /// Checks the form of id and key before anybody is asked; the hash of the key, if there is one.
    fn hash(&self) -> Result<Option<SecretHash>, Rejection> {
        if !is_app_id(self.id) {
            return Err(refusal("app_id_malformed"));
        }
        let key = self.key.map(KeyText::parse).transpose().map_err(|error| {
            refusal(match error {
                KeyTextError::Checksum => "app_key_checksum",
                KeyTextError::Malformed => "app_key_malformed",
            })
        })?;
        Ok(key.map(|key| key.hash()))
    }
}

impl Authenticator for AppKeyAuthenticator {
    fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    fn credential_header(&self) -> HeaderName {
        self.transport.credential_header()
    }

    fn is_presented(&self, request: &request::Parts) -> bool {
        self.transport.is_used(request)
    }

    fn authenticate(&self, request: &request::Parts) -> Attempt {
        let mut decoded = basic::nothing_decoded();
        let read = self.transport.read(request, &mut decoded);
        let (id, hash) = match read.and_then(|read| Ok((read.id, read.hash()?))) {
            Ok(checked) => checked,
            Err(rejection) => return Attempt::Ready(Err(rejection)),
        };
        let (clock, pick) = (Arc::clone(&self.clock), self.transport.pick());
        self.store.find(id).judged_by(self.store_timeout, move |app| {
            App::judge(app.as_deref(), hash.as_ref(), clock.unix())
                .map(|principals| pick(principals).clone())
                .map_err(refusal)
        })
    }
}

/// Builds an [`AppKeyAuthenticator`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct AppKeyAuthenticatorBuilder {
    store: Arc<dyn AppStore>,
    transport: AppKeyTransport,
    realm: String,
    clock: Arc<dyn Clock>,
    store_timeout: Duration,
}

impl AppKeyAuthenticatorBuilder {
    /// Sets the realm of the challenge; `api` unless set.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Sets the clock that expiry is judged by.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long to wait for a store that has to ask somebody; 3 seconds unless set. After that, 503.
    pub const fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// The authenticator.
    ///
    /// # Errors
    ///
    /// If a header is no header name or carries other credentials by definition, if both headers are one, if the realm
    /// cannot be quoted, or if the store is given no time.
    pub fn build(self) -> Result<AppKeyAuthenticator, ConfigError> {
        let Self { store, transport, realm, clock, store_timeout } = self;
        let mut problems = Problems::default();
        let challenge = problems.note(transport.challenge(&realm));
        let transport = transport.check(&mut problems);
        if store_timeout.is_zero() {
            problems.add("app store timeout", "must be longer than nothing");
        }
        problems.into_result()?;
        let (Some(transport), Some(challenge)) = (transport, challenge) else {
            unreachable!("what is missing was noted as a problem")
        };
        Ok(AppKeyAuthenticator { store, transport, challenge, clock, store_timeout })
    }
}
