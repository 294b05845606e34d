//! Orders, who may do what to them, and a repository that cannot be used without having asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tower_warden::Principal;
use tower_warden::authz::object::{
    ActionKind, Bounds, Create, Delete, ObjectPolicy, Permit, QueryPolicy, QueryScope, Read,
    Ruling, Update,
};

#[derive(Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) tenant: String,
    /// The issuer and the subject of whoever placed it.
    pub(crate) issuer: String,
    pub(crate) owner: String,
    pub(crate) item: String,
    pub(crate) email: String,
    pub(crate) status: String,
    /// What the house earns, in percent. Nobody else's business.
    pub(crate) margin: u8,
}

/// What a caller may say of a new order.
#[derive(Deserialize)]
pub(crate) struct NewOrder {
    pub(crate) item: String,
    pub(crate) email: String,
}

/// What a caller may say of an order that is there.
#[derive(Deserialize)]
pub(crate) struct OrderChange {
    item: Option<String>,
    email: Option<String>,
    status: Option<String>,
}

/// Of another tenant, nobody learns anything. Within the tenant everybody reads, and owner and administrators write.
pub(crate) struct OrderPolicy;

impl ObjectPolicy<Order> for OrderPolicy {
    fn judge<'a>(
        &'a self,
        caller: &'a Principal,
        action: ActionKind,
        order: &'a Order,
    ) -> Ruling<'a> {
        if caller.tenant() != Some(&order.tenant) {
            Ruling::hide()
        } else if action.is::<Read>()
            || caller.identity() == (&order.issuer, &order.owner)
            || caller.has_role("admin")
        {
            Ruling::allow()
        } else {
            Ruling::forbid()
        }
    }
}

/// The same for a query: `WHERE tenant = $1`.
pub(crate) struct OfTenant(String);

impl QueryPolicy<Order> for OrderPolicy {
    type Constraint = OfTenant;

    fn constrain<'a>(&'a self, caller: &'a Principal, _: ActionKind) -> Bounds<'a, OfTenant> {
        let tenant = caller.tenant().map(|tenant| OfTenant(tenant.to_owned()));
        tenant.map_or(Bounds::forbid(), Bounds::within)
    }
}

/// The repository. What it writes it takes out of a permit for exactly that, and what it lists is constrained by the
/// policy: a handler that forgot to ask does not compile.
#[derive(Clone)]
pub(crate) struct Orders(Arc<Mutex<BTreeMap<u64, Order>>>);

impl Orders {
    pub(crate) fn new(orders: impl IntoIterator<Item = Order>) -> Self {
        Self(Arc::new(Mutex::new(orders.into_iter().map(|order| (order.id, order)).collect())))
    }

    /// To be looked at by a guard before anybody else sees it.
    pub(crate) fn find(&self, id: u64) -> Option<Order> {
        self.lock().get(&id).cloned()
    }

    pub(crate) fn list(&self, scope: &QueryScope<'_, Order, Read, OfTenant>) -> Vec<Order> {
        let OfTenant(tenant) = scope.constraint();
        self.lock().values().filter(|order| order.tenant == *tenant).cloned().collect()
    }

    pub(crate) fn add(&self, permit: Permit<'_, Order, Create>) -> Order {
        let mut orders = self.lock();
        let id = orders.keys().next_back().map_or(1, |last| last + 1);
        let order = Order { id, ..permit.into_object() };
        orders.insert(id, order.clone());
        order
    }

    pub(crate) fn change(&self, permit: Permit<'_, Order, Update>, change: OrderChange) -> Order {
        let mut order = permit.into_object();
        let OrderChange { item, email, status } = change;
        order.item = item.unwrap_or(order.item);
        order.email = email.unwrap_or(order.email);
        order.status = status.unwrap_or(order.status);
        self.lock().insert(order.id, order.clone());
        order
    }

    pub(crate) fn remove(&self, permit: Permit<'_, Order, Delete>) {
        self.lock().remove(&permit.into_object().id);
    }

    /// No method leaves the map half-written, so a panic of another request does not spoil it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
