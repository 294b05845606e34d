//! Compiles: the others fail for what they do, and not for how they are set up.

use tower_warden::authz::object::{Delete, Denied, Guard, Permit, Read};
use tower_warden_compile_fail::{Order, delete, list, spawn};

async fn handler(guard: Guard<Order>, order: Order) -> Result<String, Denied> {
    let scope = guard.constraint(Read).await?;
    list(&scope);
    let permit: Permit<'_, Order, Delete> = guard.permit(Delete, order).await?;
    let owner = permit.owner.clone();
    delete(permit);
    Ok(owner)
}

/// A guard may go into a task: what it permits there is permitted to the same caller.
fn background(guard: Guard<Order>, order: Order) {
    spawn(async move {
        let _ = handler(guard, order).await;
    });
}

fn main() {
    let _ = background;
}
