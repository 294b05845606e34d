//! A scope does not go into a task that outlives the request.

use tower_warden::authz::object::{Denied, Guard, Read};
use tower_warden_compile_fail::{Order, list, spawn};

pub async fn handler(guard: Guard<Order>) -> Result<(), Denied> {
    let scope = guard.constraint(Read).await?;
    spawn(async move { list(&scope) });
    Ok(())
}

fn main() {}
