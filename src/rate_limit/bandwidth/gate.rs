use std::fmt;
use std::sync::Arc;

use http::{request, response};
use tower::Layer;

use super::BandwidthLimitBuilder;
use super::accounts::{Accounts, Counter};
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::rate_limit::caller::Callers;
use crate::rate_limit::limit::Condition;
use crate::rate_limit::metered::Meter;
use crate::rate_limit::{Key, Metered, Quota, StoreCounts};

const CONTROL: &str = "bandwidth_limit";

/// Refuses callers that were sent too many bytes. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct BandwidthLimitLayer {
    gate: BandwidthLimitGate,
}

/// The gate of a [`BandwidthLimitLayer`], which has a body to watch besides.
#[derive(Clone)]
pub struct BandwidthLimitGate(Arc<Settings>);

pub(super) struct Settings {
    pub(super) callers: Callers,
    pub(super) accounts: Arc<Accounts>,
    pub(super) exemptions: Vec<Condition>,
}

impl BandwidthLimitLayer {
    pub(super) fn new(settings: Settings) -> Self {
        Self { gate: BandwidthLimitGate(Arc::new(settings)) }
    }

    /// Lets each caller, told apart by `key`, be sent so many bytes: those of the quota are its tokens. `policy` is the
    /// name that callers see, printable ASCII of at most 64 characters.
    pub fn builder(policy: impl Into<Arc<str>>, key: Key, bytes: Quota) -> BandwidthLimitBuilder {
        BandwidthLimitBuilder::new(policy.into(), key, bytes)
    }

    /// The same by client address. Belongs inside [`ClientAddressLayer`](crate::client_address::ClientAddressLayer).
    pub fn by_address(policy: impl Into<Arc<str>>, bytes: Quota) -> BandwidthLimitBuilder {
        Self::builder(policy, Key::address(), bytes)
    }

    /// The same by principal. Belongs inside authentication; anonymous requests are not counted.
    pub fn by_principal(policy: impl Into<Arc<str>>, bytes: Quota) -> BandwidthLimitBuilder {
        Self::builder(policy, Key::principal(), bytes)
    }

    /// How often a bucket was looked at or charged that keys share, because more keys were active than there is room for.
    #[must_use]
    pub fn shared_charges(&self) -> u64 {
        self.gate.0.accounts.table.overflows()
    }

    /// How the shared store was asked, and what was done without it, by all that were given this store or a clone of it;
    /// none where the buckets are in memory alone.
    #[must_use]
    pub fn store_counts(&self) -> Option<StoreCounts> {
        self.gate.0.accounts.shared.as_ref().map(|shared| shared.counters().read())
    }
}

impl<S> Layer<S> for BandwidthLimitLayer {
    type Service = Metered<Gated<S, BandwidthLimitGate>>;

    fn layer(&self, inner: S) -> Self::Service {
        Metered::new(Gated::new(inner, self.gate.clone()))
    }
}

impl Gate for BandwidthLimitGate {
    type Pass = BandwidthPass;

    fn name(&self) -> &'static str {
        CONTROL
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<BandwidthPass> {
        let Settings { callers, accounts, exemptions } = &*self.0;
        if exemptions.iter().any(|exempt| exempt(head)) {
            return Verdict::admit(BandwidthPass(None));
        }
        let pass = |counter| BandwidthPass(Some(counter));
        match callers.find_bytes(head) {
            Ok(None) => Verdict::admit(BandwidthPass(None)),
            Ok(Some((key, bytes))) => match accounts.open(key, &bytes) {
                Verdict::Ready(outcome) => Verdict::Ready(outcome.map(pass)),
                Verdict::Pending(verdict) => {
                    Verdict::pending(async move { verdict.await.map(pass) })
                }
            },
            Err(rejection) => Verdict::refuse(rejection.by(CONTROL)),
        }
    }
}

impl fmt::Debug for BandwidthLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BandwidthLimitLayer")
            .field("policy", &self.gate.0.accounts.policy)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BandwidthLimitGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BandwidthLimitGate")
            .field("policy", &self.0.accounts.policy)
            .finish_non_exhaustive()
    }
}

/// What counts the bytes of an answer, on its way to the answer's body.
#[derive(Debug)]
pub struct BandwidthPass(Option<Arc<Counter>>);

impl Pass for BandwidthPass {
    fn on_response(self, response: &mut response::Parts) {
        if let Some(counter) = self.0 {
            response.extensions.insert(Meter::Bytes(counter));
        }
    }
}
