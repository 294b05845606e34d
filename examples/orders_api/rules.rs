use tower_warden::authz::object::{Create, Delete, Read, Update};
use tower_warden::authz::{Rules, RulesBuilder, public, role, scope};

use super::orders::Order;
use super::orders::policy::{OrderPolicy, Oversee, Withdraw};

/// Every route of the service but `/debug`, which the router has and nobody declared. Behind those that serve orders, a
/// success leaves only if the order in it was checked.
pub(crate) fn rules() -> RulesBuilder {
    let read = || scope("orders:read");
    let write = || scope("orders:write");
    Rules::builder()
        .demand_declared_objects()
        .query_policy(OrderPolicy)
        .get("/", public("what this is, for people"))
        .get("/style.css", public("how the page looks"))
        .get("/openapi.json", public("what this is, for programs"))
        .get("/health", public("load balancer probe"))
        .get("/orders", read().serving_list_of::<Order>().by(Read))
        .post("/orders", write().serving::<Order>().by(Create))
        .get("/orders/{id}", read().serving::<Order>().by(Read))
        .put("/orders/{id}", write().serving::<Order>().by(Update))
        .delete("/orders/{id}", write().serving::<Order>().by(Delete))
        .get("/orders/{id}/invoice", read().serving::<Order>().by(Read))
        .get("/export", read().serving_list_of::<Order>().by(Read))
        .post("/vouchers", write())
        .post("/checkout/cart", write())
        .post("/checkout/pay", write())
        .get("/admin/orders", role("admin").serving_list_of::<Order>().by(Oversee))
        .delete("/admin/orders/{id}", role("admin").serving::<Order>().by(Withdraw))
}
