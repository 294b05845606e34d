//! A constraint is not made up.

use std::marker::PhantomData;

use tower_warden::authz::object::{Guard, QueryScope, Read};
use tower_warden_compile_fail::{Order, OwnedBy, list};

pub fn handler(guard: &Guard<Order>, constraint: OwnedBy) {
    list(&QueryScope::<Order, Read, OwnedBy> { guard, constraint, proof: PhantomData });
}

fn main() {}
