//! A permit does not go into a task that outlives the request.

use tower_warden::authz::object::{Delete, Denied, Guard};
use tower_warden_compile_fail::{Order, delete, spawn};

pub async fn handler(guard: Guard<Order>, order: Order) -> Result<(), Denied> {
    let permit = guard.permit(Delete, order).await?;
    spawn(async move { delete(permit) });
    Ok(())
}

fn main() {}
