use std::sync::Arc;
use std::time::Duration;

use super::compact::{Compact, Header};
use super::{Issuer, KeySet, Renewal, TokenError, claims, json};
use crate::authn::{Attempt, TokenValidator};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::principal::Principal;

/// The longest token that is looked at, in bytes, unless said otherwise.
const DEFAULT_MAX_LENGTH: usize = 16 * 1024;

/// Validates signed tokens of configured issuers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JwtValidator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuers: Vec<Issuer>,
    max_length: usize,
    clock: Arc<dyn Clock>,
}

impl JwtValidator {
    /// Accepts tokens of one issuer, by the system's clock.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self(Arc::new(Inner {
            issuers: vec![issuer],
            max_length: DEFAULT_MAX_LENGTH,
            clock: Arc::new(SystemClock::default()),
        }))
    }

    /// Starts a validator for several issuers.
    pub fn builder() -> JwtValidatorBuilder {
        JwtValidatorBuilder {
            issuers: Vec::new(),
            max_length: DEFAULT_MAX_LENGTH,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Validates a token and answers whom it speaks for, from the keys at hand.
    ///
    /// Checked: length, form, header, algorithm, key, signature, `iss`, `aud`, `exp`, `nbf`, `iat`, `typ`, `cnf`,
    /// `sub`. Not checked: revocation, and anything that only your service can judge. A token that is bound to its
    /// sender is refused: there is no request here to find the proof in.
    ///
    /// # Errors
    ///
    /// A [`TokenError`] that names the first check that failed.
    pub fn validate(&self, token: &str) -> Result<Principal, TokenError> {
        let principal = self.check(token)?;
        if principal.confirmation().is_empty() {
            Ok(principal)
        } else {
            Err(TokenError::SenderConstrained)
        }
    }

    fn check(&self, token: &str) -> Result<Principal, TokenError> {
        if token.len() > self.0.max_length {
            return Err(TokenError::TooLong);
        }
        let token = Compact::split(token)?;
        let header = token.header()?;
        if !self.0.issuers.iter().any(|issuer| issuer.algorithms.contains(&header.algorithm)) {
            return Err(TokenError::AlgorithmNotAllowed);
        }
        // Everything up to here is refused without a look at the claims, and cheaply.
        let (issuer, keys) = self.signer(&token, &header)?;
        check_media_type(&header, issuer)?;
        check_signature(&token, &header, &keys)?;
        let claims = json::object(&token.payload()?).map_err(|_| TokenError::Malformed)?;
        if !header.says_access_token() {
            claims::check_kind(&claims)?;
        }
        claims::principal(claims, issuer, self.now(), "Bearer")
    }

    /// The issuer whose keys have to verify the token, and those keys. With one issuer that is plain; with several, the
    /// unverified `iss` chooses among those that are configured, and is compared again once it is verified.
    fn signer(
        &self,
        token: &Compact<'_>,
        header: &Header,
    ) -> Result<(&Issuer, Arc<KeySet>), TokenError> {
        let issuer = match &*self.0.issuers {
            [issuer] => issuer,
            _ => self.named_issuer(token)?,
        };
        if !issuer.algorithms.contains(&header.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed);
        }
        let keys = issuer.keys.current().ok_or(TokenError::KeysUnavailable)?;
        let fitting = keys.candidates(header.algorithm, header.key_id.as_deref()).next().is_some();
        if fitting { Ok((issuer, keys)) } else { Err(TokenError::UnknownKey) }
    }

    /// The configured issuer that the unverified claims name (RFC 9068 4).
    fn named_issuer(&self, token: &Compact<'_>) -> Result<&Issuer, TokenError> {
        let claims = json::object(&token.payload()?).map_err(|_| TokenError::Malformed)?;
        let name =
            claims.get("iss").and_then(serde_json::Value::as_str).ok_or(TokenError::Issuer)?;
        self.0.issuers.iter().find(|issuer| &*issuer.name == name).ok_or(TokenError::Issuer)
    }

    /// Asks for newer keys of the issuer that the token names: only of one that is configured, and only when the token
    /// would be worth it.
    fn renewal(&self, token: &str) -> Option<Renewal> {
        self.named_issuer(&Compact::split(token).ok()?).ok()?.keys.renew()
    }

    fn now(&self) -> Duration {
        self.0.clock.unix()
    }
}

impl TokenValidator for JwtValidator {
    fn attempt(&self, token: &str) -> Attempt {
        match self.check(token) {
            Err(TokenError::UnknownKey | TokenError::KeysUnavailable) => {}
            known => return Attempt::Ready(known.map_err(Into::into)),
        }
        match self.renewal(token) {
            None => Attempt::Ready(self.check(token).map_err(Into::into)),
            Some(renewal) => {
                let (this, token) = (self.clone(), token.to_owned());
                Attempt::pending(async move {
                    renewal.await;
                    this.check(&token).map_err(Into::into)
                })
            }
        }
    }
}

fn check_signature(token: &Compact<'_>, header: &Header, keys: &KeySet) -> Result<(), TokenError> {
    let mut candidates = keys.candidates(header.algorithm, header.key_id.as_deref());
    let verified = token.with_signature(|signature| {
        candidates.any(|key| key.verifies(header.algorithm, token.signed(), signature))
    })?;
    if verified { Ok(()) } else { Err(TokenError::Signature) }
}

/// Only what may be an access token: other kinds of token are signed with the same keys (RFC 8725 3.11, 3.12).
fn check_media_type(header: &Header, issuer: &Issuer) -> Result<(), TokenError> {
    let is = |media_type: &str| {
        header.media_type.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(media_type))
    };
    let untyped = header.media_type.is_none() || is("JWT");
    if header.says_access_token() || untyped && !issuer.access_tokens_only {
        Ok(())
    } else {
        Err(TokenError::MediaType)
    }
}

/// Builds a [`JwtValidator`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct JwtValidatorBuilder {
    issuers: Vec<Issuer>,
    max_length: usize,
    clock: Arc<dyn Clock>,
}

impl JwtValidatorBuilder {
    /// Accepts tokens of this issuer too.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// The longest token that is looked at, in bytes: 16 KiB unless said otherwise.
    pub const fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes;
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The validator.
    ///
    /// # Errors
    ///
    /// If there is no issuer, one is named twice, or the maximum length is 0.
    pub fn build(self) -> Result<JwtValidator, ConfigError> {
        let mut problems = Problems::default();
        if self.issuers.is_empty() {
            problems.add("token validator", "needs an issuer");
        }
        if self.max_length == 0 {
            problems.add("token validator", "would refuse every token: the maximum length is 0");
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            if self.issuers[..index].iter().any(|earlier| earlier.name == issuer.name) {
                problems.add(format!("issuer {:?}", &*issuer.name), "is configured twice");
            }
        }
        problems.into_result()?;
        let Self { issuers, max_length, clock } = self;
        Ok(JwtValidator(Arc::new(Inner { issuers, max_length, clock })))
    }
}
