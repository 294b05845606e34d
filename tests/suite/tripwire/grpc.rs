//! A real tonic server and client: unary calls and streams.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower_warden::authz::object::{Guard, Read};
use tower_warden::authz::{Rules, authenticated};

use super::{HIDDEN, MINE, Policies, warden};
use crate::grpc::with;
use crate::orders_v1::orders_client::OrdersClient;
use crate::orders_v1::orders_server::{Orders, OrdersServer};
use crate::orders_v1::{
    CreateRequest, DebugRequest, DebugResponse, DeleteRequest, DeleteResponse, GetRequest,
    ListRequest, Order, UpdateRequest,
};

/// Does what the caller's `x-does` says, right or wrong.
struct Shop;

fn order(item: &str) -> Order {
    Order { item: item.to_owned(), ..Order::default() }
}

fn does<M>(request: &Request<M>) -> String {
    request.metadata().get("x-does").unwrap().to_str().unwrap().to_owned()
}

fn guard<M>(request: &Request<M>) -> Result<Guard<super::Order>, Status> {
    Ok(Guard::of(request.extensions())?)
}

#[tonic::async_trait]
impl Orders for Shop {
    type ListStream = BoxStream<'static, Result<Order, Status>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        let orders = guard(&request)?;
        match &*does(&request) {
            "checks" => orders.check(Read, &MINE).await?,
            "denies" => orders.check(Read, &HIDDEN).await?,
            "swallows" => drop(orders.check(Read, &HIDDEN).await),
            "fails" => return Err(Status::failed_precondition("not now")),
            _ => {}
        }
        Ok(Response::new(order("a loom")))
    }

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let orders = Arc::new(guard(&request)?);
        let does = does(&request);
        if does == "nothing" {
            return Ok(Response::new(stream::empty().boxed()));
        }
        let messages = stream::iter(["one", "two"]).then(move |item| {
            let asked = match (&*does, item) {
                ("checks", _) | ("denies later" | "swallows later", "one") => Some(MINE),
                ("denies" | "denies later" | "swallows" | "swallows later", _) => Some(HIDDEN),
                _ => None,
            };
            let swallows = does.starts_with("swallows");
            let asked = asked.map(|of| (orders.clone(), of));
            async move {
                // What is there at once, tonic puts into one frame.
                tokio::task::yield_now().await;
                if let Some((orders, of)) = asked {
                    let outcome = orders.check(Read, &of).await;
                    if !swallows {
                        outcome?;
                    }
                }
                Ok(order(item))
            }
        });
        Ok(Response::new(messages.boxed()))
    }

    async fn create(&self, _: Request<CreateRequest>) -> Result<Response<Order>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update(&self, _: Request<UpdateRequest>) -> Result<Response<Order>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn delete(&self, _: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn debug(&self, _: Request<DebugRequest>) -> Result<Response<DebugResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// A running server's client; the server stops with the value.
struct Running {
    channel: Channel,
    _task: JoinSet<()>,
}

async fn start() -> Running {
    let serving = || authenticated().serving::<super::Order>();
    let rules = Rules::builder()
        .object_policy::<super::Order>(Policies)
        .grpc("/orders.v1.Orders/Get", serving())
        .grpc("/orders.v1.Orders/List", serving());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = warden(rules).build().unwrap();
    let server = Server::builder().layer(layer).add_service(OrdersServer::new(Shop));
    let mut task = JoinSet::new();
    task.spawn(async move {
        let _ = server.serve_with_incoming(TcpIncoming::from(listener)).await;
    });
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await;
    Running { channel: channel.unwrap(), _task: task }
}

#[tokio::test]
async fn z3_z4_a_unary_call_leaves_with_its_check_alone() {
    let server = start().await;
    for (does, code) in [
        ("checks", Code::Ok),
        ("forgets", Code::Internal),
        ("denies", Code::NotFound),
        ("swallows", Code::NotFound),
        ("fails", Code::FailedPrecondition),
    ] {
        let request = with(&[("x-later", "ada"), ("x-does", does)], GetRequest::default());
        let answer = OrdersClient::new(server.channel.clone()).get(request).await;
        assert_eq!(answer.as_ref().map_or_else(Status::code, |_| Code::Ok), code, "{does}");
    }
}

#[tokio::test]
async fn z3_z4_a_stream_is_held_and_cut() {
    let server = start().await;
    for (does, told, code) in [
        ("checks", &["one", "two"][..], Code::Ok),
        ("forgets", &[], Code::Internal),
        ("nothing", &[], Code::Internal),
        ("denies", &[], Code::NotFound),
        ("swallows", &[], Code::NotFound),
        ("denies later", &["one"], Code::NotFound),
        ("swallows later", &["one"], Code::NotFound),
    ] {
        let request = with(&[("x-later", "ada"), ("x-does", does)], ListRequest::default());
        let mut seen = Vec::new();
        let outcome = async {
            let mut messages =
                OrdersClient::new(server.channel.clone()).list(request).await?.into_inner();
            while let Some(message) = messages.message().await? {
                seen.push(message.item);
            }
            Ok(())
        };
        let outcome: Result<(), Status> = outcome.await;
        assert_eq!(outcome.map_or_else(|status| status.code(), |()| Code::Ok), code, "{does}");
        assert_eq!(seen, told, "{does}");
    }
}
