use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower_warden::authz::object::{Action, Create, Delete, Permit, QueryScope, Update};

use super::policy::{Withdraw, Within};
use super::{Caller, Draft, Order};

/// How many orders one caller may have: what grows with traffic is bounded.
const MOST_ORDERS: usize = 1_000;

/// Why an order was not placed or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The order is not there any more.
    Nothing,
    /// The item is empty, too long, or not one line of text, or the address is none.
    BadDraft,
    /// The caller has as many orders as one may have.
    Full,
}

/// All orders of all tenants, in memory. Clones share them.
///
/// What it writes it takes out of a permit for exactly that, and what it lists is constrained by the policy: a handler
/// that forgot to ask does not compile. [`OrderBook::find`] alone gives without asking, for a guard to look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderBook(Arc<Mutex<Orders>>);

#[derive(Debug, Default)]
struct Orders {
    last_id: u64,
    by_id: BTreeMap<u64, Order>,
}

/// What takes an order out of the book.
pub(crate) trait Cancel: Action {}

impl Cancel for Delete {}
impl Cancel for Withdraw {}

impl OrderBook {
    /// An empty book, but for one order of each of these callers: the first has order 1.
    pub(crate) fn with_one_order_each(callers: &[Caller]) -> Self {
        let book = Self::default();
        for (caller, item) in callers.iter().zip(["a loom", "a compass", "a telescope"]) {
            let email = Some(format!("{}@{}.example", caller.subject, caller.tenant));
            let draft = Draft { item: item.to_owned(), email };
            let _ = Order::draft(caller.clone(), draft).and_then(|order| book.insert(order));
        }
        book
    }

    /// One order, whosever it is.
    pub(crate) fn find(&self, id: u64) -> Option<Order> {
        self.lock().by_id.get(&id).cloned()
    }

    /// At most `limit` orders that the policy lets through and whose ids come after `after`, by id.
    pub(crate) fn list<A: Action>(
        &self,
        scope: &QueryScope<'_, Order, A, Within>,
        after: u64,
        limit: usize,
    ) -> Vec<Order> {
        let Some(first) = after.checked_add(1) else { return Vec::new() };
        let (orders, within) = (self.lock(), scope.constraint());
        let found = orders.by_id.range(first..).map(|(_, order)| order);
        found.filter(|order| within.lets_through(order)).take(limit).cloned().collect()
    }

    /// Notes a new order.
    pub(crate) fn place(&self, permit: Permit<'_, Order, Create>) -> Result<Order, Refused> {
        self.insert(permit.into_object())
    }

    /// Changes an order as the draft wants it.
    pub(crate) fn change(
        &self,
        permit: Permit<'_, Order, Update>,
        draft: Draft,
    ) -> Result<Order, Refused> {
        let changed = permit.into_object().with(draft)?;
        // It may have gone since it was looked at. Whose it is never changes, and no id comes twice.
        let mut orders = self.lock();
        let order = orders.by_id.get_mut(&changed.id).ok_or(Refused::Nothing)?;
        order.clone_from(&changed);
        Ok(changed)
    }

    /// Takes an order out.
    pub(crate) fn remove<A: Cancel>(&self, permit: Permit<'_, Order, A>) -> Result<(), Refused> {
        let removed = self.lock().by_id.remove(&permit.into_object().id);
        removed.map(drop).ok_or(Refused::Nothing)
    }

    fn insert(&self, order: Order) -> Result<Order, Refused> {
        let mut orders = self.lock();
        if orders.by_id.values().filter(|one| one.owner == order.owner).count() >= MOST_ORDERS {
            return Err(Refused::Full);
        }
        orders.last_id += 1;
        let order = Order { id: orders.last_id, ..order };
        orders.by_id.insert(order.id, order.clone());
        Ok(order)
    }

    /// No method leaves the book half-written, so a panic of another request does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
