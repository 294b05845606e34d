//! What may be deleted is not what may be read.

use tower_warden::authz::object::{Delete, Denied, Guard};
use tower_warden_compile_fail::{Order, OwnedBy, list};

pub async fn handler(guard: Guard<Order>) -> Result<(), Denied> {
    list(&guard.constraint::<OwnedBy, _>(Delete).await?);
    Ok(())
}

fn main() {}
