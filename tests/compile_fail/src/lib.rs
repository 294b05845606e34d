//! A shop whose repository demands permits: what the examples try to get around.

use tower_warden::Principal;
use tower_warden::authz::object::{
    ActionKind, Bounds, Delete, Guard, ObjectPolicy, Permit, QueryPolicy, QueryScope, Read, Ruling,
};

#[derive(Clone)]
pub struct Order {
    pub owner: String,
}

pub struct Invoice;

/// `WHERE owner = $1`
#[derive(Clone)]
pub struct OwnedBy(pub String);

pub struct OwnersOnly;

impl ObjectPolicy<Order> for OwnersOnly {
    fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        (caller.subject() == order.owner).into()
    }
}

impl QueryPolicy<Order> for OwnersOnly {
    type Constraint = OwnedBy;

    fn constrain<'a>(&'a self, caller: &'a Principal, _: ActionKind) -> Bounds<'a, OwnedBy> {
        Bounds::within(OwnedBy(caller.subject().to_owned()))
    }
}

pub fn delete(_: Permit<'_, Order, Delete>) {}

pub fn list(_: &QueryScope<'_, Order, Read, OwnedBy>) {}

/// A task that may outlive the request.
pub fn spawn(_: impl Future<Output = ()> + Send + 'static) {}

pub fn guard(caller: Principal) -> Guard<Order> {
    Guard::new(caller, OwnersOnly)
}
