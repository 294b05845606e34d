//! Looking into a bucket without drawing from it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, request};

use super::Limiter;
use super::bucket::{Bucket, Decision, Draw};
use super::key::{Found, KeyBytes};
use super::store::Order;
use crate::client_address::ClientAddress;
use crate::principal::{Principal, PrincipalKind};

/// Whose bucket to look into: a caller, as a limit would find it in a request.
///
/// ```
/// use tower_warden::rate_limit::{LimitKey, Quota, RateLimitLayer};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let layer = RateLimitLayer::by_address("address", Quota::per_minute(60)).build()?;
/// let limiter = layer.limiter("address").expect("a limit of that name");
/// let standing = limiter.peek(&LimitKey::address("192.0.2.1".parse()?)).await?;
/// assert_eq!((standing.remaining, standing.limit), (60, 60));
///
/// assert!(limiter.peek(&LimitKey::principal("https://issuer.example", "ada")).await.is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LimitKey(request::Parts);

/// Says nothing of the request, which may hold credentials that nobody has marked as sensitive.
impl fmt::Debug for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitKey").finish_non_exhaustive()
    }
}

impl LimitKey {
    /// A client, by its address. Of an IPv6 address, the part counts that the limit counts by.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::request(http::Request::new(()).into_parts().0).and_address(address)
    }

    /// A principal without a plan; with one, see [`of`](Self::of). Who has an API key is of the issuer `api-key`, unless its
    /// holder names another.
    #[must_use]
    pub fn principal(issuer: &str, subject: &str) -> Self {
        let principal = Principal::builder(issuer, subject, PrincipalKind::User, "peek").build();
        Self::of(principal)
    }

    /// This principal, with its plan.
    #[must_use]
    pub fn of(principal: Principal) -> Self {
        Self::request(http::Request::new(()).into_parts().0).and_principal(principal)
    }

    /// Whoever would send this request.
    #[must_use]
    pub const fn request(head: request::Parts) -> Self {
        Self(head)
    }

    /// Adds an address, for a limit that counts by several things.
    #[must_use]
    pub fn and_address(mut self, address: IpAddr) -> Self {
        self.0.extensions.insert(ClientAddress::new(address));
        self
    }

    /// Adds a principal, for a limit that counts by several things.
    #[must_use]
    pub fn and_principal(mut self, principal: Principal) -> Self {
        self.0.extensions.insert(principal);
        self
    }

    /// Adds a header field, for a limit that counts by it.
    #[must_use]
    pub fn and_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }
}

/// Where a caller stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// What a full bucket holds, in tokens.
    pub limit: u64,
    /// Tokens that are left.
    pub remaining: u64,
    /// How long until there is a token; zero while there is one.
    pub retry_after: Duration,
    /// How long until the bucket is full again; zero while it is.
    pub full_after: Duration,
}

/// Nobody could look into the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeekError {
    /// The key says nothing of what the limit counts by.
    #[error("the key does not say what the limit counts by")]
    WrongKey,
    /// The shared store did not answer.
    #[error("the store of the limit did not answer")]
    Unavailable,
}

impl Limiter {
    /// Where a caller stands. Charges nothing, and makes nobody wait.
    ///
    /// # Errors
    ///
    /// If the key does not say what this limit counts by, or a shared store does not answer.
    pub async fn peek(&self, key: &LimitKey) -> Result<Standing, PeekError> {
        self.peek_request(&key.0).await
    }

    /// Where the sender of this request stands, with this limit alone. Charges nothing.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub async fn peek_request(&self, head: &request::Parts) -> Result<Standing, PeekError> {
        let active = self.active();
        let mut bytes = KeyBytes::new();
        match active.limit.key.write(head, active.routes.as_deref(), &mut bytes) {
            Ok(Found::Caller) => {}
            Ok(Found::Later(found)) => bytes = found.await.map_err(|_| PeekError::Unavailable)?,
            Ok(Found::Nobody) | Err(_) => return Err(PeekError::WrongKey),
        }
        let terms = active.terms.load();
        let bucket = terms.offer(terms.choose(head)).bucket(&*self.limits.clock);
        drop(terms);
        let Some(shared) = &self.limits.shared else {
            let key = active.limit.key.hash(head, &bytes, &self.limits.secret);
            let decision = active.table.draw(key, &bucket, self.limits.now(), 1, Draw::Peek);
            return Ok(Standing::of(&bucket, decision));
        };
        let policy = active.limit.name.clone();
        let order = Order { policy, key: bytes, bucket, cost: 1, draw: Draw::Peek, binding: false };
        let decisions = shared.draw(None, vec![order]).await.map_err(|_| PeekError::Unavailable)?;
        let decision = decisions.first().ok_or(PeekError::Unavailable)?;
        Ok(Standing::of(&bucket, *decision))
    }
}

impl Standing {
    fn of(bucket: &Bucket, decision: Decision) -> Self {
        Self {
            limit: bucket.burst(),
            remaining: bucket.remaining(decision),
            retry_after: bucket.retry_after(decision),
            full_after: bucket.full_after(decision),
        }
    }
}
