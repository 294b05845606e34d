use std::error::Error;
use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, request, response};
use tower::Layer;

use super::bucket::{Bucket, Decision, Draw};
use super::headers::Announcement;
use super::key::{HashedKey, Key, group};
use super::store::MemoryStore;
use super::{Quota, RateLimitBuilder};
use crate::client_address::ClientAddress;
use crate::clock::Clock;
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::principal::Principal;
use crate::rejection::{Challenges, Protocol, Rejection, RejectionKind};

/// Refuses callers that spent their quota. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct RateLimitLayer {
    pub(super) limiter: Arc<Limiter>,
    /// All requests, where there is none.
    pub(super) concerns: Option<Concerns>,
}

pub(super) struct Limiter {
    pub(super) name: Arc<str>,
    pub(super) charged: Charged,
    pub(super) ipv6_prefix: u8,
    pub(super) secret: RandomState,
    pub(super) bucket: Bucket,
    pub(super) store: MemoryStore,
    pub(super) announcement: Option<Announcement>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Tells which requests are refused when the quota is spent.
pub(super) type Concerns = Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>;

/// Who is charged, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charged {
    /// The client address, for every request.
    Address,
    /// The principal, for every request.
    Principal,
    /// The client address, for every failed authentication.
    FailedAuthentication,
}

impl RateLimitLayer {
    /// Charges every request to its client's address. Belongs inside
    /// [`ClientAddressLayer`](crate::client_address::ClientAddressLayer) and outside authentication.
    ///
    /// Refuses a request without a client address: the layer that finds it is missing.
    pub fn by_address(policy: impl Into<Arc<str>>, quota: Quota) -> RateLimitBuilder {
        RateLimitBuilder::new(policy.into(), quota, Charged::Address)
    }

    /// Charges every request to its principal, issuer and subject. Belongs inside authentication.
    ///
    /// An anonymous request is not charged here: the limiter by address covers it. A request that met no authentication
    /// at all is refused: the layer is missing, or stands in the wrong place.
    pub fn by_principal(policy: impl Into<Arc<str>>, quota: Quota) -> RateLimitBuilder {
        RateLimitBuilder::new(policy.into(), quota, Charged::Principal)
    }

    /// Charges every failed authentication to its client's address, and refuses an address that spent its quota before
    /// its next credentials are even looked at. Belongs inside
    /// [`ClientAddressLayer`](crate::client_address::ClientAddressLayer) and outside authentication.
    ///
    /// Requests that authenticate, and those without credentials, cost nothing here. Once the quota is spent, this layer
    /// on its own refuses them too, since it does not know which fields carry credentials; in a
    /// [`Warden`](crate::Warden) it lets those without credentials go on.
    ///
    /// Failures that were under way together are all charged: beyond an empty bucket they are owed, so that guessing in
    /// parallel gains nothing over time.
    pub fn failed_authentication(policy: impl Into<Arc<str>>, quota: Quota) -> RateLimitBuilder {
        RateLimitBuilder::new(policy.into(), quota, Charged::FailedAuthentication)
    }

    /// Refuses these requests alone when the quota is spent: those without credentials make no guess.
    pub(crate) fn only_for(
        mut self,
        concerns: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.concerns = Some(Arc::new(concerns));
        self
    }

    /// The name of the policy.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.limiter.name
    }

    /// How many requests were charged to a bucket that keys share, because more keys were active than there is room
    /// for. More than a few: raise [`capacity`](RateLimitBuilder::capacity), or look for a flood.
    #[must_use]
    pub fn shared_charges(&self) -> u64 {
        self.limiter.store.overflows()
    }
}

impl Limiter {
    fn address(&self, head: &request::Parts) -> Result<HashedKey, Rejection> {
        let Some(client) = ClientAddress::of(&head.extensions) else {
            return Err(misplaced(
                "client_address_missing",
                "put a `ClientAddressLayer` outside this rate limiter",
            ));
        };
        Ok(self.key_of(client))
    }

    pub(super) fn key_of(&self, client: ClientAddress) -> HashedKey {
        Key::Address(group(client.ip(), self.ipv6_prefix)).hashed(&self.secret)
    }

    fn draw(&self, key: HashedKey, now: Duration, draw: Draw) -> Decision {
        self.store.draw(key, &self.bucket, now, 1, draw)
    }

    fn refusal(&self, decision: Decision, asked: &HeaderMap) -> Rejection {
        let reason = match self.charged {
            Charged::Address => "address_quota_exceeded",
            Charged::Principal => "principal_quota_exceeded",
            Charged::FailedAuthentication => "failed_authentication_quota_exceeded",
        };
        let mut rejection = Rejection::new(RejectionKind::QuotaExceeded, reason)
            .by(CONTROL)
            .with_source(PolicySpent(self.name.clone()))
            .with_retry_after(self.bucket.retry_after(decision))
            .with_violated_policy(self.name.clone());
        if let Some(announcement) = self.announced(asked) {
            for (name, value) in announcement.fields(&self.bucket, decision) {
                rejection = rejection.with_header(name, value);
            }
        }
        rejection
    }

    /// gRPC has no such fields, and its trailers must not carry them.
    fn announced(&self, asked: &HeaderMap) -> Option<&Announcement> {
        self.announcement.as_ref().filter(|_| Protocol::of(asked) != Protocol::Grpc)
    }
}

fn misplaced(reason: &'static str, advice: &'static str) -> Rejection {
    Rejection::new(RejectionKind::Internal, reason).by(CONTROL).with_source(advice)
}

const CONTROL: &str = "rate_limit";

impl RateLimitLayer {
    /// What the request is charged at this moment, or why it is refused.
    fn charge(&self, head: &request::Parts, now: Duration) -> Result<Charge, Rejection> {
        match self.key(head)? {
            Some(key) => self.draw(key, head, now),
            None => Ok(Charge::Nothing),
        }
    }

    /// Whose bucket the request is charged to; nobody's when nobody is known.
    pub(super) fn key(&self, head: &request::Parts) -> Result<Option<HashedKey>, Rejection> {
        let limiter = &*self.limiter;
        match limiter.charged {
            Charged::Principal => match Principal::of(&head.extensions) {
                Some(principal) => {
                    let (issuer, subject) = principal.identity();
                    Ok(Some(Key::Principal { issuer, subject }.hashed(&limiter.secret)))
                }
                None if Challenges::of(&head.extensions).is_some() => Ok(None),
                None => Err(misplaced(
                    "authentication_missing",
                    "put an `AuthenticateLayer` outside this rate limiter; a gate of your own that \
                     authenticates leaves `Challenges` in the extensions of anonymous requests",
                )),
            },
            // A warden's own has its place, also inside of another warden.
            Charged::FailedAuthentication
                if self.concerns.is_none() && Challenges::of(&head.extensions).is_some() =>
            {
                Err(misplaced(
                    "failures_limited_inside_authentication",
                    "put this rate limiter outside the `AuthenticateLayer`: inside, it sees no failure",
                ))
            }
            Charged::Address | Charged::FailedAuthentication => limiter.address(head).map(Some),
        }
    }

    /// Charges that bucket, or looks at it where only a failure is charged.
    pub(super) fn draw(
        &self,
        key: HashedKey,
        head: &request::Parts,
        now: Duration,
    ) -> Result<Charge, Rejection> {
        let limiter = &*self.limiter;
        let failures = limiter.charged == Charged::FailedAuthentication;
        let decision = limiter.draw(key, now, if failures { Draw::Peek } else { Draw::Take });
        let concerned = || self.concerns.as_ref().is_none_or(|concerns| concerns(head));
        if !decision.allowed() && concerned() {
            return Err(limiter.refusal(decision, &head.headers));
        }
        Ok(if failures { Charge::Failure(key) } else { Charge::Request(decision) })
    }
}

impl Limiter {
    /// Charges the address if this is the answer to a failed authentication.
    pub(super) fn charge_failure(&self, address: HashedKey, response: &response::Parts) {
        let failed = response
            .extensions
            .get::<Rejection>()
            .is_some_and(|rejection| rejection.kind() == RejectionKind::InvalidCredentials);
        if failed {
            self.draw(address, self.clock.monotonic(), Draw::Owe);
        }
    }
}

impl Gate for RateLimitLayer {
    type Pass = RateLimitPass;

    fn name(&self) -> &'static str {
        CONTROL
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<RateLimitPass> {
        let limiter = &self.limiter;
        match self.charge(head, limiter.clock.monotonic()) {
            Ok(Charge::Request(_)) if limiter.announced(&head.headers).is_none() => {
                Verdict::admit(RateLimitPass(None))
            }
            Ok(Charge::Nothing) => Verdict::admit(RateLimitPass(None)),
            Ok(charge) => Verdict::admit(RateLimitPass(Some((limiter.clone(), charge)))),
            Err(rejection) => Verdict::refuse(rejection),
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = Gated<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(inner, self.clone())
    }
}

/// Policy and bucket, for people: `"address": 200 at once, refilled in 10s`.
impl fmt::Display for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limiter { name, bucket, .. } = &*self.limiter;
        write!(f, "{name:?}: {} at once, refilled in {:?}", bucket.burst(), bucket.refill())
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limiter { name, charged, bucket, .. } = &*self.limiter;
        f.debug_struct("RateLimitLayer")
            .field("policy", name)
            .field("charged", charged)
            .field("bucket", bucket)
            .finish_non_exhaustive()
    }
}

/// What an admitted request is charged.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charge {
    /// Nothing: nobody is known.
    Nothing,
    /// One token, which was taken.
    Request(Decision),
    /// One token of this address, should its authentication fail.
    Failure(HashedKey),
}

/// What a rate limiter carries to the response, where something is left to do.
pub struct RateLimitPass(Option<(Arc<Limiter>, Charge)>);

impl Pass for RateLimitPass {
    fn on_response(self, response: &mut response::Parts) {
        match self.0 {
            Some((limiter, Charge::Request(decision))) => {
                if let Some(announcement) = &limiter.announcement {
                    announcement.write(&limiter.bucket, decision, &mut response.headers);
                }
            }
            Some((limiter, Charge::Failure(address))) => limiter.charge_failure(address, response),
            Some((_, Charge::Nothing)) | None => {}
        }
    }
}

impl fmt::Debug for RateLimitPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitPass").field(&self.0.as_ref().map(|(_, charge)| charge)).finish()
    }
}

/// Says in the log which policy was violated.
#[derive(Debug)]
struct PolicySpent(Arc<str>);

impl fmt::Display for PolicySpent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the quota of policy {:?} is spent", self.0)
    }
}

impl Error for PolicySpent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q10_a_key_lands_in_another_place_in_every_limiter() {
        let built = || RateLimitLayer::by_address("a", Quota::per_second(1)).build().unwrap();
        let (one, other) = (built(), built());
        let key = Key::Principal { issuer: "issuer", subject: "ada" };
        let hashed = |layer: &RateLimitLayer| key.hashed(&layer.limiter.secret).0;
        assert_eq!(hashed(&one), hashed(&one.clone()));
        assert_ne!(hashed(&one), hashed(&other));
    }
}
