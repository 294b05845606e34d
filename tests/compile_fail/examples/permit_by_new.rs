//! A permit has no constructor for others.

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Order, delete};

pub fn handler(order: Order) {
    delete(Permit::<Order, Delete>::new(order));
}

fn main() {}
