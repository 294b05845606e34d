use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::check::{AsyncCheck, Check};
use super::step_up::Demand;
use super::{PolicyError, RequestFacts};
use crate::principal::Principal;

/// How long an async check may take unless told otherwise.
pub const CHECK_TIME_LIMIT: Duration = Duration::from_secs(2);

/// A function-level rule over the principal and the request. Cheap to clone; its text says what it demands.
///
/// ```
/// use tower_warden::authz::{all_of, any_of, check, role, scope};
///
/// let policy = all_of([
///     scope("orders:read"),
///     any_of([role("admin"), check("even id", |_, request| {
///         request.param("id").and_then(|id| id.parse().ok()).is_some_and(|id: u64| id % 2 == 0)
///     })]),
/// ]);
/// assert_eq!(policy.to_string(), "scope(orders:read) and (role(admin) or check(even id))");
/// ```
#[derive(Clone)]
pub struct Policy(Arc<Node>);

pub(super) enum Node {
    AllOf(Vec<Policy>),
    AnyOf(Vec<Policy>),
    AsyncCheck(AsyncCheck),
    Authenticated,
    Check(Check),
    Named(Box<str>, Policy),
    Not(Policy),
    Role(Box<str>),
    Scope(Box<str>),
    StepUp(Demand),
    TenantInPath(Box<str>),
}

/// Allows every principal. What is left of access control is that there is one.
#[must_use]
pub fn authenticated() -> Policy {
    Policy::of(Node::Authenticated)
}

/// Allows principals to whom exactly this scope was granted.
#[must_use]
pub fn scope(scope: &str) -> Policy {
    Policy::of(Node::Scope(scope.into()))
}

/// Allows principals that hold exactly this role.
#[must_use]
pub fn role(role: &str) -> Policy {
    Policy::of(Node::Role(role.into()))
}

/// Allows principals whose own tenant is the one that this path parameter names. A principal without a tenant is denied.
#[must_use]
pub fn tenant_in_path(parameter: &str) -> Policy {
    Policy::of(Node::TenantInPath(parameter.into()))
}

/// Allows what all of these allow. A denial counts more than a failed check, and both refuse.
#[must_use]
pub fn all_of(policies: impl IntoIterator<Item = Policy>) -> Policy {
    Policy::joined(policies, Node::AllOf)
}

/// Allows what at least one of these allows. A failed check counts only where none allows.
#[must_use]
pub fn any_of(policies: impl IntoIterator<Item = Policy>) -> Policy {
    Policy::joined(policies, Node::AnyOf)
}

/// Allows what this denies and denies what it allows. A failed check stays failed.
#[must_use]
pub fn not(policy: Policy) -> Policy {
    Policy::of(Node::Not(policy))
}

/// A check of your own. A panic inside denies.
///
/// The name is for logs and inventories.
#[must_use]
pub fn check(
    name: &str,
    judge: impl Fn(&Principal, &RequestFacts<'_>) -> bool + Send + Sync + 'static,
) -> Policy {
    Policy::of(Node::Check(Check::new(name, move |principal, request| {
        Ok(judge(principal, request))
    })))
}

/// A check that answers at once and may fail, for the adapters of policy engines.
#[cfg(any(feature = "casbin", feature = "cedar"))]
pub(super) fn try_check(
    name: &str,
    judge: impl Fn(&Principal, &RequestFacts<'_>) -> Result<bool, PolicyError> + Send + Sync + 'static,
) -> Policy {
    Policy::of(Node::Check(Check::new(name, judge)))
}

/// A check of your own that has to ask somebody, within [`CHECK_TIME_LIMIT`].
///
/// The closure takes what it needs from the principal and the request and returns a future that owns it. Where the parts
/// of a rule that need no waiting decide, the future is dropped without being polled, so do the work inside it. An
/// error, a timeout or a panic denies.
///
/// ```
/// use tower_warden::authz::{PolicyError, check_async};
/// # async fn is_on_call(subject: &str) -> Result<bool, std::io::Error> { Ok(subject == "ada") }
///
/// let on_call = check_async("on call", |principal, _request| {
///     let principal = principal.clone();
///     async move { is_on_call(principal.subject()).await.map_err(PolicyError::unavailable) }
/// });
/// assert_eq!(on_call.to_string(), "check(on call)");
/// ```
#[must_use]
pub fn check_async<F>(
    name: &str,
    ask: impl Fn(&Principal, &RequestFacts<'_>) -> F + Send + Sync + 'static,
) -> Policy
where
    F: Future<Output = Result<bool, PolicyError>> + Send + 'static,
{
    check_async_within(CHECK_TIME_LIMIT, name, ask)
}

/// A [`check_async`] with a time limit of its own.
#[must_use]
pub fn check_async_within<F>(
    time_limit: Duration,
    name: &str,
    ask: impl Fn(&Principal, &RequestFacts<'_>) -> F + Send + Sync + 'static,
) -> Policy
where
    F: Future<Output = Result<bool, PolicyError>> + Send + 'static,
{
    Policy::of(Node::AsyncCheck(AsyncCheck::new(name, time_limit, ask)))
}

impl Policy {
    /// The same policy under a name of its own, which stands for it in texts: for what many routes demand, and for what a
    /// reader need not see each time. One word of letters, digits, `-`, `_`, `.` and `:`.
    ///
    /// ```
    /// use tower_warden::authz::{all_of, any_of, role, scope, tenant_in_path};
    ///
    /// let member = tenant_in_path("tenant").named("tenant-member");
    /// let policy = all_of([scope("orders:read"), any_of([role("admin"), member])]);
    /// assert_eq!(policy.to_string(), "scope(orders:read) and (role(admin) or tenant-member)");
    /// ```
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self::of(Node::Named(name.into(), self))
    }

    pub(super) fn of(node: Node) -> Self {
        Self(Arc::new(node))
    }

    /// Joins policies, those that never wait first: what they decide spares the asking. Their order is kept otherwise.
    fn joined(policies: impl IntoIterator<Item = Self>, join: fn(Vec<Self>) -> Node) -> Self {
        let mut policies: Vec<_> = policies.into_iter().collect();
        policies.sort_by_key(Self::may_wait);
        match <[Self; 1]>::try_from(policies) {
            Ok([only]) => only,
            Err(policies) => Self::of(join(policies)),
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.0
    }

    /// Whether some part of the policy has to ask somebody.
    fn may_wait(&self) -> bool {
        match self.node() {
            Node::AsyncCheck(_) => true,
            Node::AllOf(policies) | Node::AnyOf(policies) => policies.iter().any(Self::may_wait),
            Node::Named(_, policy) | Node::Not(policy) => policy.may_wait(),
            Node::Authenticated
            | Node::Check(_)
            | Node::Role(_)
            | Node::Scope(_)
            | Node::StepUp(_)
            | Node::TenantInPath(_) => false,
        }
    }

    /// Several parts side by side, each in parentheses where it has several parts itself.
    fn fmt_joined(policies: &[Self], word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, policy) in policies.iter().enumerate() {
            if index > 0 {
                write!(f, " {word} ")?;
            }
            match policy.node() {
                Node::AllOf(_) | Node::AnyOf(_) => write!(f, "({policy})")?,
                _ => write!(f, "{policy}")?,
            }
        }
        Ok(())
    }
}

/// The policy as text, in the order in which its parts are asked.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node() {
            Node::AllOf(policies) => Self::fmt_joined(policies, "and", f),
            Node::AnyOf(policies) => Self::fmt_joined(policies, "or", f),
            Node::AsyncCheck(check) => write!(f, "check({})", check.name()),
            Node::Authenticated => f.write_str("authenticated"),
            Node::Check(check) => write!(f, "check({})", check.name()),
            Node::Named(name, _) => f.write_str(name),
            Node::Not(policy) => write!(f, "not({policy})"),
            Node::Role(role) => write!(f, "role({role})"),
            Node::Scope(scope) => write!(f, "scope({scope})"),
            Node::StepUp(demand) => demand.fmt(f),
            Node::TenantInPath(parameter) => write!(f, "tenant_in_path({parameter})"),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_reads_as_it_is_asked() {
        let wait = || check_async("wait", |_, _| async { Ok(true) });
        let policy = all_of([
            any_of([wait(), role("admin")]),
            scope("a"),
            not(all_of([role("x"), role("y")])),
            any_of([authenticated()]),
            tenant_in_path("tenant"),
        ]);
        assert_eq!(
            policy.to_string(),
            "scope(a) and not(role(x) and role(y)) and authenticated and tenant_in_path(tenant) and \
             (role(admin) or check(wait))"
        );
    }
}
