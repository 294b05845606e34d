//! A permit is not kept for the next request.

use std::sync::Mutex;

use tower_warden::authz::object::{Delete, Denied, Guard, Permit};
use tower_warden_compile_fail::Order;

static KEPT: Mutex<Option<Permit<'static, Order, Delete>>> = Mutex::new(None);

pub async fn handler(guard: Guard<Order>, order: Order) -> Result<(), Denied> {
    let permit = guard.permit(Delete, order).await?;
    *KEPT.lock().unwrap() = Some(permit);
    Ok(())
}

fn main() {}
