use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{request, response};
use tower::Layer;

use super::ConcurrencyLimitBuilder;
use super::places::{Place, Places, Taken};
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::rate_limit::caller::Callers;
use crate::rate_limit::headers::Announcement;
use crate::rate_limit::limit::Condition;
use crate::rate_limit::metered::Meter;
use crate::rate_limit::{Key, Metered};
use crate::rejection::{Rejection, RejectionKind};

const CONTROL: &str = "concurrency_limit";

/// Refuses callers that have too many requests under way. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct ConcurrencyLimitLayer {
    gate: ConcurrencyLimitGate,
}

/// The gate of a [`ConcurrencyLimitLayer`], which has a body to watch besides.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitGate(pub(super) Arc<Settings>);

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) policy: Arc<str>,
    pub(super) callers: Callers,
    pub(super) places: Arc<Places>,
    pub(super) retry_after: Duration,
    pub(super) exemptions: Exemptions,
    /// None where nothing is announced.
    pub(super) fields: Option<Announcement>,
}

/// Requests that are neither counted nor refused.
#[derive(Clone, Default)]
pub(super) struct Exemptions(pub(super) Vec<Condition>);

impl ConcurrencyLimitLayer {
    pub(super) fn new(settings: Settings) -> Self {
        Self { gate: ConcurrencyLimitGate(Arc::new(settings)) }
    }

    /// Lets each caller, told apart by `key`, have so many requests under way, at least 1. `policy` is the name that
    /// callers see, printable ASCII of at most 64 characters.
    pub fn builder(policy: impl Into<Arc<str>>, key: Key, most: u32) -> ConcurrencyLimitBuilder {
        ConcurrencyLimitBuilder::new(policy.into(), key, most)
    }

    /// The same by client address. Belongs inside [`ClientAddressLayer`](crate::client_address::ClientAddressLayer).
    pub fn by_address(policy: impl Into<Arc<str>>, most: u32) -> ConcurrencyLimitBuilder {
        Self::builder(policy, Key::address(), most)
    }

    /// The same by principal. Belongs inside authentication; anonymous requests are not counted.
    pub fn by_principal(policy: impl Into<Arc<str>>, most: u32) -> ConcurrencyLimitBuilder {
        Self::builder(policy, Key::principal(), most)
    }

    /// How many requests are under way, of all callers.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.gate.0.places.taken()
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = Metered<Gated<S, ConcurrencyLimitGate>>;

    fn layer(&self, inner: S) -> Self::Service {
        Metered::new(Gated::new(inner, self.gate.clone()))
    }
}

impl Gate for ConcurrencyLimitGate {
    type Pass = InFlight;

    fn name(&self) -> &'static str {
        CONTROL
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<InFlight> {
        let settings = &*self.0;
        if settings.exemptions.0.iter().any(|exempt| exempt(head)) {
            return Verdict::admit(InFlight(None));
        }
        let key = match settings.callers.find(head) {
            Ok(key) => key,
            Err(rejection) => return Verdict::refuse(rejection.by(CONTROL)),
        };
        match settings.places.take(key) {
            Ok(place) => Verdict::admit(InFlight(Some(Arc::new(place)))),
            Err(taken) => Verdict::refuse(settings.refusal(taken)),
        }
    }
}

impl Settings {
    #[cold]
    fn refusal(&self, taken: Taken) -> Rejection {
        let refusal = match taken {
            Taken::ByCaller => {
                let kind = RejectionKind::QuotaExceeded;
                let refusal = Rejection::new(kind, "concurrency_limit_exceeded")
                    .with_violated_policy(Arc::clone(&self.policy));
                match &self.fields {
                    Some(fields) => fields.tell_spent(refusal, None),
                    None => refusal,
                }
            }
            Taken::ByAll => {
                let kind = RejectionKind::ReducedCapacity;
                Rejection::new(kind, "overall_concurrency_limit_reached")
            }
        };
        refusal
            .with_retry_after(self.retry_after)
            .with_source(format!("concurrency limit {:?}", self.policy))
    }
}

impl fmt::Debug for ConcurrencyLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimitLayer")
            .field("policy", &self.gate.0.policy)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Exemptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|_| "..")).finish()
    }
}

/// The place of a request that was admitted, on its way to the body of the answer.
#[derive(Debug)]
pub struct InFlight(Option<Arc<Place>>);

impl Pass for InFlight {
    fn on_response(self, response: &mut response::Parts) {
        if let Some(place) = self.0 {
            response.extensions.insert(Meter::Place(place));
        }
    }
}
