//! How, and how long ago, a person logged in (RFC 9470).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Policy;
use super::decision::{Denial, Outcome};
use super::policy::Node;
use crate::clock::{Clock, SystemClock};
use crate::principal::{Principal, PrincipalKind, is_scope_token};
use crate::rejection::{Rejection, RejectionKind};

/// How far ahead of ours the issuer's clock may be. A log-in that lies further ahead is no log-in.
const LEEWAY: Duration = Duration::from_secs(60);

/// Allows principals that were authenticated at most this long ago (`auth_time`), by the system's clock. One whose token does
/// not say when is denied.
///
/// A person who is denied for nothing else gets 401 `insufficient_user_authentication` with `max_age`, and a client that
/// knows RFC 9470 lets the person log in again.
///
/// ```
/// use std::time::Duration;
/// use tower_warden::authz::{acr, all_of, fresh, scope};
///
/// let transfer = all_of([
///     scope("payments:write"),
///     fresh(Duration::from_secs(300)),
///     acr(["urn:example:gold", "urn:example:platinum"]),
/// ]);
/// assert_eq!(
///     transfer.to_string(),
///     "scope(payments:write) and fresh(300 s) and acr(urn:example:gold urn:example:platinum)"
/// );
/// ```
#[must_use]
pub fn fresh(max_age: Duration) -> Policy {
    fresh_by(SystemClock::default(), max_age)
}

/// A [`fresh`] by a clock of your own.
#[must_use]
pub fn fresh_by(clock: impl Clock, max_age: Duration) -> Policy {
    let wanted = StepUp { acr: None, max_age: Some(max_age) };
    Policy::of(Node::StepUp(Demand { wanted: Arc::new(wanted), clock: Arc::new(clock) }))
}

/// Allows principals that were authenticated in one of these contexts (`acr`), the preferred one first. Values are compared
/// byte for byte; none stands for another. One whose token does not say how is denied.
///
/// A person who is denied for nothing else gets 401 `insufficient_user_authentication` with `acr_values`, and a client that
/// knows RFC 9470 lets the person log in again.
#[must_use]
pub fn acr<T: Into<Arc<str>>>(values: impl IntoIterator<Item = T>) -> Policy {
    let acr = values.into_iter().map(Into::into).collect();
    let wanted = StepUp { acr: Some(acr), max_age: None };
    Policy::of(Node::StepUp(Demand {
        wanted: Arc::new(wanted),
        clock: Arc::new(SystemClock::default()),
    }))
}

/// One demand, of one kind.
pub(super) struct Demand {
    wanted: Arc<StepUp>,
    clock: Arc<dyn Clock>,
}

/// What another log-in has to achieve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepUp {
    acr: Option<Vec<Arc<str>>>,
    max_age: Option<Duration>,
}

impl Demand {
    pub(super) fn judge(&self, principal: &Principal) -> Outcome {
        let assurance = principal.assurance();
        let in_context = |accepted: &Vec<Arc<str>>| {
            accepted.iter().any(|accepted| Some(&**accepted) == assurance.acr.as_deref())
        };
        let is_recent = |max_age: Duration| {
            let now = self.clock.unix();
            assurance.auth_time.is_some_and(|then| {
                then <= now.saturating_add(LEEWAY) && now.saturating_sub(then) <= max_age
            })
        };
        let StepUp { acr, max_age } = &*self.wanted;
        if acr.as_ref().is_none_or(in_context) && max_age.is_none_or(is_recent) {
            Outcome::Allow
        } else {
            Outcome::Deny(Denial::StepUp(Arc::clone(&self.wanted)))
        }
    }

    pub(super) fn find_problems(&self, demand: &mut dyn FnMut(bool, &str)) {
        let StepUp { acr, max_age } = &*self.wanted;
        if let Some(acr) = acr {
            demand(!acr.is_empty(), "names no context");
            // They stand in a list with spaces between them, in quotes (RFC 9470 3).
            demand(
                acr.iter().all(|value| is_scope_token(value)),
                "names a context that cannot be asked for",
            );
        }
        let whole = max_age.is_none_or(|age| age.as_secs() > 0 && age.subsec_nanos() == 0);
        demand(whole, "has to allow whole seconds, and at least one");
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(max_age) = self.wanted.max_age {
            write!(f, "fresh({} s)", max_age.as_secs())?;
        }
        if let Some(acr) = &self.wanted.acr {
            write!(f, "acr({})", acr.join(" "))?;
        }
        Ok(())
    }
}

impl StepUp {
    /// What fulfils both; `None` where no log-in does.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let max_age = match (self.max_age, other.max_age) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let acr = match (&self.acr, &other.acr) {
            (Some(one), Some(other)) => {
                let both: Vec<_> =
                    one.iter().filter(|value| other.contains(value)).cloned().collect();
                if both.is_empty() {
                    return None;
                }
                Some(both)
            }
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        Some(Self { acr, max_age })
    }

    /// Asks a person to log in again; nobody else can.
    pub(super) fn refusal(&self, principal: &Principal) -> Rejection {
        let reason = self.reason();
        if principal.kind() != PrincipalKind::User {
            return Rejection::new(RejectionKind::Forbidden, reason);
        }
        let mut rejection = Rejection::new(RejectionKind::InsufficientUserAuthentication, reason)
            .with_tried_scheme(principal.scheme());
        if let Some(acr) = &self.acr {
            rejection = rejection.with_acr_values(acr.join(" ").into());
        }
        if let Some(max_age) = self.max_age {
            rejection = rejection.with_max_age(max_age);
        }
        rejection
    }

    pub(super) const fn reason(&self) -> &'static str {
        if self.acr.is_some() { "authentication_too_weak" } else { "authentication_too_old" }
    }
}
