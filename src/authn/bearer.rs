//! Bearer tokens in the `Authorization` header field (RFC 6750 2.1).
//!
//! # Rules
//!
//! 1. The scheme's name is case-insensitive (RFC 9110 11.1); one token follows, of the characters of `b64token`.
//! 2. Tokens in the query or in a form body are never read (RFC 9700 4.3.2). A request that has one in the query beside the
//!    one in the header section is refused with 400 (RFC 6750 2, 3.1); bodies are not looked at.
//! 3. Any bad token gets the same 401 with `error="invalid_token"` and no description.
//! 4. A token that is bound to a certificate (`cnf` with `x5t#S256`) is accepted from the connection, and only from one, whose
//!    client showed that certificate (RFC 8705 3): see `client_certificate`, feature `mtls`. A token that is bound to a key
//!    (`jkt`) is refused (RFC 9449 7.2).
//!
//! # What is not checked
//!
//! Whether the sender of an unbound token is the one whom it was given to: whoever bears it may use it.

use std::sync::Arc;

use http::request;

use super::binding::{Proved, confirmed};
use super::jwt::TokenError;
use super::protected_resource::ProtectedResource;
use super::scheme_token::{after_scheme, authorization, token};
use super::{Attempt, Authenticator, TokenValidator, several_transports};
use crate::config::ConfigError;
use crate::rejection::Challenge;

const SCHEME: &str = "Bearer";

/// The parameter that leads to the metadata of a resource (RFC 9728 5.1).
const METADATA: &str = "resource_metadata";

/// Accepts `Authorization: Bearer` with a signed token.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::Request;
/// use tower_warden::authn::bearer::BearerAuthenticator;
/// use tower_warden::authn::jwt::{Issuer, JwtValidator};
/// use tower_warden::authn::{Attempt, Authenticator};
/// use tower_warden::testing::TestIssuer;
///
/// let signer = TestIssuer::new("https://issuer.example", "https://api.example");
/// let bearer = BearerAuthenticator::new(JwtValidator::new(signer.trust()?));
/// let attempt = |token: &str| {
///     let request = Request::builder().header("authorization", format!("Bearer {token}")).body(());
///     request.map(|request| bearer.authenticate(&request.into_parts().0))
/// };
///
/// assert!(matches!(attempt(&signer.token("ada").sign())?, Attempt::Ready(Ok(_))));
/// assert!(matches!(attempt("made.up.token")?, Attempt::Ready(Err(_))));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct BearerAuthenticator {
    validator: Arc<dyn TokenValidator>,
    challenge: Challenge,
    metadata_url: Option<Arc<str>>,
}

impl BearerAuthenticator {
    /// Accepts the tokens that `validator` accepts; the realm is `api`.
    ///
    /// # Panics
    ///
    /// Never: the challenge is a constant.
    #[must_use]
    pub fn new(validator: impl TokenValidator) -> Self {
        let challenge = Challenge::new(SCHEME, "api").expect("a constant challenge is well-formed");
        Self { validator: Arc::new(validator), challenge, metadata_url: None }
    }

    /// Names another realm in the challenge.
    ///
    /// # Errors
    ///
    /// If the realm cannot stand in a quoted string.
    pub fn with_realm(mut self, realm: &str) -> Result<Self, ConfigError> {
        let challenge = Challenge::new(SCHEME, realm)?;
        self.challenge = match &self.metadata_url {
            Some(url) => challenge.with_parameter(METADATA, url)?,
            None => challenge,
        };
        Ok(self)
    }

    /// Tells callers in the challenge where the metadata of this resource is (RFC 9728 5.1).
    ///
    /// # Errors
    ///
    /// If the challenge names metadata already.
    pub fn with_resource_metadata(
        mut self,
        resource: &ProtectedResource,
    ) -> Result<Self, ConfigError> {
        self.challenge = self.challenge.with_parameter(METADATA, resource.metadata_url())?;
        self.metadata_url = Some(resource.metadata_url().into());
        Ok(self)
    }
}

impl Authenticator for BearerAuthenticator {
    fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    fn is_presented(&self, head: &request::Parts) -> bool {
        authorization(&head.headers)
            .is_some_and(|value| after_scheme(SCHEME, value.as_bytes()).is_some())
    }

    fn authenticate(&self, head: &request::Parts) -> Attempt {
        if let Err(rejection) = several_transports::refuse(head) {
            return Attempt::Ready(Err(rejection));
        }
        let token = authorization(&head.headers).and_then(|value| token(SCHEME, value.as_bytes()));
        let Some(token) = token else { return Attempt::Ready(Err(TokenError::Malformed.into())) };
        match self.validator.attempt(token) {
            // What was proved is looked up for tokens that demand it only: few do.
            Attempt::Ready(outcome) => Attempt::Ready(outcome.and_then(|principal| {
                confirmed(principal, SCHEME, || Proved::by_connection(head))
            })),
            pending @ Attempt::Pending(_) => {
                let proved = Proved::by_connection(head);
                pending.and_then(move |principal| proved.admit(principal))
            }
        }
    }
}
