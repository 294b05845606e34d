use std::str;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::request;

use super::{ApiKeyRecord, ApiKeyStore, SCHEME};
use crate::authn::credential_header::CredentialHeader;
use crate::authn::issued_key::{KeyText, KeyTextError};
use crate::authn::{Attempt, Authenticator};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::rejection::{Challenge, Rejection, RejectionKind};

/// Authenticates by API key. The rules are those of the [module](super).
#[derive(Clone, Debug)]
pub struct ApiKeyAuthenticator {
    store: Arc<dyn ApiKeyStore>,
    header: CredentialHeader,
    challenge: Challenge,
    clock: Arc<dyn Clock>,
    store_timeout: Duration,
}

impl ApiKeyAuthenticator {
    /// Keys of `store`, in the header `x-api-key`, with the realm `api`.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the defaults always build; tests do so")]
    pub fn new(store: impl ApiKeyStore) -> Self {
        Self::builder(store).build().expect("the defaults are a token and a quotable realm")
    }

    /// Starts from the settings of [`new`](Self::new).
    pub fn builder(store: impl ApiKeyStore) -> ApiKeyAuthenticatorBuilder {
        ApiKeyAuthenticatorBuilder {
            store: Arc::new(store),
            header: "x-api-key".to_owned(),
            realm: "api".to_owned(),
            clock: Arc::new(SystemClock),
            store_timeout: Duration::from_secs(3),
        }
    }

    fn presented<'r>(&self, head: &'r request::Parts) -> Result<KeyText<'r>, Rejection> {
        let value = self.header.value(head, "several_api_keys")?;
        let text =
            str::from_utf8(value.unwrap_or_default()).map_err(|_| refusal("api_key_malformed"))?;
        KeyText::parse(text).map_err(|error| {
            refusal(match error {
                KeyTextError::Checksum => "api_key_checksum",
                KeyTextError::Malformed => "api_key_malformed",
            })
        })
    }
}

const fn refusal(reason: &'static str) -> Rejection {
    Rejection::new(RejectionKind::InvalidCredentials, reason)
}

impl Authenticator for ApiKeyAuthenticator {
    fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    fn credential_header(&self) -> HeaderName {
        self.header.name()
    }

    fn is_presented(&self, request: &request::Parts) -> bool {
        self.header.is_in(request)
    }

    fn authenticate(&self, request: &request::Parts) -> Attempt {
        let key = match self.presented(request) {
            Ok(key) => key,
            Err(rejection) => return Attempt::Ready(Err(rejection)),
        };
        // Hashed before the store answers, so that the work does not depend on the answer.
        let (hash, clock) = (key.hash(), Arc::clone(&self.clock));
        self.store.find(key.id()).judged_by(self.store_timeout, move |record| {
            ApiKeyRecord::judge(record.as_deref(), &hash, clock.unix()).map_err(refusal)
        })
    }
}

/// Builds an [`ApiKeyAuthenticator`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct ApiKeyAuthenticatorBuilder {
    store: Arc<dyn ApiKeyStore>,
    header: String,
    realm: String,
    clock: Arc<dyn Clock>,
    store_timeout: Duration,
}

impl ApiKeyAuthenticatorBuilder {
    /// Names the header field that keys come in; `x-api-key` unless set.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = name.into();
        self
    }

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
    /// If the header is no header name or carries other credentials by definition, if the realm cannot be quoted, or
    /// if the store is given no time.
    pub fn build(self) -> Result<ApiKeyAuthenticator, ConfigError> {
        let mut problems = Problems::default();
        let header = problems.note(CredentialHeader::new(&self.header));
        let challenge = problems.note(Challenge::new(SCHEME, &self.realm));
        if self.store_timeout.is_zero() {
            problems.add("API key store timeout", "must be longer than nothing");
        }
        problems.into_result()?;
        let (Some(header), Some(challenge)) = (header, challenge) else {
            unreachable!("what is missing was noted as a problem")
        };
        let Self { store, clock, store_timeout, .. } = self;
        Ok(ApiKeyAuthenticator { store, header, challenge, clock, store_timeout })
    }
}
