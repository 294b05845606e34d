//! A scope does not leave the handler that has the guard.

use tower_warden::authz::object::{Denied, Guard, QueryScope, Read};
use tower_warden_compile_fail::{Order, OwnedBy};

pub async fn handler<'a>(
    guard: Guard<Order>,
) -> Result<QueryScope<'a, Order, Read, OwnedBy>, Denied> {
    guard.constraint(Read).await
}

fn main() {}
