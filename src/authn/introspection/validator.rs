use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use zeroize::Zeroizing;

use super::breaker::Breaker;
use super::builder::IntrospectionValidatorBuilder;
use super::cache::Cache;
use super::client::{AuthenticateClient, Form};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::flights::{Boarding, Flights};
use super::identity::{Digest, Identity};
use super::response::{self, Claims, Standing};
use super::signed::{self, SignedError};
use crate::authn::jwt::claims::{self, Expectations, Profile, Times};
use crate::authn::jwt::json::Members;
use crate::authn::jwt::{Issuer, TokenError};
use crate::authn::{Attempt, Token, TokenValidator};
use crate::clock::Clock;
use crate::http_client::{FetchError, HttpClient, Limits};
use crate::principal::Principal;
use crate::rejection::{Rejection, RejectionKind};

/// The longest token that is asked about, in bytes.
const MAX_LENGTH: usize = 16 * 1024;

/// Asks an authorization server about each token. The rules are those of the [module](super). Cheap to clone; clones
/// share what they remember.
#[derive(Clone, Debug)]
pub struct IntrospectionValidator(pub(super) Arc<Inner>);

/// What was found good: whom the token speaks for, and between which times.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) principal: Principal,
    pub(super) times: Times,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) endpoint: Endpoint,
    pub(super) http: Arc<dyn HttpClient>,
    pub(super) authentication: Arc<dyn AuthenticateClient>,
    pub(super) timeout: Duration,
    pub(super) signed_by: Option<Issuer>,
    pub(super) expected: Expected,
    pub(super) identity: Identity,
    pub(super) memory: Memory,
    pub(super) flights: Arc<Flights<Outcome>>,
    pub(super) breaker: Breaker,
    pub(super) clock: Arc<dyn Clock>,
}

/// What is expected of a token, and how it is read.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) issuer: Arc<str>,
    pub(super) audiences: Vec<String>,
    pub(super) any_audience: bool,
    pub(super) client_as_subject: bool,
    pub(super) leeway: Duration,
    pub(super) roles_claim: String,
    pub(super) tenant_claim: String,
}

/// Answers of the last minute. Those that admit are kept apart from those that refuse, so that no number of made-up
/// tokens takes their room.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) good: Cache<Arc<Checked>>,
    pub(super) good_for: Duration,
    pub(super) bad: Cache<&'static str>,
    pub(super) bad_for: Duration,
}

/// What is known of a token.
pub(super) type Outcome = Result<Arc<Checked>, Rejection>;

impl IntrospectionValidator {
    /// Starts a validator that asks `endpoint` about tokens of the authorization server `issuer`.
    pub fn builder(
        endpoint: impl Into<String>,
        issuer: impl Into<Arc<str>>,
    ) -> IntrospectionValidatorBuilder {
        IntrospectionValidatorBuilder::new(endpoint.into(), issuer.into())
    }
}

impl TokenValidator for IntrospectionValidator {
    fn attempt(&self, token: Token<'_>) -> Attempt {
        let Self(inner) = self;
        let token = match text(token) {
            Ok(token) => token,
            Err(error) => return Attempt::Ready(Err(error.into())),
        };
        let key = inner.identity.key_of(token);
        if let Some(outcome) = inner.known(&key) {
            return Attempt::Ready(inner.judge(outcome));
        }
        let call = Arc::clone(inner).find_out(key, Zeroizing::new(token.to_owned()));
        match inner.flights.board(key, || inner.known(&key), call) {
            Boarding::Known(outcome) => Attempt::Ready(inner.judge(outcome)),
            Boarding::Full => Attempt::Ready(Err(Failure::Overloaded.into())),
            Boarding::Flight(flight) => {
                let inner = Arc::clone(inner);
                Attempt::pending(async move { inner.judge(flight.await) })
            }
        }
    }
}

/// The text of what can be a token at all: `b64token` (RFC 6750 2.1), of bounded length.
fn text(token: Token<'_>) -> Result<&str, TokenError> {
    if token.as_bytes().len() > MAX_LENGTH {
        return Err(TokenError::TooLong);
    }
    let token = token.as_str().ok_or(TokenError::Malformed)?;
    let characters = token.trim_end_matches('=');
    let is_good = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    };
    if characters.is_empty() || !characters.bytes().all(is_good) {
        return Err(TokenError::Malformed);
    }
    Ok(token)
}

impl Inner {
    /// What is remembered of a token. Nothing good once the token has expired, whatever the clocks did since.
    fn known(&self, key: &Digest) -> Option<Outcome> {
        let now = self.clock.monotonic();
        if let Some(good) = self.memory.good.get(key, now) {
            if good.times.expires_at.is_none_or(|expires_at| self.clock.unix() < expires_at) {
                return Some(Ok(good));
            }
            self.memory.good.remove(key);
        }
        self.memory.bad.get(key, now).map(|reason| Err(refused(reason)))
    }

    /// The last word, for each request by itself: a token that was good a moment ago may have expired since.
    fn judge(&self, outcome: Outcome) -> Result<Principal, Rejection> {
        let checked = outcome?;
        checked.times.check(self.clock.unix())?;
        Ok(checked.principal.clone())
    }

    /// Asks about a token, and remembers the answer. A failure is nobody's answer and is not remembered.
    async fn find_out(self: Arc<Self>, key: Digest, token: Zeroizing<String>) -> Outcome {
        let permit = self.breaker.admit().map_err(Failure::CircuitOpen)?;
        // The client is the user's: a panic in it must fail this call, not all who wait for it, nor the breaker.
        let answer = AssertUnwindSafe(self.ask(&token)).catch_unwind().await;
        let answer = answer.unwrap_or(Err(Failure::ClientPanicked));
        permit.report(!answer.as_ref().is_err_and(Failure::is_of_endpoint));
        let now = self.clock.monotonic();
        match self.read(answer?) {
            Ok(checked) => {
                let checked = Arc::new(checked);
                let lifetime = self.lifetime(&checked);
                self.memory.good.insert(key, Arc::clone(&checked), now, lifetime);
                Ok(checked)
            }
            Err(reason) => {
                self.memory.good.remove(&key);
                self.memory.bad.insert(key, reason, now, self.memory.bad_for);
                Err(refused(reason))
            }
        }
    }

    /// How long an answer may be remembered: never past the token's expiry (RFC 7662 4).
    fn lifetime(&self, checked: &Checked) -> Duration {
        let left = checked
            .times
            .expires_at
            .map_or(Duration::MAX, |at| at.saturating_sub(self.clock.unix()));
        left.min(self.memory.good_for)
    }

    async fn ask(&self, token: &str) -> Result<Standing, Failure> {
        let request = self.request(token)?;
        let limits = Limits::new(self.timeout, response::MAX_BODY);
        let response =
            match tokio::time::timeout(self.timeout, self.http.send(request, limits)).await {
                Ok(Ok(response)) => response,
                Ok(Err(FetchError::TooLarge)) => return Err(Failure::TooLarge),
                Err(_) | Ok(Err(FetchError::TimedOut)) => return Err(Failure::TimedOut),
                Ok(Err(FetchError::Failed(source))) => return Err(Failure::Unreachable(source)),
            };
        let members = match &self.signed_by {
            None => response::members(response::body(&response, "application/json")?)?,
            Some(server) => {
                self.opened(response::body(&response, signed::MEDIA_TYPE)?, server).await?
            }
        };
        Ok(response::standing(members))
    }

    /// The members of a signed response, with newer keys if need be.
    async fn opened(&self, body: &[u8], server: &Issuer) -> Result<Claims, Failure> {
        let open = || signed::open(body, server, self.clock.unix());
        let mut opened = open();
        if let (Err(SignedError::Keys), Some(renewal)) = (&opened, server.keys.renew()) {
            let _ = tokio::time::timeout(self.timeout, renewal).await;
            opened = open();
        }
        opened.map_err(|error| match error {
            SignedError::Failure(failure) => failure,
            SignedError::Keys => Failure::KeysUnavailable,
        })
    }

    fn request(&self, token: &str) -> Result<Request<Bytes>, Failure> {
        let accept = if self.signed_by.is_some() { signed::MEDIA_TYPE } else { "application/json" };
        let mut form = Form::about(token);
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.uri().clone();
        self.authentication
            .authenticate(request.headers_mut(), &mut form)
            .map_err(Failure::ClientAuthentication)?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        *request.body_mut() = Bytes::copy_from_slice(form.text().as_bytes());
        Ok(request)
    }

    /// Our own checks, after the server's (RFC 7662 4); or the reason to refuse.
    fn read(&self, standing: Standing) -> Result<Checked, &'static str> {
        let Standing::Active(members) = standing else { return Err("token_inactive") };
        if response::is_of_another_kind(&members) {
            return Err(TokenError::MediaType.reason());
        }
        let Expected { issuer, audiences, leeway, roles_claim, tenant_claim, .. } = &self.expected;
        let expected = Expectations {
            issuer,
            audiences: (!self.expected.any_audience).then_some(audiences),
            leeway: *leeway,
            max_age: None,
            profile: Profile::Introspected { client_as_subject: self.expected.client_as_subject },
            roles_claim,
            tenant_claim,
        };
        let checked =
            claims::check(&Members::from(&members), expected, self.clock.unix(), "Bearer");
        let claims::Checked { principal, times } = checked.map_err(TokenError::reason)?;
        Ok(Checked { principal: principal.claims(members).build(), times })
    }
}

const fn refused(reason: &'static str) -> Rejection {
    Rejection::new(RejectionKind::InvalidCredentials, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i1_what_cannot_be_a_token_is_not_asked_about() {
        let longest = "a".repeat(MAX_LENGTH);
        for good in ["a", "mF_9.B5f-4.1JqM", "a+/~==", &longest] {
            assert_eq!(text(good.into()), Ok(good), "{good}");
        }
        for bad in ["", "=", "a=b", "a b", "a\"b", "a&token=b", "a\r\nb", "t\u{f6}ken", "a%20"] {
            assert_eq!(text(bad.into()), Err(TokenError::Malformed), "{bad}");
        }
        assert_eq!(text(format!("{longest}a").as_str().into()), Err(TokenError::TooLong));
    }
}
