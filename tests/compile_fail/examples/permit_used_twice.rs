//! A permit is used up.

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Order, delete};

pub fn handler(permit: Permit<'_, Order, Delete>) {
    delete(permit);
    delete(permit);
}

fn main() {}
