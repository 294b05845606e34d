use std::fmt;
use std::sync::Arc;

use http::{request, response};
use tower::Layer;

use super::charges::Charges;
use super::limits::Limits;
use super::refusal::{CONTROL, misplaced};
use super::sender::Sender;
use super::{Limit, Quota, RateLimitBuilder, StoreCounts, headers};
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::rejection::{Challenges, Protocol};

/// Refuses callers that spent their quota. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct RateLimitLayer {
    pub(super) limits: Arc<Limits>,
}

impl RateLimitLayer {
    /// Starts a layer; its limits are checked together, and a request is charged to all of them or to none.
    pub fn builder() -> RateLimitBuilder {
        RateLimitBuilder::new()
    }

    /// Charges every request to its client's address. Belongs inside
    /// [`ClientAddressLayer`](crate::client_address::ClientAddressLayer) and outside authentication.
    ///
    /// Refuses a request without a client address: the layer that finds it is missing.
    pub fn by_address(policy: impl Into<Arc<str>>, quota: Quota) -> RateLimitBuilder {
        Self::builder().limit(Limit::by_address(policy, quota))
    }

    /// Charges every request to its principal, issuer and subject. Belongs inside authentication.
    ///
    /// An anonymous request is not charged here: the limiter by address covers it. A request that met no authentication
    /// at all is refused: the layer is missing, or stands in the wrong place.
    pub fn by_principal(policy: impl Into<Arc<str>>, quota: Quota) -> RateLimitBuilder {
        Self::builder().limit(Limit::by_principal(policy, quota))
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
        Self::builder().limit(Limit::failed_authentication(policy, quota))
    }

    /// How many requests were charged to a bucket that keys share, because more keys were active than there is room
    /// for. More than a few: raise [`capacity`](Limit::capacity), or look for a flood.
    #[must_use]
    pub fn shared_charges(&self) -> u64 {
        self.limits.limits.iter().map(|active| active.table.overflows()).sum()
    }

    /// How many requests the limit of this name would have refused, were it not in [shadow mode](Limit::shadow).
    #[must_use]
    pub fn shadow_refusals(&self, policy: &str) -> u64 {
        self.limits.shadow_refusals(policy)
    }
}

impl RateLimitLayer {
    /// How the shared store was asked, and what was done without it, by all that were given this store or a clone of it;
    /// none where the limits are in memory alone.
    #[must_use]
    pub fn store_counts(&self) -> Option<StoreCounts> {
        self.limits.store_counts()
    }
}

impl Gate for RateLimitLayer {
    type Pass = RateLimitPass;

    fn name(&self) -> &'static str {
        CONTROL
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<RateLimitPass> {
        let limits = &self.limits;
        if limits.counts_failures() && Challenges::of(&head.extensions).is_some() {
            return Verdict::refuse(misplaced(
                "failures_limited_inside_authentication",
                "put this rate limiter outside the `AuthenticateLayer`: inside, it sees no failure",
            ));
        }
        // Only fields depend on the protocol.
        let protocol = if limits.announces { Protocol::of(&head.headers) } else { Protocol::Http };
        let pass = |limits: &Arc<Limits>, charges: Charges| {
            RateLimitPass((!charges.is_empty()).then(|| (Arc::clone(limits), charges)))
        };
        match limits.admit(head, Sender::default(), protocol, limits.now()) {
            Verdict::Ready(outcome) => Verdict::Ready(outcome.map(|charges| pass(limits, charges))),
            Verdict::Pending(verdict) => {
                let limits = Arc::clone(limits);
                Verdict::pending(async move { verdict.await.map(|charges| pass(&limits, charges)) })
            }
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = Gated<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(inner, self.clone())
    }
}

/// Policies and buckets, for people: `"address": 200 at once, refilled in 10s`.
impl fmt::Display for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.limits.lines().collect::<Vec<_>>().join("; "))
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("limits", &self.limits.limits)
            .finish_non_exhaustive()
    }
}

/// What a rate limiter carries to the response, where something is left to do.
pub struct RateLimitPass(Option<(Arc<Limits>, Charges)>);

impl Pass for RateLimitPass {
    fn on_response(self, response: &mut response::Parts) {
        if let Some((limits, charges)) = self.0 {
            headers::write(&limits, &charges, &mut response.headers);
            limits.charge_answer(&charges, response);
        }
    }
}

impl fmt::Debug for RateLimitPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitPass").field(&self.0.as_ref().map(|(_, charges)| charges)).finish()
    }
}
