use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, request, response};
use tower::Layer;

use super::bucket::{Bucket, Decision, Draw};
use super::headers::Announcement;
use super::key::{Key, group};
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
    fn address(&self, head: &request::Parts) -> Result<IpAddr, Rejection> {
        let Some(client) = ClientAddress::of(&head.extensions) else {
            return Err(misplaced(
                "client_address_missing",
                "put a `ClientAddressLayer` outside this rate limiter",
            ));
        };
        Ok(group(client.ip(), self.ipv6_prefix))
    }

    fn draw(&self, key: &Key<'_>, draw: Draw) -> Decision {
        self.store.draw(key, &self.bucket, self.clock.monotonic(), 1, draw)
    }

    fn refusal(&self, decision: &Decision, asked: &HeaderMap) -> Rejection {
        let reason = match self.charged {
            Charged::Address => "address_quota_exceeded",
            Charged::Principal => "principal_quota_exceeded",
            Charged::FailedAuthentication => "failed_authentication_quota_exceeded",
        };
        let mut rejection = Rejection::new(RejectionKind::QuotaExceeded, reason)
            .with_source(PolicySpent(self.name.clone()))
            .with_retry_after(decision.retry_after)
            .with_violated_policy(self.name.clone());
        if let Some(announcement) = self.announced(asked) {
            for (name, value) in announcement.fields(decision) {
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
    Rejection::new(RejectionKind::Internal, reason).with_source(advice)
}

impl Gate for RateLimitLayer {
    type Pass = RateLimitPass;

    fn name(&self) -> &'static str {
        "rate_limit"
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<RateLimitPass> {
        let limiter = &self.limiter;
        let (decision, owing) = match limiter.charged {
            Charged::Principal => {
                let Some(principal) = Principal::of(&head.extensions) else {
                    return if head.extensions.get::<Challenges>().is_some() {
                        Verdict::admit(RateLimitPass(After::Nothing))
                    } else {
                        Verdict::refuse(misplaced(
                            "authentication_missing",
                            "put an `AuthenticateLayer` outside this rate limiter; a gate of your own that \
                             authenticates leaves `Challenges` in the extensions of anonymous requests",
                        ))
                    };
                };
                let (issuer, subject) = principal.identity();
                (limiter.draw(&Key::Principal { issuer, subject }, Draw::Take), None)
            }
            Charged::Address => match limiter.address(head) {
                Ok(address) => (limiter.draw(&Key::Address(address), Draw::Take), None),
                Err(rejection) => return Verdict::refuse(rejection),
            },
            // A warden's own has its place, also inside of another warden.
            Charged::FailedAuthentication
                if self.concerns.is_none() && head.extensions.get::<Challenges>().is_some() =>
            {
                return Verdict::refuse(misplaced(
                    "failures_limited_inside_authentication",
                    "put this rate limiter outside the `AuthenticateLayer`: inside, it sees no failure",
                ));
            }
            Charged::FailedAuthentication => match limiter.address(head) {
                Ok(address) => (limiter.draw(&Key::Address(address), Draw::Peek), Some(address)),
                Err(rejection) => return Verdict::refuse(rejection),
            },
        };
        let concerned = || self.concerns.as_ref().is_none_or(|concerns| concerns(head));
        if !decision.allowed && concerned() {
            return Verdict::refuse(limiter.refusal(&decision, &head.headers));
        }
        Verdict::admit(RateLimitPass(match owing {
            Some(address) => After::ChargeFailure(limiter.clone(), address),
            None if limiter.announced(&head.headers).is_some() => {
                After::Announce(limiter.clone(), decision)
            }
            None => After::Nothing,
        }))
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

/// What a rate limiter carries to the response.
#[derive(Debug)]
pub struct RateLimitPass(After);

enum After {
    Nothing,
    Announce(Arc<Limiter>, Decision),
    ChargeFailure(Arc<Limiter>, IpAddr),
}

impl Pass for RateLimitPass {
    fn on_response(self, response: &mut response::Parts) {
        match self.0 {
            After::Nothing => {}
            After::Announce(limiter, decision) => {
                if let Some(announcement) = &limiter.announcement {
                    announcement.write(&decision, &mut response.headers);
                }
            }
            After::ChargeFailure(limiter, address) => {
                let failed = response
                    .extensions
                    .get::<Rejection>()
                    .is_some_and(|rejection| rejection.kind() == RejectionKind::InvalidCredentials);
                if failed {
                    limiter.draw(&Key::Address(address), Draw::Owe);
                }
            }
        }
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Announce(..) => "Announce",
            Self::ChargeFailure(..) => "ChargeFailure",
        })
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
