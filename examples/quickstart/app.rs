//! The service, its rules, and the callers of the demonstration.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tower_warden::ConfigError;
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyPrefix};
use tower_warden::authz::{Rules, authenticated, public, role, scope};
use tower_warden::frameworks::axum::methods::get;
use tower_warden::frameworks::axum::{GuardedRouter, Routes};
use tower_warden::principal::Principal;
use tower_warden::rate_limit::Quota;
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://orders.example";

/// The guarded service and everything that a caller needs to try it.
pub(crate) struct Demo {
    pub(crate) warden: Warden,
    issuer: TestIssuer,
    api_key: String,
}

impl Demo {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let issuer = TestIssuer::new(ISSUER, AUDIENCE);
        let keys = MemoryApiKeyStore::new();
        let issued = IssuedKey::generate(&KeyPrefix::new("demo")?)?;
        let reporter = Holder::new("nightly-report").scope("orders:read");
        keys.insert(ApiKeyRecord::builder(issued.id, issued.hash, reporter).build()?);

        let rules = Rules::builder()
            .get("/health", public("load balancer probe"))
            .get("/orders", scope("orders:read"))
            .post("/orders", scope("orders:write"))
            .get("/orders/{id}", scope("orders:read"))
            .get("/admin/stats", role("admin"))
            .get("/crash", authenticated());
        let warden = Warden::builder()
            .trust_issuer(issuer.trust())
            .authenticate(ApiKeyAuthenticator::new(keys))
            .rules(rules)
            .limit_by_principal(Quota::per_minute(60).burst(20))
            .build()?;
        Ok(Self { warden, issuer, api_key: issued.key.expose().to_owned() })
    }

    /// The routes behind the warden, each of them with a rule.
    pub(crate) fn service(&self) -> Result<GuardedRouter, ConfigError> {
        self.warden.guard_routes(routes())
    }

    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    pub(crate) fn token_of_ada(&self) -> String {
        self.issuer.token("ada").scope("orders:read orders:write").sign()
    }

    /// Eve may read, and nothing else.
    pub(crate) fn token_of_eve(&self) -> String {
        self.issuer.token("eve").scope("orders:read").sign()
    }

    pub(crate) fn token_of_admin(&self) -> String {
        self.issuer.token("root").role("admin").sign()
    }

    pub(crate) fn expired_token(&self) -> String {
        self.issuer
            .token("ada")
            .scope("orders:read")
            .expired_since(Duration::from_secs(3600))
            .sign()
    }

    /// Signed with a key that nobody trusts.
    pub(crate) fn forged_token() -> String {
        TestIssuer::new(ISSUER, AUDIENCE).token("root").role("admin").sign()
    }
}

#[derive(Clone)]
struct Order {
    id: u64,
    owner: &'static str,
    item: &'static str,
}

type Orders = Arc<[Order]>;

pub(crate) fn routes() -> Routes {
    let orders: Orders = Arc::new([
        Order { id: 1, owner: "ada", item: "a loom" },
        Order { id: 2, owner: "eve", item: "an apple" },
    ]);
    Routes::new()
        .route("/health", get(async || "up"))
        .route("/orders", get(list).post(create))
        .route("/orders/{id}", get(read))
        .route("/admin/stats", get(async || Json(json!({ "orders": 2 }))))
        .route("/crash", get(crash))
        .with_state(orders)
}

async fn list(State(orders): State<Orders>, principal: Principal) -> Json<Value> {
    let own = orders.iter().filter(|order| order.owner == principal.subject());
    Json(own.map(to_json).collect())
}

/// The rule asked for a scope. Whose order it is, only the handler can ask.
async fn read(
    State(orders): State<Orders>,
    principal: Principal,
    Path(id): Path<u64>,
) -> Result<Json<Value>, StatusCode> {
    let order = orders.iter().find(|order| order.id == id && order.owner == principal.subject());
    order.map(|order| Json(to_json(order))).ok_or(StatusCode::NOT_FOUND)
}

async fn create(principal: Principal) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "id": 3, "owner": principal.subject() })))
}

async fn crash() -> &'static str {
    panic!("connection to postgres://orders:hunter2@db failed")
}

fn to_json(order: &Order) -> Value {
    json!({ "id": order.id, "owner": order.owner, "item": order.item })
}
