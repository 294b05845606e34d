//! The object in a permit is not changed.

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Order, delete};

pub fn handler(mut permit: Permit<'_, Order, Delete>) {
    permit.owner.push_str("ada");
    delete(permit);
}

fn main() {}
