//! The guarded service: a handler for each way that a call can end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, Iter};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Response, Status};
use tower_warden::principal::Principal;
use tower_warden::rejection::{Rejection, RejectionKind};

use super::SECRET;
use crate::orders_v1::health_server::Health;
use crate::orders_v1::orders_server::Orders;
use crate::orders_v1::{
    CreateRequest, DebugRequest, DebugResponse, DeleteRequest, DeleteResponse, GetRequest,
    HealthRequest, HealthResponse, ListRequest, Order, UpdateRequest,
};

/// How the one order that exists is asked for; other ids make the handler fail with the status of that number.
pub(super) const FINE: u64 = 0;
pub(super) const PANICS: u64 = 99;

/// Counts its calls.
#[derive(Clone, Default)]
pub(super) struct Mill {
    pub(super) calls: Arc<AtomicUsize>,
}

impl Mill {
    fn note<M>(&self, _: &Request<M>) {
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

/// A failure that says more than anybody should know, in all the places where a status can.
fn leaky(code: Code) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-table", MetadataValue::from_static(SECRET));
    metadata.insert_bin("x-trace-bin", MetadataValue::from_bytes(SECRET.as_bytes()));
    Status::with_details_and_metadata(
        code,
        format!("no route to {SECRET}"),
        SECRET.into(),
        metadata,
    )
}

pub(super) fn loom(owner: &str) -> Order {
    Order {
        id: FINE,
        owner: owner.to_owned(),
        tenant: "acme".to_owned(),
        item: "a loom".to_owned(),
    }
}

#[tonic::async_trait]
impl Orders for Mill {
    type ListStream = Iter<std::vec::IntoIter<Result<Order, Status>>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        self.note(&request);
        match request.get_ref().id {
            FINE => {
                let caller = Principal::of(request.extensions());
                Ok(Response::new(loom(caller.map_or("", Principal::subject))))
            }
            5 => Err(Rejection::new(RejectionKind::NotFound, "order_of_somebody_else").into()),
            PANICS => panic!("no table orders_2 at {SECRET}"),
            code => Err(leaky(Code::from_i32(i32::try_from(code).unwrap()))),
        }
    }

    /// One message, and then what the caller asks for.
    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        self.note(&request);
        let mut messages = vec![Ok(loom("ada"))];
        match request.metadata().get("x-end").map(|end| end.to_str().unwrap()) {
            Some("leaks") => messages.push(Err(leaky(Code::Internal))),
            Some("speaks") => messages.push(Err(Status::aborted("The list changed."))),
            _ => {}
        }
        Ok(Response::new(stream::iter(messages)))
    }

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<Order>, Status> {
        self.note(&request);
        Ok(Response::new(loom("ada")))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<Order>, Status> {
        self.note(&request);
        Ok(Response::new(loom("ada")))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        self.note(&request);
        Ok(Response::new(DeleteResponse {}))
    }

    async fn debug(
        &self,
        request: Request<DebugRequest>,
    ) -> Result<Response<DebugResponse>, Status> {
        self.note(&request);
        Ok(Response::new(DebugResponse { dump: SECRET.to_owned() }))
    }
}

#[tonic::async_trait]
impl Health for Mill {
    async fn check(
        &self,
        request: Request<HealthRequest>,
    ) -> Result<Response<HealthResponse>, Status> {
        self.note(&request);
        Ok(Response::new(HealthResponse { status: "up".to_owned() }))
    }
}
