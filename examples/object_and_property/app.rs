//! The stack, its rules, and the callers of the demonstration.

use std::error::Error;

use tower_warden::ConfigError;
use tower_warden::authz::object::{Create, Delete, Read, Update};
use tower_warden::authz::property::Properties;
use tower_warden::authz::{Rules, RulesBuilder, role, scope};
use tower_warden::frameworks::axum::GuardedRouter;
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use crate::orders::{Order, OrderPolicy, Orders};
use crate::{properties, routes};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://orders.example";

pub(crate) struct Demo {
    issuer: TestIssuer,
    warden: Warden,
    properties: Properties,
}

/// Who may call what, and of which routes an answer leaves only if the order in it was checked.
fn rules() -> RulesBuilder {
    let read = || scope("orders:read");
    let write = || scope("orders:write");
    Rules::builder()
        .demand_declared_objects()
        .query_policy(OrderPolicy)
        .get("/orders", read().serving_list_of::<Order>())
        .post("/orders", write().serving::<Order>().by(Create))
        .get("/orders/{id}", read().serving::<Order>().by(Read))
        .patch("/orders/{id}", write().serving::<Order>().by(Update))
        .delete("/orders/{id}", write().serving::<Order>().by(Delete))
        .get("/orders/{id}/invoice", read().serving::<Order>().by(Read))
        .get("/orders/{id}/label", read().serving::<Order>().by(Read))
        .get("/legacy/orders/{id}", read().serving::<Order>().by(Read))
        .group("/admin", role("admin"), |admin| admin.get("/stats", scope("stats:read")))
}

impl Demo {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let issuer = TestIssuer::new(ISSUER, AUDIENCE);
        let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules()).build()?;
        Ok(Self { issuer, warden, properties: properties::of_orders()? })
    }

    /// The router behind the warden, once it is proved that each of its routes has a rule and each rule a route.
    pub(crate) fn service(&self) -> Result<GuardedRouter, ConfigError> {
        let order = |id, tenant: &str, owner: &str, item: &str| Order {
            id,
            tenant: tenant.to_owned(),
            issuer: ISSUER.to_owned(),
            owner: owner.to_owned(),
            item: item.to_owned(),
            email: format!("{owner}@example.com"),
            status: "placed".to_owned(),
            margin: 40,
        };
        let orders = Orders::new([
            order(1, "acme", "ada", "a loom"),
            order(2, "acme", "bob", "a compass"),
            order(3, "globex", "gil", "a telescope"),
        ]);
        self.warden.guard_routes(routes::routes(orders, &self.properties))
    }

    pub(crate) const fn warden(&self) -> &Warden {
        &self.warden
    }

    pub(crate) const fn properties(&self) -> &Properties {
        &self.properties
    }

    pub(crate) fn ada(&self) -> String {
        self.user("ada", "acme")
    }

    /// Of ada's tenant.
    pub(crate) fn bob(&self) -> String {
        self.user("bob", "acme")
    }

    /// Of another tenant.
    pub(crate) fn gil(&self) -> String {
        self.user("gil", "globex")
    }

    /// Acme's administrator.
    pub(crate) fn admin(&self) -> String {
        let scopes = "orders:read orders:write stats:read";
        self.issuer.token("root").tenant("acme").role("admin").scope(scopes).sign()
    }

    /// Ada, with a token that may only read.
    pub(crate) fn ada_reading(&self) -> String {
        self.issuer.token("ada").tenant("acme").scope("orders:read").sign()
    }

    fn user(&self, subject: &str, tenant: &str) -> String {
        self.issuer.token(subject).tenant(tenant).scope("orders:read orders:write").sign()
    }
}
