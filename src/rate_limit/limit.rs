use std::fmt;
use std::sync::Arc;

use http::request;

use super::{Key, Quota};

pub(super) const DEFAULT_CAPACITY: usize = 1_000_000;

/// 32 GB of buckets; more is a slip of the keyboard.
pub(super) const MAX_CAPACITY: usize = 1_000_000_000;

/// A condition on the head of a request.
pub(super) type Condition = Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>;

/// One policy: whose requests are counted, how many of them are admitted, and what each costs.
///
/// Checked when the layer is built, which names the limit in its errors.
#[derive(Clone)]
#[must_use = "a limit limits nothing until a layer is built with it"]
pub struct Limit {
    pub(super) name: Arc<str>,
    pub(super) key: Key,
    pub(super) quota: Quota,
    pub(super) charged: Charged,
    pub(super) cost: Cost,
    pub(super) exemptions: Vec<Condition>,
    /// Which requests are refused when the quota is spent: all, where there is none.
    pub(super) concerns: Option<Condition>,
    /// How many keys have a bucket of their own.
    pub(super) capacity: usize,
}

/// For what is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charged {
    /// For every request, before it goes on.
    Requests,
    /// For every failed authentication, when the answer is there.
    FailedAuthentication,
}

/// What a request costs, in tokens.
#[derive(Clone)]
pub(super) enum Cost {
    Same(u64),
    Of(Arc<dyn Fn(&request::Parts) -> u64 + Send + Sync>),
}

impl Limit {
    /// Charges every request to the bucket of its key. `policy` is the name that callers see, printable ASCII of at
    /// most 64 characters.
    pub fn new(policy: impl Into<Arc<str>>, key: Key, quota: Quota) -> Self {
        Self {
            name: policy.into(),
            key,
            quota,
            charged: Charged::Requests,
            cost: Cost::Same(1),
            exemptions: Vec::new(),
            concerns: None,
            capacity: DEFAULT_CAPACITY,
        }
    }

    /// Charges every request to its client's address. Belongs inside
    /// [`ClientAddressLayer`](crate::client_address::ClientAddressLayer) and outside authentication.
    pub fn by_address(policy: impl Into<Arc<str>>, quota: Quota) -> Self {
        Self::new(policy, Key::address(), quota)
    }

    /// Charges every request to its principal, issuer and subject; anonymous requests are not charged. Belongs inside
    /// authentication.
    pub fn by_principal(policy: impl Into<Arc<str>>, quota: Quota) -> Self {
        Self::new(policy, Key::principal(), quota)
    }

    /// Charges every failed authentication to its client's address, and refuses an address that spent its quota before
    /// its next credentials are even looked at. Belongs outside authentication.
    pub fn failed_authentication(policy: impl Into<Arc<str>>, quota: Quota) -> Self {
        let limit = Self::new(policy, Key::address(), quota);
        Self { charged: Charged::FailedAuthentication, ..limit }
    }

    /// Sets how many tokens each request costs; 1 unless set.
    pub fn cost(mut self, tokens: u64) -> Self {
        self.cost = Cost::Same(tokens);
        self
    }

    /// Asks for each request how many tokens it costs. A request that costs 0 is admitted by a bucket that owes nothing.
    pub fn cost_of(
        mut self,
        tokens: impl Fn(&request::Parts) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.cost = Cost::Of(Arc::new(tokens));
        self
    }

    /// Neither charges nor refuses these requests. Given several times, each exempts.
    pub fn exempt(
        mut self,
        exempt: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.exemptions.push(Arc::new(exempt));
        self
    }

    /// Sets how many active keys have a bucket of their own; 1,000,000 unless set, at no more than 32 bytes each,
    /// allocated as they come.
    pub const fn capacity(mut self, keys: usize) -> Self {
        self.capacity = keys;
        self
    }

    /// Whether the caller is known only after authentication.
    pub(crate) const fn needs_principal(&self) -> bool {
        self.key.needs_principal()
    }

    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// What problems of this limit name.
    pub(crate) fn culprit(&self) -> String {
        format!("rate limiter {:?}", self.name)
    }

    /// Refuses these requests alone when the quota is spent: those without credentials make no guess.
    pub(crate) fn only_for(
        mut self,
        concerns: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.concerns = Some(Arc::new(concerns));
        self
    }
}

impl Cost {
    pub(super) fn of(&self, head: &request::Parts) -> u64 {
        match self {
            Self::Same(tokens) => *tokens,
            Self::Of(tokens) => tokens(head),
        }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("policy", &self.name)
            .field("key", &self.key)
            .field("quota", &self.quota)
            .field("charged", &self.charged)
            .field("exemptions", &self.exemptions.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
