use tower_warden::authz::object::{Create, Read, Update};
use tower_warden::authz::{Rules, RulesBuilder, public, role, scope};

use super::orders::Order;
use super::orders::policy::{OrderPolicy, Withdraw};

/// Every method of the service but `Debug`, which the server has and nobody declared. Of those that serve orders, a success
/// leaves only if the order in it was checked.
pub(crate) fn rules() -> RulesBuilder {
    let read = || scope("orders:read");
    let write = || scope("orders:write");
    Rules::builder()
        .demand_declared_objects()
        .query_policy(OrderPolicy)
        .grpc("/orders.v1.Health/Check", public("load balancer probe"))
        .grpc("/orders.v1.Orders/Get", read().serving::<Order>().by(Read))
        .grpc("/orders.v1.Orders/List", read().serving_list_of::<Order>().by(Read))
        .grpc("/orders.v1.Orders/Create", write().serving::<Order>().by(Create))
        .grpc("/orders.v1.Orders/Update", write().serving::<Order>().by(Update))
        .grpc("/orders.v1.Orders/Delete", role("admin").serving::<Order>().by(Withdraw))
        .grpc("/orders.v1.Invoices/Get", read().serving::<Order>().by(Read))
}
