use std::fmt;
use std::sync::Arc;

use super::Policy;

/// Who may use a route: everybody, for a stated reason, or those whom a [`Policy`] allows.
///
/// A policy becomes an access by itself. Public access comes from [`public`] alone and is no policy, so it cannot end up
/// inside a combinator.
#[derive(Clone)]
pub struct Access(Kind);

#[derive(Clone)]
enum Kind {
    Policy(Policy),
    Public(Arc<str>),
}

/// Opens a route to everybody, also without credentials. The reason appears in inventories; it must not be empty.
///
/// ```compile_fail
/// use tower_warden::authz::{any_of, public, scope};
/// let oops = any_of([scope("orders:read"), public("hidden in a combinator")]); // mismatched types
/// ```
#[must_use]
pub fn public(reason: &str) -> Access {
    Access(Kind::Public(reason.into()))
}

impl Access {
    /// Why the route is public; `None` when it is not.
    #[must_use]
    pub fn public_reason(&self) -> Option<&str> {
        match &self.0 {
            Kind::Public(reason) => Some(reason),
            Kind::Policy(_) => None,
        }
    }

    /// The policy that decides; `None` when the route is public.
    #[must_use]
    pub const fn policy(&self) -> Option<&Policy> {
        match &self.0 {
            Kind::Public(_) => None,
            Kind::Policy(policy) => Some(policy),
        }
    }
}

impl From<Policy> for Access {
    fn from(policy: Policy) -> Self {
        Self(Kind::Policy(policy))
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Public(reason) => write!(f, "public({reason})"),
            Kind::Policy(policy) => policy.fmt(f),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
