use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use http::{request, response};

use super::RateLimitLayer;
use super::bucket::Decision;
use super::headers::State;
use super::key::HashedKey;
use super::layer::Charge;
use crate::client_address::ClientAddress;
use crate::clock::Clock;
use crate::rejection::Rejection;

/// The three limits of a stack, built with one secret. They read the clock and hash the address once for a request, and
/// share the two lines that announce them.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) address: Option<RateLimitLayer>,
    pub(crate) failure: Option<RateLimitLayer>,
    pub(crate) principal: Option<RateLimitLayer>,
    clock: Arc<dyn Clock>,
    /// Those of address and principal, where both are announced.
    policies: Option<HeaderValue>,
}

/// What one request was charged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Charges {
    address: Option<Decision>,
    /// Who is charged should the authentication fail.
    failure: Option<HashedKey>,
    principal: Option<Decision>,
}

impl Limits {
    pub(crate) fn new(
        address: Option<RateLimitLayer>,
        failure: Option<RateLimitLayer>,
        principal: Option<RateLimitLayer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let policies =
            [&address, &principal].map(|limit| limit.as_ref()?.limiter.announcement.as_ref());
        let policies = match policies {
            [Some(outer), Some(inner)] => outer.policy_before(inner),
            _ => None,
        };
        Self { address, failure, principal, clock, policies }
    }

    /// Whether most responses announce limits.
    pub(crate) const fn are_announced(&self) -> bool {
        self.policies.is_some()
    }

    /// The time by which limits count.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Charges the address, and looks how many failed log-ins it has left.
    pub(crate) fn charge_address(
        &self,
        client: ClientAddress,
        head: &request::Parts,
        now: Duration,
        charges: &mut Charges,
    ) -> Result<(), Rejection> {
        // Both count the same addresses, hashed with the same secret.
        let Some(either) = self.address.as_ref().or(self.failure.as_ref()) else { return Ok(()) };
        let key = either.limiter.key_of(client);
        if let Some(limit) = &self.address
            && let Charge::Request(decision) = limit.draw(key, head, now)?
        {
            charges.address = Some(decision);
        }
        if let Some(limit) = &self.failure
            && let Charge::Failure(address) = limit.draw(key, head, now)?
        {
            charges.failure = Some(address);
        }
        Ok(())
    }

    /// Charges the principal, where one is known.
    pub(crate) fn charge_principal(
        &self,
        head: &request::Parts,
        now: Duration,
        charges: &mut Charges,
    ) -> Result<(), Rejection> {
        if let Some(limit) = &self.principal
            && let Some(key) = limit.key(head)?
            && let Charge::Request(decision) = limit.draw(key, head, now)?
        {
            charges.principal = Some(decision);
        }
        Ok(())
    }

    /// Charges the address for a failed log-in, should this be the answer to one.
    pub(crate) fn charge_failure(&self, charges: &Charges, response: &response::Parts) {
        if let (Some(limit), Some(address)) = (&self.failure, charges.failure) {
            limit.limiter.charge_failure(address, response);
        }
    }

    /// The values of `RateLimit-Policy` and `RateLimit`, where there is something to announce.
    pub(crate) fn fields(&self, charges: &Charges) -> Option<[HeaderValue; 2]> {
        let address = self.address.as_ref().zip(charges.address).and_then(announced);
        let principal = self.principal.as_ref().zip(charges.principal).and_then(announced);
        match (address, principal) {
            (Some((_, outer)), Some((_, inner))) => {
                Some([self.policies.clone()?, State::line([outer, inner])])
            }
            (Some((policy, state)), None) | (None, Some((policy, state))) => {
                Some([policy.clone(), State::line([state])])
            }
            (None, None) => None,
        }
    }
}

fn announced((limit, decision): (&RateLimitLayer, Decision)) -> Option<(&HeaderValue, State<'_>)> {
    let announcement = limit.limiter.announcement.as_ref()?;
    Some((announcement.policy(), announcement.state(&limit.limiter.bucket, decision)))
}
