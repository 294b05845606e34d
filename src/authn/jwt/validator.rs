use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::cache::{Nanos, TokenCache, Validated};
use super::claims::Checked;
use super::compact::{Compact, Header, MediaType};
use super::json::Json;
use super::{Issuer, KeySet, TokenError, claims, compact, json};
use crate::authn::binding::Proved;
use crate::authn::{Attempt, Token, TokenValidator};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};
use crate::principal::Principal;
use crate::rejection::Rejection;

/// The longest token that is looked at, in bytes, unless said otherwise.
const DEFAULT_MAX_LENGTH: usize = 16 * 1024;

/// How much memory validated tokens take, about, unless said otherwise: some 18,000 tokens of the usual length.
const DEFAULT_CACHE: usize = 64 * 1024 * 1024;

/// Validates signed tokens of configured issuers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JwtValidator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuers: Vec<Issuer>,
    max_length: usize,
    clock: Arc<dyn Clock>,
    cache: Option<TokenCache>,
}

impl JwtValidator {
    /// Accepts tokens of one issuer, by the system's clock.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        let defaults = Self::builder();
        Self(Arc::new(Inner {
            issuers: vec![issuer],
            max_length: defaults.max_length,
            clock: defaults.clock,
            cache: TokenCache::new(defaults.cache),
        }))
    }

    /// Starts a validator for several issuers.
    pub fn builder() -> JwtValidatorBuilder {
        JwtValidatorBuilder {
            issuers: Vec::new(),
            max_length: DEFAULT_MAX_LENGTH,
            clock: Arc::new(SystemClock::default()),
            cache: DEFAULT_CACHE,
        }
    }

    /// How many validated tokens are remembered, expired ones included.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.0.cache.as_ref().map_or(0, TokenCache::len)
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
        let principal = self.check(token.into())?;
        Proved::default().fulfils(principal.confirmation())?;
        Ok(principal)
    }

    fn check(&self, token: Token<'_>) -> Result<Principal, TokenError> {
        let bytes = token.as_bytes();
        if bytes.len() > self.0.max_length {
            return Err(TokenError::TooLong);
        }
        let now = self.0.clock.unix();
        if let Some(principal) = self.remembered(bytes, now) {
            return Ok(principal);
        }
        let token = split(token)?;
        let header = token.header()?;
        if !self.0.issuers.iter().any(|issuer| issuer.algorithms.contains(&header.algorithm)) {
            return Err(TokenError::AlgorithmNotAllowed);
        }
        // Everything up to here is refused without a look at the claims, and cheaply.
        let (index, keys) = self.signer(&token, &header)?;
        let issuer = &self.0.issuers[index];
        check_media_type(&header, issuer)?;
        check_signature(&token, &header, &keys)?;
        let payload = token.payload()?;
        let claims = json::members(&payload).map_err(|_| TokenError::Malformed)?;
        if header.media_type != Some(MediaType::AccessToken) {
            claims::check_kind(&claims, issuer)?;
        }
        let Checked { principal, times } = claims::check(&claims, issuer.into(), now, "Bearer")?;
        let principal = principal.signed_text(token.signed(), read_claims).build();
        if let (Some(cache), Some((from, until))) = (&self.0.cache, times.span()) {
            let (principal, key_set) = (principal.clone(), keys.number());
            let (issuer, from, until) = (index as u32, from.into(), until.into());
            cache.insert(bytes, Validated { principal, issuer, key_set, from, until });
        }
        Ok(principal)
    }

    /// Whom the token speaks for, if that was found out before and still holds: its times allow it, and the keys are
    /// those that it was validated with.
    fn remembered(&self, token: &[u8], now: Duration) -> Option<Principal> {
        let known = self.0.cache.as_ref()?.get(token)?;
        let now = Nanos::from(now);
        let in_time = known.from <= now && now < known.until;
        let same_keys =
            self.0.issuers.get(known.issuer as usize)?.keys.number() == Some(known.key_set);
        (in_time && same_keys).then_some(known.principal)
    }

    /// The issuer whose keys have to verify the token, and those keys. With one issuer that is plain; with several, the
    /// unverified `iss` chooses among those that are configured, and is compared again once it is verified.
    fn signer(
        &self,
        token: &Compact<'_>,
        header: &Header,
    ) -> Result<(usize, Arc<KeySet>), TokenError> {
        let index = if self.0.issuers.len() == 1 { 0 } else { self.named_issuer(token)? };
        let issuer = &self.0.issuers[index];
        if !issuer.algorithms.contains(&header.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed);
        }
        let keys = issuer.keys.current().ok_or(TokenError::KeysUnavailable)?;
        let fitting = keys.candidates(header.algorithm, header.key_id.as_deref()).next().is_some();
        if fitting { Ok((index, keys)) } else { Err(TokenError::UnknownKey) }
    }

    /// The configured issuer that the unverified claims name (RFC 9068 4).
    fn named_issuer(&self, token: &Compact<'_>) -> Result<usize, TokenError> {
        let payload = token.payload()?;
        let claims = json::members(&payload).map_err(|_| TokenError::Malformed)?;
        let name = claims.get("iss").and_then(Json::as_str).ok_or(TokenError::Issuer)?;
        self.0.issuers.iter().position(|issuer| &*issuer.name == name).ok_or(TokenError::Issuer)
    }

    /// Whether any issuer's keys could be newer than they are. If not, a bad token costs no more than a glance.
    fn may_renew(&self) -> bool {
        self.0.issuers.iter().any(|issuer| issuer.keys.may_renew())
    }

    /// Judges a token again, when newer keys of the issuer that it names were asked for.
    fn check_again(&self, token: Token<'_>, issuer: usize) -> Result<Principal, Rejection> {
        let judged = self.check(token).map_err(|error| match error {
            TokenError::UnknownKey if !self.0.issuers[issuer].keys.is_current() => {
                TokenError::KeysUnavailable
            }
            known => known,
        });
        judged.map_err(Into::into)
    }
}

/// Only of a text that was read before, in the same way.
fn read_claims(signed: &[u8]) -> Map<String, Value> {
    let payload = compact::payload_of(signed);
    payload.and_then(|payload| json::object(&payload).ok()).unwrap_or_default()
}

impl TokenValidator for JwtValidator {
    fn attempt(&self, token: Token<'_>) -> Attempt {
        let missing = match self.check(token) {
            Err(missing @ (TokenError::UnknownKey | TokenError::KeysUnavailable))
                if self.may_renew() =>
            {
                missing
            }
            known => return Attempt::Ready(known.map_err(Into::into)),
        };
        // Keys are asked for only of an issuer that is configured.
        let named = split(token).and_then(|token| self.named_issuer(&token));
        let issuer = match named {
            Ok(issuer) => issuer,
            Err(_) if missing == TokenError::UnknownKey => {
                return Attempt::Ready(Err(missing.into()));
            }
            Err(stranger) => return Attempt::Ready(Err(stranger.into())),
        };
        match self.0.issuers[issuer].keys.renew() {
            None => Attempt::Ready(self.check_again(token, issuer)),
            Some(renewal) => {
                let (this, token) = (self.clone(), token.as_bytes().to_vec());
                Attempt::pending(async move {
                    renewal.await;
                    this.check_again(token[..].into(), issuer)
                })
            }
        }
    }
}

fn split(token: Token<'_>) -> Result<Compact<'_>, TokenError> {
    Compact::split(token.as_str().ok_or(TokenError::Malformed)?)
}

pub(in crate::authn) fn check_signature(
    token: &Compact<'_>,
    header: &Header,
    keys: &KeySet,
) -> Result<(), TokenError> {
    let mut candidates = keys.candidates(header.algorithm, header.key_id.as_deref());
    let verified = token.with_signature(|signature| {
        candidates.any(|key| key.verifies(header.algorithm, token.signed(), signature))
    })?;
    if verified { Ok(()) } else { Err(TokenError::Signature) }
}

/// Only what may be an access token: other kinds of token are signed with the same keys (RFC 8725 3.11, 3.12).
fn check_media_type(header: &Header, issuer: &Issuer) -> Result<(), TokenError> {
    match header.media_type {
        Some(MediaType::AccessToken) => Ok(()),
        None | Some(MediaType::Jwt) if !issuer.access_tokens_only => Ok(()),
        _ => Err(TokenError::MediaType),
    }
}

/// Builds a [`JwtValidator`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct JwtValidatorBuilder {
    issuers: Vec<Issuer>,
    max_length: usize,
    clock: Arc<dyn Clock>,
    cache: usize,
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

    /// How much memory validated tokens may take, about, in bytes: 64 MiB unless said otherwise, 0 to check the
    /// signature of every token anew.
    ///
    /// A token that is remembered is still checked for its times, its keys, its sender and its revocation.
    pub const fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache = bytes;
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
        let Self { issuers, max_length, clock, cache } = self;
        let cache = TokenCache::new(cache);
        Ok(JwtValidator(Arc::new(Inner { issuers, max_length, clock, cache })))
    }
}
