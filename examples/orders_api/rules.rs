use tower_warden::authz::{Rules, RulesBuilder, public, role, scope};

/// Every route of the service but `/debug`, which the router has and nobody declared.
pub(crate) fn rules() -> RulesBuilder {
    Rules::builder()
        .get("/", public("what this is, for people"))
        .get("/style.css", public("how the page looks"))
        .get("/openapi.json", public("what this is, for programs"))
        .get("/health", public("load balancer probe"))
        .get("/orders", scope("orders:read"))
        .post("/orders", scope("orders:write"))
        .get("/orders/{id}", scope("orders:read"))
        .put("/orders/{id}", scope("orders:write"))
        .delete("/orders/{id}", scope("orders:write"))
        .get("/admin/orders", role("admin"))
        .delete("/admin/orders/{id}", role("admin"))
}
