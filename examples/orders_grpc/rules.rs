use tower_warden::authz::{Rules, RulesBuilder, public, role, scope};

/// Every method of the service but `Debug`, which the server has and nobody declared.
pub(crate) fn rules() -> RulesBuilder {
    Rules::builder()
        .grpc("/orders.v1.Health/Check", public("load balancer probe"))
        .grpc("/orders.v1.Orders/Get", scope("orders:read"))
        .grpc("/orders.v1.Orders/List", scope("orders:read"))
        .grpc("/orders.v1.Orders/Create", scope("orders:write"))
        .grpc("/orders.v1.Orders/Update", scope("orders:write"))
        .grpc("/orders.v1.Orders/Delete", role("admin"))
}
