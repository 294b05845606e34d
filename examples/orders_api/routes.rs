use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::answers::to_list;
use crate::extract::{Draft, OrderId, Page};
use crate::orders::{Caller, Order, OrderBook, Reach, Refused};
use crate::pages;

/// An order is one short text.
const LARGEST_BODY: usize = 16 * 1024;

/// The router, unguarded.
pub(crate) fn routes(book: OrderBook) -> Router {
    Router::new()
        .route("/", get(pages::index))
        .route("/style.css", get(pages::style))
        .route("/openapi.json", get(pages::openapi))
        .route("/health", get(async || Json(json!({ "status": "up" }))))
        .route("/orders", get(list).post(create))
        .route("/orders/{id}", get(read).put(change).delete(cancel))
        .route("/admin/orders", get(list_of_tenant))
        .route("/admin/orders/{id}", delete(cancel_in_tenant))
        .route("/debug", get(debug)) // no rule declares it, so nobody gets here
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(book)
}

/// The rule asked for a scope. Whose orders, only the handler can ask: here and below, through [`Reach`].
async fn list(State(book): State<OrderBook>, caller: Caller, page: Page) -> Json<Value> {
    to_list(&book.list(&Reach::Own(caller), page.after, page.limit()))
}

async fn create(
    State(book): State<OrderBook>,
    caller: Caller,
    draft: Draft,
) -> Result<impl IntoResponse, Refused> {
    let order = book.place(caller, &draft.item)?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/orders/{}", order.id))], order))
}

async fn read(
    State(book): State<OrderBook>,
    caller: Caller,
    OrderId(id): OrderId,
) -> Result<Order, Refused> {
    book.read(&Reach::Own(caller), id)
}

async fn change(
    State(book): State<OrderBook>,
    caller: Caller,
    OrderId(id): OrderId,
    draft: Draft,
) -> Result<Order, Refused> {
    book.change(&Reach::Own(caller), id, &draft.item)
}

async fn cancel(
    State(book): State<OrderBook>,
    caller: Caller,
    OrderId(id): OrderId,
) -> Result<StatusCode, Refused> {
    book.remove(&Reach::Own(caller), id).map(|()| StatusCode::NO_CONTENT)
}

async fn list_of_tenant(State(book): State<OrderBook>, caller: Caller, page: Page) -> Json<Value> {
    to_list(&book.list(&Reach::Tenant(caller), page.after, page.limit()))
}

async fn cancel_in_tenant(
    State(book): State<OrderBook>,
    caller: Caller,
    OrderId(id): OrderId,
) -> Result<StatusCode, Refused> {
    book.remove(&Reach::Tenant(caller), id).map(|()| StatusCode::NO_CONTENT)
}

async fn debug(State(book): State<OrderBook>) -> String {
    format!("{book:?}")
}
