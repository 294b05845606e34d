//! The service, its rules, and the callers of the demonstration.

use std::error::Error;
use std::time::Duration;
use std::vec::IntoIter;

use futures_util::stream::{self, Iter};
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Response, Status};
use tower::layer::util::{Identity, Stack};
use tower_warden::authz::{Rules, authenticated, public, scope};
use tower_warden::principal::Principal;
use tower_warden::rate_limit::Quota;
use tower_warden::rejection::{Rejection, RejectionKind};
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use crate::orders_v1::health_server::{Health, HealthServer};
use crate::orders_v1::orders_server::{Orders, OrdersServer};
use crate::orders_v1::{
    CreateRequest, DebugRequest, DebugResponse, DeleteRequest, DeleteResponse, GetRequest,
    HealthRequest, HealthResponse, ListRequest, Order, UpdateRequest,
};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://orders.example";

/// The guarded service and everything that a caller needs to try it.
pub(crate) struct Demo {
    warden: Warden,
    issuer: TestIssuer,
}

impl Demo {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let issuer = TestIssuer::new(ISSUER, AUDIENCE);
        let rules = Rules::builder()
            .grpc("/orders.v1.Health/Check", public("load balancer probe"))
            .grpc("/orders.v1.Orders/Get", scope("orders:read"))
            .grpc("/orders.v1.Orders/List", scope("orders:read"))
            .grpc("/orders.v1.Orders/Create", scope("orders:write"))
            .grpc("/orders.v1.Orders/Update", authenticated())
            .grpc("/orders.v1.Orders/Delete", authenticated());
        let warden = Warden::builder()
            .trust_issuer(issuer.trust())
            .rules(rules)
            .limit_by_principal(Quota::per_minute(60).burst(20))
            .build()?;
        Ok(Self { warden, issuer })
    }

    /// The server, with the stack around all its services.
    pub(crate) fn server(&self) -> Router<Stack<Warden, Identity>> {
        Server::builder()
            .layer(self.warden.clone())
            .add_service(OrdersServer::new(Demonstration))
            .add_service(HealthServer::new(Demonstration))
    }

    pub(crate) fn token_of_ada(&self) -> String {
        self.issuer.token("ada").tenant("acme").scope("orders:read orders:write").sign()
    }

    /// Eve may read, and nothing else.
    pub(crate) fn token_of_eve(&self) -> String {
        self.issuer.token("eve").tenant("acme").scope("orders:read").sign()
    }

    pub(crate) fn expired_token(&self) -> String {
        let token = self.issuer.token("ada").scope("orders:read");
        token.expired_since(Duration::from_secs(3600)).sign()
    }

    /// Signed with a key that nobody trusts.
    pub(crate) fn forged_token() -> String {
        TestIssuer::new(ISSUER, AUDIENCE).token("ada").scope("orders:read").sign()
    }
}

/// Three orders that never change. `Update` fails and `Delete` panics, with texts that nobody should see.
struct Demonstration;

fn orders() -> Vec<Order> {
    let order = |id, owner: &str, item: &str| Order {
        id,
        owner: owner.to_owned(),
        tenant: "acme".to_owned(),
        item: item.to_owned(),
    };
    vec![order(1, "ada", "a loom"), order(2, "eve", "an apple"), order(3, "ada", "punched cards")]
}

/// The rule asked for a scope. Whose orders, only the handler can ask: the stack left the principal in the call.
fn own_orders<M>(request: &Request<M>) -> impl Iterator<Item = Order> {
    let subject = Principal::of(request.extensions()).map(|caller| caller.subject().to_owned());
    orders().into_iter().filter(move |order| Some(&order.owner) == subject.as_ref())
}

#[tonic::async_trait]
impl Orders for Demonstration {
    type ListStream = Iter<IntoIter<Result<Order, Status>>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        let order = own_orders(&request).find(|order| order.id == request.get_ref().id);
        let hidden = || Rejection::new(RejectionKind::NotFound, "order_not_found");
        Ok(Response::new(order.ok_or_else(hidden)?))
    }

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let orders: Vec<_> = own_orders(&request).map(Ok).collect();
        Ok(Response::new(stream::iter(orders)))
    }

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<Order>, Status> {
        let principal = Principal::of(request.extensions());
        let owner = principal.map(|caller| caller.subject().to_owned()).unwrap_or_default();
        let item = request.into_inner().item;
        Ok(Response::new(Order { id: 4, owner, tenant: "acme".to_owned(), item }))
    }

    async fn update(&self, _: Request<UpdateRequest>) -> Result<Response<Order>, Status> {
        Err(Status::internal("connection to postgres://orders:hunter2@db failed"))
    }

    async fn delete(&self, _: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        panic!("connection to postgres://orders:hunter2@db failed")
    }

    async fn debug(&self, _: Request<DebugRequest>) -> Result<Response<DebugResponse>, Status> {
        Ok(Response::new(DebugResponse { dump: "database password: hunter2".to_owned() }))
    }
}

#[tonic::async_trait]
impl Health for Demonstration {
    async fn check(&self, _: Request<HealthRequest>) -> Result<Response<HealthResponse>, Status> {
        Ok(Response::new(HealthResponse { status: "up".to_owned() }))
    }
}
