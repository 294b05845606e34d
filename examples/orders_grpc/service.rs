use std::vec::IntoIter;

use futures_util::stream::{self, Iter};
use tonic::{Request, Response, Status};
use tower_warden::principal::Principal;
use tower_warden::rejection::{Rejection, RejectionKind};

use crate::orders::{self, Caller, OrderBook, Reach, Refused};
use crate::orders_v1::health_server::Health;
use crate::orders_v1::orders_server::Orders;
use crate::orders_v1::{
    CreateRequest, DebugRequest, DebugResponse, DeleteRequest, DeleteResponse, GetRequest,
    HealthRequest, HealthResponse, ListRequest, Order, UpdateRequest,
};

/// How many orders one call may list.
const MOST: usize = 100;

/// The methods, unguarded.
pub(crate) struct Service {
    book: OrderBook,
}

impl Service {
    pub(crate) const fn of(book: OrderBook) -> Self {
        Self { book }
    }
}

/// The stack left the principal in the call's extensions. Those who belong to no tenant are nobody here.
fn caller<M>(request: &Request<M>) -> Result<Caller, Status> {
    let nobody = || Rejection::new(RejectionKind::Forbidden, "caller_without_tenant");
    let caller = request.extensions().get::<Principal>().and_then(Caller::of);
    Ok(caller.ok_or_else(nobody)?)
}

#[tonic::async_trait]
impl Orders for Service {
    type ListStream = Iter<IntoIter<Result<Order, Status>>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        let order = self.book.read(&Reach::Own(caller(&request)?), request.get_ref().id)?;
        Ok(Response::new(order.into()))
    }

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let orders = self.book.list(&Reach::Own(caller(&request)?), 0, MOST);
        let messages: Vec<_> = orders.into_iter().map(|order| Ok(order.into())).collect();
        Ok(Response::new(stream::iter(messages)))
    }

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<Order>, Status> {
        let order = self.book.place(caller(&request)?, &request.get_ref().item)?;
        Ok(Response::new(order.into()))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<Order>, Status> {
        let reach = Reach::Own(caller(&request)?);
        let UpdateRequest { id, item } = request.into_inner();
        Ok(Response::new(self.book.change(&reach, id, &item)?.into()))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        self.book.remove(&Reach::Tenant(caller(&request)?), request.get_ref().id)?;
        Ok(Response::new(DeleteResponse {}))
    }

    async fn debug(&self, _: Request<DebugRequest>) -> Result<Response<DebugResponse>, Status> {
        Ok(Response::new(DebugResponse { dump: format!("{:?}", self.book) }))
    }
}

/// Answers anybody.
pub(crate) struct Probe;

#[tonic::async_trait]
impl Health for Probe {
    async fn check(&self, _: Request<HealthRequest>) -> Result<Response<HealthResponse>, Status> {
        Ok(Response::new(HealthResponse { status: "up".to_owned() }))
    }
}

impl From<orders::Order> for Order {
    fn from(order: orders::Order) -> Self {
        let Caller { subject: owner, tenant, issuer: _ } = order.owner;
        Self { id: order.id, owner, tenant, item: order.item }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Nothing => Rejection::new(RejectionKind::NotFound, "order_not_found").into(),
            Refused::BadItem => Self::invalid_argument("The item is not one short line of text."),
            Refused::Full => Self::resource_exhausted("There are too many orders already."),
        }
    }
}
