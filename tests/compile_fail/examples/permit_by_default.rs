//! A permit is not had for nothing.

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Order, delete};

pub fn handler() {
    delete(Permit::<Order, Delete>::default());
}

fn main() {}
