//! A scope has no constructor for others.

use tower_warden::authz::object::{Guard, QueryScope, Read};
use tower_warden_compile_fail::{Order, OwnedBy, list};

pub fn handler(guard: &Guard<Order>, everything: OwnedBy) {
    list(&QueryScope::<Order, Read, OwnedBy>::new(guard, everything));
}

fn main() {}
