use std::fmt;
use std::sync::Arc;

use super::Policy;
use super::object::{Action, Served};

/// Who may use a route: everybody, for a stated reason, or those whom a [`Policy`] allows.
///
/// A policy becomes an access by itself. Public access comes from [`public`] alone and is no policy, so it cannot end up
/// inside a combinator.
///
/// A route that gives callers access to objects says so, with [`Policy::serving`] or [`Policy::serving_list_of`].
#[derive(Clone)]
pub struct Access {
    kind: Kind,
    served: Option<Served>,
    /// Why it serves no objects, where it says so.
    serves_nothing: Option<Arc<str>>,
}

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
    Access { kind: Kind::Public(reason.into()), served: None, serves_nothing: None }
}

impl Access {
    /// Why the route is public; `None` when it is not.
    #[must_use]
    pub fn public_reason(&self) -> Option<&str> {
        match &self.kind {
            Kind::Public(reason) => Some(reason),
            Kind::Policy(_) => None,
        }
    }

    /// The policy that decides; `None` when the route is public.
    #[must_use]
    pub const fn policy(&self) -> Option<&Policy> {
        match &self.kind {
            Kind::Public(_) => None,
            Kind::Policy(policy) => Some(policy),
        }
    }
}

impl Access {
    /// The objects that the route serves; `None` when it says of none.
    #[must_use]
    pub const fn served(&self) -> Option<Served> {
        self.served
    }

    pub(super) const fn serves(&self) -> Option<&Served> {
        self.served.as_ref()
    }

    /// Why the route serves no objects; `None` when it does not say so.
    #[must_use]
    pub fn serves_nothing(&self) -> Option<&str> {
        self.serves_nothing.as_deref()
    }

    /// Demands that it is this action that is permitted. Of use behind [`Policy::serving`].
    #[must_use]
    pub fn by<A: Action>(mut self, _action: A) -> Self {
        self.served = self.served.map(Served::by::<A>);
        self
    }

    /// Makes a constrained query enough for a list, without looking at what it found: for counts and exports, and for lists
    /// that are too long to verify. Of use behind [`Policy::serving_list_of`], where tests prove that constraint and policy
    /// agree (`testing::check_constraint`), and that the query heeds the constraint.
    ///
    /// ```
    /// use tower_warden::authz::scope;
    /// struct Order;
    ///
    /// let access = scope("orders:count").serving_list_of::<Order>().by_proved_constraint();
    /// assert_eq!(access.to_string(), "scope(orders:count) serving list of Order by proved constraint");
    /// ```
    #[must_use]
    pub fn by_proved_constraint(mut self) -> Self {
        self.served = self.served.map(Served::by_proved_constraint);
        self
    }

    /// This access for those alone whom `policy` allows too; `None` for public access, which no policy narrows.
    pub(super) fn within(&self, policy: &Policy) -> Option<Self> {
        let own = self.policy()?.clone();
        let kind = Kind::Policy(super::all_of([policy.clone(), own]));
        Some(Self { kind, ..self.clone() })
    }
}

impl Policy {
    /// Says that a route with this policy serves an object of this type: a success leaves only if a
    /// [`Guard`](super::object::Guard) permitted something for such an object, and denied nothing.
    ///
    /// ```
    /// use tower_warden::authz::{object::Delete, scope};
    /// struct Order;
    ///
    /// let access = scope("orders:write").serving::<Order>().by(Delete);
    /// assert_eq!(access.to_string(), "scope(orders:write) serving Order by delete");
    /// ```
    #[must_use]
    pub fn serving<T: 'static>(self) -> Access {
        Access { served: Some(Served::one::<T>()), ..self.into() }
    }

    /// Says that a route with this policy serves a list of such objects: a success leaves only if a
    /// [`Guard`](super::object::Guard) filtered the list, or [verified](super::object::QueryScope::verify) what a query with
    /// its constraint had found.
    #[must_use]
    pub fn serving_list_of<T: 'static>(self) -> Access {
        Access { served: Some(Served::list::<T>()), ..self.into() }
    }

    /// Says that a route with this policy serves no objects, and why, though its path has a parameter. The reason appears in
    /// inventories; it must not be empty.
    ///
    /// ```
    /// use tower_warden::authz::scope;
    ///
    /// let access = scope("rates:read").serving_nothing("exchange rates are the same for all");
    /// assert_eq!(access.to_string(), "scope(rates:read) serving nothing(exchange rates are the same for all)");
    /// ```
    #[must_use]
    pub fn serving_nothing(self, reason: &str) -> Access {
        Access { serves_nothing: Some(reason.into()), ..self.into() }
    }
}

impl From<Policy> for Access {
    fn from(policy: Policy) -> Self {
        Self { kind: Kind::Policy(policy), served: None, serves_nothing: None }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Public(reason) => write!(f, "public({reason})")?,
            Kind::Policy(policy) => policy.fmt(f)?,
        }
        if let Some(reason) = &self.serves_nothing {
            write!(f, " serving nothing({reason})")?;
        }
        self.served.map_or(Ok(()), |served| write!(f, " serving {served}"))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
