//! Guards in a tonic service, over a socket.

use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower_warden::Warden;
use tower_warden::authz::object::{Delete, Denied, Guard, Read};
use tower_warden::authz::{Rules, RulesBuilder, scope};
use tower_warden::testing::TestIssuer;

use super::shop::{Down, ORDERS, Order, ShopPolicy, found, repository};
use crate::grpc::with;
use crate::orders_v1::orders_client::OrdersClient;
use crate::orders_v1::orders_server::{Orders, OrdersServer};
use crate::orders_v1::{self, DeleteRequest, GetRequest, ListRequest};
use crate::support::Logs;

struct Service;

fn message(order: &Order) -> orders_v1::Order {
    orders_v1::Order {
        id: order.id,
        owner: order.owner.to_owned(),
        tenant: order.tenant.to_owned(),
        item: String::new(),
    }
}

#[tonic::async_trait]
impl Orders for Service {
    type ListStream = BoxStream<'static, Result<orders_v1::Order, Status>>;

    async fn get(
        &self,
        request: Request<GetRequest>,
    ) -> Result<Response<orders_v1::Order>, Status> {
        let guard = Guard::of(request.extensions())?;
        let order = guard.permit(Read, found(request.get_ref().id)).await?;
        Ok(Response::new(message(&order)))
    }

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let guard = Guard::<Order>::of(request.extensions())?;
        let orders = guard.filter_stream(Read, stream::iter(ORDERS).map(Ok::<_, Status>));
        let messages = orders.map(|order| order.map(|order| message(&order)));
        Ok(Response::new(messages.boxed()))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<orders_v1::DeleteResponse>, Status> {
        let guard = Guard::of(request.extensions())?;
        repository::delete(guard.permit(Delete, found(request.get_ref().id)).await?);
        Ok(Response::new(orders_v1::DeleteResponse {}))
    }

    /// Its rule serves no orders.
    async fn update(
        &self,
        request: Request<orders_v1::UpdateRequest>,
    ) -> Result<Response<orders_v1::Order>, Status> {
        let guard = Guard::of(request.extensions())?;
        let order = guard.permit(Read, found(request.get_ref().id)).await?;
        Ok(Response::new(message(&order)))
    }

    async fn create(
        &self,
        _: Request<orders_v1::CreateRequest>,
    ) -> Result<Response<orders_v1::Order>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn debug(
        &self,
        _: Request<orders_v1::DebugRequest>,
    ) -> Result<Response<orders_v1::DebugResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

struct Running {
    client: OrdersClient<Channel>,
    token: String,
    server: JoinHandle<()>,
}

impl Running {
    async fn start(rules: RulesBuilder) -> Self {
        let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
        let rules = rules
            .grpc("/orders.v1.Orders/Get", scope("orders").serving::<Order>())
            .grpc("/orders.v1.Orders/Delete", scope("orders").serving::<Order>().by(Delete))
            .grpc("/orders.v1.Orders/List", scope("orders").serving_list_of::<Order>())
            .grpc("/orders.v1.Orders/Update", scope("orders"));
        let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let server = Server::builder().layer(warden).add_service(OrdersServer::new(Service));
        let server = server.serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async { server.await.unwrap() });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let client = OrdersClient::new(endpoint.connect().await.unwrap());
        let token = issuer.token("ada").scope("orders").claim("tenant", "acme").sign();
        Self { client, token: format!("Bearer {token}"), server }
    }

    fn asking<M>(&self, message: M) -> Request<M> {
        with(&[("authorization", &self.token)], message)
    }

    async fn get(&mut self, id: u64) -> Result<u64, Status> {
        let request = self.asking(GetRequest { id });
        self.client.get(request).await.map(|order| order.into_inner().id)
    }

    async fn delete(&mut self, id: u64) -> Result<(), Status> {
        let request = self.asking(DeleteRequest { id });
        self.client.delete(request).await.map(drop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A status without what differs from call to call.
fn constant(status: &Status) -> (Code, String, Vec<u8>, String) {
    let mut metadata = status.metadata().clone().into_headers();
    for name in ["x-request-id", "date"] {
        assert!(metadata.remove(name).is_some(), "{name}");
    }
    let details = status.details().to_vec();
    (status.code(), status.message().to_owned(), details, format!("{metadata:?}"))
}

#[tokio::test]
async fn z7_over_grpc_a_hidden_object_is_answered_as_an_absent_one() {
    let mut running = Running::start(Rules::builder().query_policy(ShopPolicy::default())).await;
    assert_eq!(running.get(1).await.unwrap(), 1);
    let (hidden, absent) = (running.get(4).await.unwrap_err(), running.get(9).await.unwrap_err());
    assert_eq!(hidden.code(), Code::NotFound);
    assert_eq!(constant(&hidden), constant(&absent));
    assert_eq!(running.get(3).await.unwrap_err().code(), Code::PermissionDenied);
    running.delete(1).await.unwrap();
    assert_eq!(running.delete(3).await.unwrap_err().code(), Code::PermissionDenied);
    let (hidden, absent) =
        (running.delete(4).await.unwrap_err(), running.delete(9).await.unwrap_err());
    assert_eq!(constant(&hidden), constant(&absent));
}

#[tokio::test]
async fn z10_over_grpc_a_stream_holds_what_is_allowed() {
    let mut running = Running::start(Rules::builder().query_policy(ShopPolicy::default())).await;
    let request = running.asking(ListRequest {});
    let mut list = running.client.list(request).await.unwrap().into_inner();
    let mut ids = Vec::new();
    while let Some(order) = list.message().await.unwrap() {
        ids.push(order.id);
    }
    assert_eq!(ids, [1, 5]);
}

#[tokio::test]
async fn z9_over_grpc_a_policy_that_is_down_is_unavailable_and_says_when_to_come_back() {
    let mut running = Running::start(Rules::builder().object_policy(Down)).await;
    let status = running.get(1).await.unwrap_err();
    assert_eq!(
        (status.code(), status.metadata().get("retry-after").unwrap().to_str().unwrap()),
        (Code::Unavailable, "7")
    );
    assert!(!format!("{status:?}").contains("db-7"), "{status:?}");
    let request = running.asking(ListRequest {});
    let mut list = running.client.list(request).await.unwrap().into_inner();
    assert_eq!(list.message().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_method_whose_rule_serves_no_objects_has_no_guard() {
    let logs = Logs::capture();
    let mut running = Running::start(Rules::builder().query_policy(ShopPolicy::default())).await;
    let request = running.asking(orders_v1::UpdateRequest { id: 1, item: String::new() });
    assert_eq!(running.client.update(request).await.unwrap_err().code(), Code::Internal);
    assert!(logs.text().contains("rule_serves_no_objects"), "{}", logs.text());
}

#[tokio::test]
async fn the_denial_is_the_source_of_its_status() {
    let denied = super::guard(ShopPolicy::default()).permit(Read, found(4)).await.unwrap_err();
    let status = Status::from(denied);
    let source = std::error::Error::source(&status).unwrap().downcast_ref::<Denied>().unwrap();
    assert_eq!(source.rejection().reason(), "object_hidden");
}
