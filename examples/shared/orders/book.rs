use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Caller, Reach};

/// How many orders one caller may have: what grows with traffic is bounded.
const MOST_ORDERS: usize = 1_000;

/// How many characters an item may have.
const LONGEST_ITEM: usize = 200;

/// One order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) owner: Caller,
    pub(crate) item: String,
}

/// Why an order was not placed or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such order, or none that the caller may know of.
    Nothing,
    /// The item is empty, too long, or not one line of text.
    BadItem,
    /// The caller has as many orders as one may have.
    Full,
}

/// All orders of all tenants, in memory. Clones share them.
///
/// There is no way to an order but through a [`Reach`], so a handler cannot forget to say whose orders it is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderBook(Arc<Mutex<Orders>>);

#[derive(Debug, Default)]
struct Orders {
    last_id: u64,
    by_id: BTreeMap<u64, Order>,
}

impl OrderBook {
    /// An empty book, but for one order of each of these callers: the first has order 1.
    pub(crate) fn with_one_order_each(callers: &[Caller]) -> Self {
        let book = Self::default();
        for (caller, item) in callers.iter().zip(["a loom", "a compass", "a telescope"]) {
            let _ = book.place(caller.clone(), item);
        }
        book
    }

    /// Notes a new order.
    pub(crate) fn place(&self, owner: Caller, item: &str) -> Result<Order, Refused> {
        let item = read_item(item)?;
        let mut orders = self.lock();
        if orders.by_id.values().filter(|order| order.owner == owner).count() >= MOST_ORDERS {
            return Err(Refused::Full);
        }
        orders.last_id += 1;
        let order = Order { id: orders.last_id, owner, item };
        orders.by_id.insert(order.id, order.clone());
        Ok(order)
    }

    /// At most `limit` orders within reach whose ids come after `after`, by id.
    pub(crate) fn list(&self, reach: &Reach, after: u64, limit: usize) -> Vec<Order> {
        let Some(first) = after.checked_add(1) else { return Vec::new() };
        let orders = self.lock();
        let within_reach = orders.by_id.range(first..).map(|(_, order)| order);
        within_reach.filter(|order| reach.holds(&order.owner)).take(limit).cloned().collect()
    }

    /// One order.
    pub(crate) fn read(&self, reach: &Reach, id: u64) -> Result<Order, Refused> {
        let orders = self.lock();
        let order = orders.by_id.get(&id).filter(|order| reach.holds(&order.owner));
        order.cloned().ok_or(Refused::Nothing)
    }

    /// Changes an order's item. That the order is not the caller's comes before any word about the item.
    pub(crate) fn change(&self, reach: &Reach, id: u64, item: &str) -> Result<Order, Refused> {
        let mut orders = self.lock();
        let order = orders.by_id.get_mut(&id).filter(|order| reach.holds(&order.owner));
        let order = order.ok_or(Refused::Nothing)?;
        order.item = read_item(item)?;
        Ok(order.clone())
    }

    /// Takes an order out.
    pub(crate) fn remove(&self, reach: &Reach, id: u64) -> Result<(), Refused> {
        let mut orders = self.lock();
        if !orders.by_id.get(&id).is_some_and(|order| reach.holds(&order.owner)) {
            return Err(Refused::Nothing);
        }
        orders.by_id.remove(&id);
        Ok(())
    }

    /// No method leaves the book half-written, so a panic of another request does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_item(item: &str) -> Result<String, Refused> {
    let length = item.chars().count();
    let fits = (1..=LONGEST_ITEM).contains(&length) && !item.chars().any(char::is_control);
    if fits { Ok(item.to_owned()) } else { Err(Refused::BadItem) }
}
