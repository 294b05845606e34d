//! The object in a permit is not exchanged.

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Order, delete};

pub fn handler(mut permit: Permit<'_, Order, Delete>, other: Order) {
    *permit = other;
    delete(permit);
}

fn main() {}
