//! A permit does not leave the handler that has the guard.

use tower_warden::authz::object::{Delete, Denied, Guard, Permit};
use tower_warden_compile_fail::Order;

pub async fn handler<'a>(
    guard: Guard<Order>,
    order: Order,
) -> Result<Permit<'a, Order, Delete>, Denied> {
    guard.permit(Delete, order).await
}

fn main() {}
