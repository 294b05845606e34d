//! A quota for each plan that callers may have.

use std::fmt;
use std::sync::Arc;

use http::request;

use super::{Limit, Quota};

/// The most plans of one limit: they are looked through for each request.
const MOST_PLANS: usize = 64;

/// The plans of a limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    pub(super) quotas: Vec<(Arc<str>, Quota)>,
    /// Who knows a request's plan, where it is not the principal.
    pub(super) plan_of: Option<PlanOf>,
}

type FindPlan = dyn for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync;

/// Finds the plan that a request is counted on.
#[derive(Clone)]
pub(super) struct PlanOf(Arc<FindPlan>);

impl PlanOf {
    pub(super) fn of<'a>(&self, head: &'a request::Parts) -> Option<&'a str> {
        self.0(head)
    }
}

impl fmt::Debug for PlanOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlanOf(..)")
    }
}

impl Plans {
    /// What is wrong with them, whatever their quotas are.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> + '_ {
        let too_many = self.quotas.len() > MOST_PLANS;
        let unasked = self.quotas.is_empty() && self.plan_of.is_some();
        let each = self.quotas.iter().enumerate().filter_map(|(at, (plan, _))| {
            let is_twice = self.quotas[..at].iter().any(|(earlier, _)| earlier == plan);
            match &**plan {
                "" => Some("has a plan without a name".to_owned()),
                _ if is_twice => Some(format!("plan {plan:?} is given twice")),
                _ => None,
            }
        });
        too_many
            .then(|| "has more than 64 plans".to_owned())
            .into_iter()
            .chain(unasked.then(|| "asks for plans and has none".to_owned()))
            .chain(each)
    }
}

impl Limit {
    /// Gives the callers of one plan a quota of their own; the plan is that of the
    /// [`Principal`](crate::principal::Principal::plan). Whoever has no plan, or one that is unknown here, has the quota that
    /// the limit was made with. The policy keeps its name; `q` and `w` follow the plan. Belongs inside authentication; a
    /// [`Warden`](crate::Warden) checks it there.
    ///
    /// What a caller has used counts on when its plan changes, as time: whoever used what takes an hour to come back waits
    /// an hour under the new plan too. A caller with tokens of two plans therefore wins nothing by taking turns. Plans whose
    /// quotas refill in about the same time, such as 100 a minute and 1,000 a minute, change without anyone noticing.
    ///
    /// ```
    /// use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer};
    ///
    /// let limit = Limit::by_principal("requests", Quota::per_minute(60))
    ///     .plan("pro", Quota::per_minute(600))
    ///     .plan("enterprise", Quota::per_minute(6_000));
    /// let layer = RateLimitLayer::builder().limit(limit).build()?;
    ///
    /// // Later, for all clones at once:
    /// let limiter = layer.limiter("requests").expect("a limit of that name");
    /// limiter.set_plan("pro", Quota::per_minute(900))?;
    /// assert!(limiter.set_plan("gold", Quota::per_minute(900)).is_err());
    /// # Ok::<_, tower_warden::ConfigError>(())
    /// ```
    pub fn plan(mut self, name: impl Into<Arc<str>>, quota: Quota) -> Self {
        self.plans.quotas.push((name.into(), quota));
        self
    }

    /// Finds a request's plan in another way than asking its principal, and where there is none. The principal of a JWT has
    /// no plan of its own, whatever its claims say: name the claim here.
    ///
    /// ```
    /// use tower_warden::Principal;
    /// use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer};
    ///
    /// let limit = Limit::by_principal("requests", Quota::per_minute(60))
    ///     .plan("pro", Quota::per_minute(600))
    ///     .plan_by(|head| Principal::of(&head.extensions)?.claims().get("plan")?.as_str());
    /// assert!(RateLimitLayer::builder().limit(limit.clone()).build().is_ok());
    ///
    /// let twice = limit.plan("pro", Quota::per_minute(900));
    /// assert!(RateLimitLayer::builder().limit(twice).build().is_err());
    /// ```
    pub fn plan_by(
        mut self,
        plan: impl for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    ) -> Self {
        self.plans.plan_of = Some(PlanOf(Arc::new(plan)));
        self
    }
}
