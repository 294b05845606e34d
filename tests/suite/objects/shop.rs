//! A shop with orders of two tenants, its policy, its repository and its handlers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_warden::authz::object::{
    ActionKind, Bounds, Decision, Delete, Denied, Guard, ObjectPolicy, Permit, QueryPolicy,
    QueryScope, Read, Ruling, Rulings,
};
use tower_warden::authz::{PolicyError, Rules, RulesBuilder, scope};
use tower_warden::testing::TestIssuer;
use tower_warden::{Principal, Warden};

use crate::support::Answer;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) tenant: &'static str,
    pub(super) owner: &'static str,
}

pub(super) const fn order(id: u64, tenant: &'static str, owner: &'static str) -> Order {
    Order { id, tenant, owner }
}

pub(super) const ORDERS: [Order; 5] = [
    order(1, "acme", "ada"),
    order(2, "bolt", "ada"), // another Ada
    order(3, "acme", "ben"),
    order(4, "bolt", "eve"),
    order(5, "acme", "ada"),
];

pub(super) fn found(id: u64) -> Option<Order> {
    ORDERS.into_iter().find(|order| order.id == id)
}

pub(super) fn ids(orders: impl IntoIterator<Item = Order>) -> Vec<u64> {
    orders.into_iter().map(|order| order.id).collect()
}

/// Owners may do everything, colleagues know of each other's orders, and tenants nothing of each other.
#[derive(Clone, Default)]
pub(super) struct ShopPolicy {
    pub(super) asked: Arc<AtomicUsize>,
    pub(super) asked_of_all: Arc<AtomicUsize>,
}

fn decide(caller: &Principal, order: &Order) -> Decision {
    match caller.tenant() == Some(order.tenant) {
        true if caller.subject() == order.owner => Decision::Allow,
        true => Decision::Forbid,
        false => Decision::Hide,
    }
}

impl ObjectPolicy<Order> for ShopPolicy {
    fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match order.id {
            // As if the directory had to be asked for some.
            id if id % 2 == 0 => Ruling::ask(async { Ok(decide(caller, order)) }),
            _ => decide(caller, order).into(),
        }
    }

    fn judge_all<'a>(
        &'a self,
        caller: &'a Principal,
        _: ActionKind,
        orders: &'a [Order],
    ) -> Rulings<'a> {
        self.asked_of_all.fetch_add(1, Ordering::SeqCst);
        Rulings::known(orders.iter().map(|order| decide(caller, order)))
    }
}

pub(super) struct OwnedBy {
    pub(super) tenant: String,
    pub(super) owner: String,
}

impl OwnedBy {
    pub(super) fn lets_through(&self, order: &Order) -> bool {
        order.tenant == self.tenant && order.owner == self.owner
    }
}

impl QueryPolicy<Order> for ShopPolicy {
    type Constraint = OwnedBy;

    fn constrain<'a>(&'a self, caller: &'a Principal, _: ActionKind) -> Bounds<'a, OwnedBy> {
        let Some(tenant) = caller.tenant() else { return Bounds::forbid() };
        let owner = caller.subject().to_owned();
        Bounds::within(OwnedBy { tenant: tenant.to_owned(), owner })
    }
}

/// Says that its backend is down.
pub(super) struct Down;

impl ObjectPolicy<Order> for Down {
    fn judge<'a>(&'a self, _: &'a Principal, _: ActionKind, _: &'a Order) -> Ruling<'a> {
        let wait = std::time::Duration::from_millis(6500);
        Ruling::ask(async move { Err(PolicyError::unavailable_for(wait, "db-7.internal\nok")) })
    }
}

/// What cannot be called without proof that the policy was asked.
pub(super) mod repository {
    use super::{Delete, ORDERS, Order, OwnedBy, Permit, QueryScope, Read};

    pub(crate) fn delete(permit: Permit<'_, Order, Delete>) -> u64 {
        permit.into_object().id
    }

    pub(crate) fn list(scope: &QueryScope<'_, Order, Read, OwnedBy>) -> Vec<Order> {
        let constraint = scope.constraint();
        ORDERS.into_iter().filter(|order| constraint.lets_through(order)).collect()
    }
}

async fn read(guard: Guard<Order>, Path(id): Path<u64>) -> Result<Json<u64>, Denied> {
    Ok(Json(guard.permit(Read, found(id)).await?.id))
}

async fn delete(guard: Guard<Order>, Path(id): Path<u64>) -> Result<Json<u64>, Denied> {
    Ok(Json(repository::delete(guard.permit(Delete, found(id)).await?)))
}

async fn list(guard: Guard<Order>) -> Result<Json<Vec<u64>>, Denied> {
    Ok(Json(ids(guard.filter(Read, ORDERS).await?)))
}

async fn query(guard: Guard<Order>) -> Result<Json<Vec<u64>>, Denied> {
    let scope = guard.constraint(Read).await?;
    Ok(Json(ids(scope.verify(repository::list(&scope)).await?)))
}

#[derive(Deserialize)]
struct Wanted {
    ids: String,
}

/// Deletes all orders named, or none.
async fn delete_all(
    guard: Guard<Order>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<u64>>, Denied> {
    let looked_up = wanted.ids.split(',').map(|id| found(id.parse().unwrap()));
    let permits = guard.permit_all(Delete, looked_up).await?;
    Ok(Json(permits.into_iter().map(repository::delete).collect()))
}

pub(super) fn rules() -> RulesBuilder {
    let may = || scope("orders");
    Rules::builder()
        .get("/orders/{id}", may().serving::<Order>())
        .delete("/orders/{id}", may().serving::<Order>().by(Delete))
        .get("/orders", may().serving_list_of::<Order>())
        .delete("/orders", may().serving_list_of::<Order>().by(Delete))
        .get("/query", may().serving_list_of::<Order>())
}

/// The shop on a socket, until it is dropped.
pub(super) struct Shop {
    address: SocketAddr,
    issuer: TestIssuer,
    server: JoinHandle<()>,
}

impl Shop {
    pub(super) async fn open() -> Self {
        Self::with(rules().query_policy(ShopPolicy::default())).await
    }

    pub(super) async fn with(rules: RulesBuilder) -> Self {
        let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
        let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
        let router = Router::new()
            .route("/orders/{id}", get(read).delete(delete))
            .route("/orders", get(list).delete(delete_all))
            .route("/query", get(query));
        let service = warden.guard(router).into_make_service();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
        Self { address, issuer, server }
    }

    /// Asks as somebody, such as `ada@acme`, for `GET /orders/1`; with one more header field.
    pub(super) async fn ask_with(
        &self,
        who: &str,
        what: &str,
        (name, value): (&str, &str),
    ) -> Answer {
        let (subject, tenant) = who.split_once('@').unwrap();
        let (method, path) = what.split_once(' ').unwrap();
        let token = self.issuer.token(subject).scope("orders").claim("tenant", tenant).sign();
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {token}"))
            .header(name, value)
            .body(Empty::<Bytes>::new());
        let client = Client::builder(TokioExecutor::new()).build_http();
        Answer::read(client.request(request.unwrap()).await.unwrap()).await
    }

    pub(super) async fn ask(&self, who: &str, what: &str) -> Answer {
        self.ask_with(who, what, ("accept", "*/*")).await
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.abort();
    }
}
