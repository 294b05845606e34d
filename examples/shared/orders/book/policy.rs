use tower_warden::authz::object::{Action, ActionKind, Bounds, ObjectPolicy, QueryPolicy, Ruling};
use tower_warden::principal::Principal;

use super::{Caller, Order};

/// An administrator looks at an order of his tenant, whoever placed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oversee;

impl Action for Oversee {
    const NAME: &'static str = "oversee";
}

/// An administrator cancels an order of his tenant, whoever placed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Withdraw;

impl Action for Withdraw {
    const NAME: &'static str = "withdraw";
}

/// Owners may do with their orders what they like, and administrators oversee and withdraw those of their tenant. For
/// everybody else, and for everything else, there is no such order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderPolicy;

impl ObjectPolicy<Order> for OrderPolicy {
    fn judge<'a>(
        &'a self,
        caller: &'a Principal,
        action: ActionKind,
        order: &'a Order,
    ) -> Ruling<'a> {
        let allowed = if administers(action) {
            caller.has_role("admin") && caller.tenant() == Some(&order.owner.tenant)
        } else {
            order.owner.is(caller)
        };
        allowed.into() // or 404: nobody learns of what is not his
    }
}

/// The same for a query.
#[derive(Clone, Debug)]
pub(crate) enum Within {
    /// `WHERE issuer = $1 AND owner = $2 AND tenant = $3`
    Own(Caller),
    /// `WHERE tenant = $1`
    Tenant(String),
}

impl Within {
    pub(crate) fn lets_through(&self, order: &Order) -> bool {
        match self {
            Self::Own(caller) => *caller == order.owner,
            Self::Tenant(tenant) => *tenant == order.owner.tenant,
        }
    }
}

impl QueryPolicy<Order> for OrderPolicy {
    type Constraint = Within;

    /// Who belongs to no tenant is nobody here, whatever its scopes.
    fn constrain<'a>(&'a self, caller: &'a Principal, action: ActionKind) -> Bounds<'a, Within> {
        match Caller::of(caller) {
            Some(own) if !administers(action) => Bounds::within(Within::Own(own)),
            Some(own) if caller.has_role("admin") => Bounds::within(Within::Tenant(own.tenant)),
            _ => Bounds::forbid(),
        }
    }
}

fn administers(action: ActionKind) -> bool {
    action.is::<Oversee>() || action.is::<Withdraw>()
}
