use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::{request, response};

use super::exemptions::Exemptions;
use super::plans::Plans;
use super::routes::RouteDrafts;
use super::{Key, Quota, WhenUnavailable};
use crate::rejection::{Rejection, RejectionKind};

pub(super) const DEFAULT_CAPACITY: usize = 1_000_000;

/// 32 GB of buckets; more is a slip of the keyboard.
pub(super) const MAX_CAPACITY: usize = 1_000_000_000;

/// A condition on the head of a request.
pub(super) type Condition = Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>;

/// A condition on the head of an answer.
pub(super) type AnswerCondition = Arc<dyn Fn(&response::Parts) -> bool + Send + Sync>;

/// One policy: whose requests are counted, how many of them are admitted, and what each costs.
///
/// Checked when the layer is built, which names the limit in its errors.
#[derive(Clone)]
#[must_use = "a limit limits nothing until a layer is built with it"]
pub struct Limit {
    pub(super) name: Arc<str>,
    pub(super) key: Key,
    pub(super) quota: Quota,
    pub(super) plans: Plans,
    pub(super) charged: Charged,
    pub(super) cost: Cost,
    pub(super) exemptions: Exemptions,
    pub(super) routes: RouteDrafts,
    /// Which answers are charged for, of a limit that charges for answers.
    pub(super) dues: Option<AnswerCondition>,
    /// Which requests are refused when the quota is spent: all, where there is none.
    pub(super) concerns: Option<Condition>,
    /// How many keys have a bucket of their own.
    pub(super) capacity: usize,
    /// Whether it refuses nothing.
    pub(super) shadow: bool,
    /// What is counted, where that is not requests.
    pub(super) unit: Option<Arc<str>>,
    /// What it does without the shared store, where that was said.
    pub(super) when_unavailable: Option<WhenUnavailable>,
    /// How many of the top consumers are kept by name, where any are.
    pub(super) tracked_consumers: Option<usize>,
}

/// For what is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charged {
    /// For every request, before it goes on.
    Requests,
    /// For every failed authentication, when the answer is there.
    FailedAuthentication,
    /// For every answer that a closure picks, when it is there.
    Answers,
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
            plans: Plans::default(),
            charged: Charged::Requests,
            cost: Cost::Same(1),
            exemptions: Exemptions::default(),
            routes: RouteDrafts::default(),
            dues: None,
            concerns: None,
            capacity: DEFAULT_CAPACITY,
            shadow: false,
            unit: None,
            when_unavailable: None,
            tracked_consumers: None,
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
    ///
    /// One that costs more than a full bucket holds is refused, without `Retry-After` as it will never be admitted: 429,
    /// `cost_exceeds_quota`.
    pub fn cost_of(
        mut self,
        tokens: impl Fn(&request::Parts) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.cost = Cost::Of(Arc::new(tokens));
        self
    }

    /// Charges for a request only if its answer says so: for handlers that check something themselves, such as a log-in that
    /// answers 400 or 401, to count failures alone. Over gRPC the status of a call that failed at once is in the header
    /// section, as `grpc-status`.
    ///
    /// Before the request goes on it is refused if the bucket has less than it would cost; nothing is taken yet. What was
    /// under way together is all charged: beyond an empty bucket it is owed, so that guessing in parallel gains nothing
    /// over time. Callers hear of the limit when it refuses, and not before. A closure that panics has the request
    /// charged. A refusal by this library is shown to the closure as it is and as it is over HTTP, so that a caller that
    /// calls itself gRPC does not change what its answer costs.
    ///
    /// A request that ends without the head of an answer costs nothing: its caller went away, or the service failed with an
    /// error of its own. Have a failure answered as fast as a success: whoever knows from the delay alone that a guess was
    /// wrong goes away and is not charged. A limit by address bounds what it costs the service to look.
    ///
    /// ```
    /// use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};
    ///
    /// let account = Key::from_fn("account", |head| Some(head.headers.get("x-account")?.to_str().ok()?.to_lowercase()));
    /// let guesses = Limit::new("log-in", Key::all_of([Key::address(), account]), Quota::per_hour(10))
    ///     .only_routes(["POST /login"])
    ///     .charge_when(|answer| answer.status == 401);
    /// assert!(RateLimitLayer::builder().limit(guesses.clone()).build().is_ok());
    /// assert!(RateLimitLayer::builder().limit(guesses.cost(11)).build().is_err()); // no guess would ever be admitted
    /// ```
    pub fn charge_when(
        mut self,
        is_due: impl Fn(&response::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.charged = Charged::Answers;
        self.dues = Some(Arc::new(is_due));
        self
    }

    /// Refuses these requests alone when the quota is spent; others are charged and go on.
    pub fn refuse_only(
        mut self,
        concerns: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.concerns = Some(Arc::new(concerns));
        self
    }

    /// Sets how many active keys have a bucket of their own; 1,000,000 unless set, at no more than 32 bytes each,
    /// allocated as they come.
    pub const fn capacity(mut self, keys: usize) -> Self {
        self.capacity = keys;
        self
    }

    /// Puts the limit on trial: it counts, and refuses nothing.
    ///
    /// It is charged for requests that are admitted, tells what is left in the header fields as it will once it is in force,
    /// and keeps no other limit from being charged. What it would have refused is counted
    /// ([`shadow_refusals`](super::RateLimitLayer::shadow_refusals)), logged at most once a minute, and left in the
    /// extensions of the answer as [`ShadowRefusals`](super::ShadowRefusals). Requests that another limit refuses do not
    /// count.
    pub const fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// Says what a token is where it is not a request, such as `content-bytes`: callers see it as the parameter `qu`
    /// (draft-ietf-httpapi-ratelimit-headers-10, section 3.1). Printable ASCII of at most 64 characters.
    pub fn quota_unit(mut self, unit: impl Into<Arc<str>>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Sets what this limit does while a shared store does not answer. Unless set, a limit of failed authentication, or one
    /// that [charges for answers](Self::charge_when), refuses with 503, and every other counts in this process: see
    /// [`WhenUnavailable`].
    pub const fn when_unavailable(mut self, what: WhenUnavailable) -> Self {
        self.when_unavailable = Some(what);
        self
    }

    /// Whether the caller, or the plan, is known only after authentication.
    pub(crate) fn needs_principal(&self) -> bool {
        self.key.needs_principal() || self.exemptions.need_principal() || self.asks_for_plan()
    }

    /// Whether the plan is the principal's.
    pub(super) fn asks_for_plan(&self) -> bool {
        !self.plans.quotas.is_empty() && self.plans.plan_of.is_none()
    }

    /// Whether an answer is charged for. A closure that panics did not say that it is not.
    ///
    /// A refusal is HTTP 200 over gRPC, and a caller names its protocol itself: what would be charged for as HTTP has it is
    /// charged for. The status is the answer's own again in the end.
    pub(super) fn is_due(&self, answer: &mut response::Parts) -> bool {
        let rejection = answer.extensions.get::<Rejection>();
        match (self.charged, &self.dues) {
            (Charged::Requests, _) => false,
            (Charged::Answers, Some(is_due)) => {
                let is_due = |answer: &response::Parts| {
                    catch_unwind(AssertUnwindSafe(|| is_due(answer))).unwrap_or(true)
                };
                let over_http = rejection.map_or(answer.status, Rejection::status);
                let status = answer.status;
                let mut due = is_due(answer);
                if !due && over_http != status {
                    answer.status = over_http;
                    due = is_due(answer);
                    answer.status = status;
                }
                due
            }
            (Charged::FailedAuthentication | Charged::Answers, _) => rejection
                .is_some_and(|rejection| rejection.kind() == RejectionKind::InvalidCredentials),
        }
    }

    /// Has a limit of failed authentication refuse those alone that present credentials, unless it was told whom to refuse.
    pub(crate) fn sparing_anonymous(
        self,
        is_credential_presented: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        if self.charged == Charged::FailedAuthentication && self.concerns.is_none() {
            self.refuse_only(is_credential_presented)
        } else {
            self
        }
    }

    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// What problems of this limit name.
    pub(crate) fn culprit(&self) -> String {
        format!("rate limiter {:?}", self.name)
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
            .field("plans", &self.plans.quotas)
            .field("charged", &self.charged)
            .field("exemptions", &self.exemptions.len())
            .field("capacity", &self.capacity)
            .field("shadow", &self.shadow)
            .finish_non_exhaustive()
    }
}
