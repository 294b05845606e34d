//! A guard speaks for the caller that it was made for.

use tower_warden::Principal;
use tower_warden::authz::object::Guard;
use tower_warden_compile_fail::Order;

pub fn handler(guard: &mut Guard<Order>, caller: Principal) {
    guard.caller = caller;
}

fn main() {}
