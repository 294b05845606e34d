//! A permit to read is none to delete.

use tower_warden::authz::object::{Denied, Guard, Read};
use tower_warden_compile_fail::{Order, delete};

pub async fn handler(guard: Guard<Order>, order: Order) -> Result<(), Denied> {
    delete(guard.permit(Read, order).await?);
    Ok(())
}

fn main() {}
