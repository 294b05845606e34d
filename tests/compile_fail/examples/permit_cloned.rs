//! One permit does not become two, even where its object can be cloned.

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Order, delete};

pub fn handler(permit: &Permit<'_, Order, Delete>) {
    delete(permit.clone());
}

fn main() {}
