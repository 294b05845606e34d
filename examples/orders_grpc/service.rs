use std::vec::IntoIter;

use futures_util::stream::{self, Iter};
use tonic::{Request, Response, Status};
use tower_warden::authz::object::{Create, Guard, Read, Update};
use tower_warden::rejection::{Rejection, RejectionKind};

use crate::orders::policy::Withdraw;
use crate::orders::{self, Caller, Draft, OrderBook, Refused};
use crate::orders_v1::health_server::Health;
use crate::orders_v1::invoices_server::Invoices;
use crate::orders_v1::orders_server::Orders;
use crate::orders_v1::{
    CreateRequest, DebugRequest, DebugResponse, DeleteRequest, DeleteResponse, GetRequest,
    HealthRequest, HealthResponse, Invoice, ListRequest, Order, UpdateRequest,
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

/// The stack left what it is made of in the call's extensions.
fn guard<M>(request: &Request<M>) -> Result<Guard<orders::Order>, Rejection> {
    Guard::of(request.extensions())
}

/// What a message says of an order. The address cannot be set here.
const fn draft(item: String) -> Draft {
    Draft { item, email: None }
}

#[tonic::async_trait]
impl Orders for Service {
    type ListStream = Iter<IntoIter<Result<Order, Status>>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        let guard = guard(&request)?;
        let order = guard.permit(Read, self.book.find(request.get_ref().id)).await?;
        Ok(Response::new(order.into_object().into()))
    }

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let guard = guard(&request)?;
        let scope = guard.constraint(Read).await?;
        let orders = scope.verify(self.book.list(&scope, 0, MOST)).await?;
        let messages: Vec<_> = orders.into_iter().map(|order| Ok(order.into())).collect();
        Ok(Response::new(stream::iter(messages)))
    }

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<Order>, Status> {
        let guard = guard(&request)?;
        // Those who belong to no tenant are nobody here.
        let nobody = || Rejection::new(RejectionKind::Forbidden, "caller_without_tenant");
        let owner = Caller::of(guard.caller()).ok_or_else(nobody)?;
        let order = orders::Order::draft(owner, draft(request.into_inner().item))?;
        Ok(Response::new(self.book.place(guard.permit(Create, order).await?)?.into()))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<Order>, Status> {
        let guard = guard(&request)?;
        let UpdateRequest { id, item } = request.into_inner();
        let permit = guard.permit(Update, self.book.find(id)).await?;
        Ok(Response::new(self.book.change(permit, draft(item))?.into()))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let guard = guard(&request)?;
        self.book.remove(guard.permit(Withdraw, self.book.find(request.get_ref().id)).await?)?;
        Ok(Response::new(DeleteResponse {}))
    }

    async fn debug(&self, _: Request<DebugRequest>) -> Result<Response<DebugResponse>, Status> {
        Ok(Response::new(DebugResponse { dump: format!("{:?}", self.book) }))
    }
}

/// Broken on purpose: it asks nobody whose order it is. Its rule says that it serves orders, so nothing of what it answers
/// leaves.
pub(crate) struct Bookkeeping {
    book: OrderBook,
}

impl Bookkeeping {
    pub(crate) const fn of(book: OrderBook) -> Self {
        Self { book }
    }
}

#[tonic::async_trait]
impl Invoices for Bookkeeping {
    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Invoice>, Status> {
        let order = self.book.find(request.get_ref().id).ok_or(Refused::Nothing)?;
        Ok(Response::new(Invoice { text: format!("{order:?}") }))
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

/// The message has what everybody who gets one may see: neither an address nor what the house earns.
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
            Refused::BadDraft => Self::invalid_argument("The item is not one short line of text."),
            Refused::Full => Self::resource_exhausted("There are too many orders already."),
        }
    }
}
