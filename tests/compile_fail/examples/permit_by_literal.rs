//! A permit is not written down.

use std::marker::PhantomData;

use tower_warden::authz::object::{Delete, Permit};
use tower_warden_compile_fail::{Order, delete};

pub fn handler(object: Order) {
    delete(Permit::<Order, Delete> { object, proof: PhantomData });
}

fn main() {}
