//! A guard is not copied to be kept.

use tower_warden::authz::object::Guard;
use tower_warden_compile_fail::Order;

pub fn handler(guard: &Guard<Order>) -> Guard<Order> {
    guard.clone()
}

fn main() {}
