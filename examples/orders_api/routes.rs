use axum::extract::{FromRef, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::json;
use tower_warden::authz::object::{Action, Create, Delete, Guard, Read, Update};
use tower_warden::authz::property::{Disclosed, Properties, PropertiesOf};
use tower_warden::frameworks::axum::properties::{Accepted, Disclosure, Proposed};
use tower_warden::rate_limit::flow::FlowLayer;

use crate::answers::Unanswered;
use crate::extract::{OrderId, Page};
use crate::orders::policy::{Oversee, Withdraw};
use crate::orders::{Caller, Draft, Order, OrderBook};
use crate::pages;

#[derive(Clone)]
struct App {
    book: OrderBook,
    properties: Properties,
}

/// The router, unguarded.
pub(crate) fn routes(book: OrderBook, properties: Properties, checkout: &FlowLayer) -> Router {
    let done = async || StatusCode::NO_CONTENT;
    let steps = Router::new()
        .route("/checkout/cart", post(done))
        .route("/checkout/pay", post(done))
        .route_layer(checkout.clone());
    Router::new()
        .route("/", get(pages::index))
        .route("/style.css", get(pages::style))
        .route("/openapi.json", get(pages::openapi))
        .route("/health", get(async || Json(json!({ "status": "up" }))))
        .route("/orders", get(list).post(create))
        .route("/orders/{id}", get(read).put(change).delete(cancel))
        .route("/orders/{id}/invoice", get(invoice))
        .route("/export", get(export))
        .route("/vouchers", post(redeem))
        .merge(steps)
        .route("/admin/orders", get(list_of_tenant))
        .route("/admin/orders/{id}", delete(cancel_in_tenant))
        .route("/debug", get(debug)) // no rule declares it, so nobody gets here
        .with_state(App { book, properties })
}

/// The rule asked for a scope. Whose orders, only the handler can ask: here and below, through its guard.
async fn list(
    State(book): State<OrderBook>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    page: Page,
) -> Result<Disclosed, Unanswered> {
    listed(Read, &book, &guard, &disclosure, &page).await
}

async fn list_of_tenant(
    State(book): State<OrderBook>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    page: Page,
) -> Result<Disclosed, Unanswered> {
    listed(Oversee, &book, &guard, &disclosure, &page).await
}

async fn listed(
    action: impl Action,
    book: &OrderBook,
    guard: &Guard<Order>,
    disclosure: &Disclosure<Order>,
    page: &Page,
) -> Result<Disclosed, Unanswered> {
    let scope = guard.constraint(action).await?;
    let orders = scope.verify(book.list(&scope, page.after, page.limit())).await?;
    Ok(disclosure.of_list(&orders)?)
}

/// All of them at once. What that costs, the limits say.
async fn export(
    State(book): State<OrderBook>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
) -> Result<Disclosed, Unanswered> {
    let scope = guard.constraint(Read).await?;
    let orders = scope.verify(book.list(&scope, 0, usize::MAX)).await?;
    Ok(disclosure.of_list(&orders)?)
}

/// There is one voucher, with four digits: without a limit it is found within a second.
async fn redeem(fields: HeaderMap) -> StatusCode {
    let is_good = fields.get("x-voucher").is_some_and(|code| code == "7253");
    if is_good { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn create(
    State(book): State<OrderBook>,
    owner: Caller, // the credential says whose it is, never the body
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    Accepted(draft): Accepted<Draft>,
) -> Result<impl IntoResponse, Unanswered> {
    let order = book.place(guard.permit(Create, Order::draft(owner, draft)?).await?)?;
    let location = [(LOCATION, format!("/orders/{}", order.id))];
    Ok((StatusCode::CREATED, location, disclosure.of(&order)?))
}

async fn read(
    State(book): State<OrderBook>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    OrderId(id): OrderId,
) -> Result<Disclosed, Unanswered> {
    let order = guard.permit(Read, book.find(id)).await?;
    Ok(disclosure.of(&order)?)
}

async fn change(
    State(book): State<OrderBook>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    OrderId(id): OrderId,
    proposed: Proposed<Draft>,
) -> Result<Disclosed, Unanswered> {
    // That the order is not the caller's comes before any word about the body.
    let permit = guard.permit(Update, book.find(id)).await?;
    let draft = proposed.to(permit.object())?;
    Ok(disclosure.of(&book.change(permit, draft)?)?)
}

async fn cancel(
    State(book): State<OrderBook>,
    guard: Guard<Order>,
    OrderId(id): OrderId,
) -> Result<StatusCode, Unanswered> {
    book.remove(guard.permit(Delete, book.find(id)).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cancel_in_tenant(
    State(book): State<OrderBook>,
    guard: Guard<Order>,
    OrderId(id): OrderId,
) -> Result<StatusCode, Unanswered> {
    book.remove(guard.permit(Withdraw, book.find(id)).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Broken on purpose: it asks nobody whose order it is, and answers with all of it. Its rule says that it serves orders, so
/// nothing of that leaves.
async fn invoice(
    State(book): State<OrderBook>,
    OrderId(id): OrderId,
) -> Result<Json<Order>, StatusCode> {
    book.find(id).map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn debug(State(book): State<OrderBook>) -> String {
    format!("{book:?}")
}

impl FromRef<App> for OrderBook {
    fn from_ref(app: &App) -> Self {
        app.book.clone()
    }
}

impl<T> FromRef<App> for PropertiesOf<T> {
    fn from_ref(app: &App) -> Self {
        app.properties.of()
    }
}
