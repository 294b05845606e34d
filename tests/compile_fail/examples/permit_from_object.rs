//! An object does not turn into a permit.

use tower_warden_compile_fail::{Order, delete};

pub fn handler(order: Order) {
    delete(order.into());
}

fn main() {}
