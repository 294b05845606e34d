//! A permit to read does not turn into one to delete.

use tower_warden::authz::object::{Permit, Read};
use tower_warden_compile_fail::{Order, delete};

pub fn handler(permit: Permit<'_, Order, Read>) {
    delete(permit.into());
}

fn main() {}
