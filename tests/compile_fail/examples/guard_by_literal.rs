//! A guard is not written down.

use tower_warden::Principal;
use tower_warden::authz::object::Guard;
use tower_warden_compile_fail::Order;

pub fn handler(guard: Guard<Order>, caller: Principal) -> Guard<Order> {
    Guard { caller, ..guard }
}

fn main() {}
