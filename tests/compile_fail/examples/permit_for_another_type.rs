//! A permit for an invoice is none for an order.

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Invoice, delete};

pub fn handler(permit: Permit<'_, Invoice, Delete>) {
    delete(permit);
}

fn main() {}
