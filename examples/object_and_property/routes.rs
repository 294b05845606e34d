//! The handlers. Those of the first half do it right; three of the second do not, and nothing leaves that should not.

use axum::Json;
use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tower_warden::authz::object::{Create, Delete, Denied, Guard, Read, Update};
use tower_warden::authz::property::{DiscloseLayer, Disclosed, Properties, PropertiesOf};
use tower_warden::frameworks::axum::methods::get;
use tower_warden::frameworks::axum::properties::{Accepted, Disclosure, Proposed};
use tower_warden::frameworks::axum::{Refusal, Routes};

use crate::orders::{NewOrder, Order, OrderChange, Orders};

#[derive(Clone)]
struct App {
    orders: Orders,
    properties: Properties,
}

pub(crate) fn routes(orders: Orders, properties: &Properties) -> Routes {
    let legacy =
        Routes::new().route("/orders/{id}", get(legacy)).layer(DiscloseLayer::new(properties));
    Routes::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{id}", get(read).patch(change).delete(cancel))
        .route("/orders/{id}/invoice", get(invoice))
        .route("/orders/{id}/label", get(label))
        .nest("/legacy", legacy)
        .route("/admin/stats", get(async || Json(json!({ "orders": 3 }))))
        .with_state(App { orders, properties: properties.clone() })
}

async fn list(
    State(orders): State<Orders>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
) -> Result<Disclosed, Refusal> {
    let scope = guard.constraint(Read).await?;
    let found = scope.verify(orders.list(&scope)).await?;
    disclosure.of_list(&found)
}

async fn place(
    State(orders): State<Orders>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    Accepted(new): Accepted<NewOrder>,
) -> Result<(StatusCode, Disclosed), Refusal> {
    let caller = guard.caller();
    let (issuer, owner) = caller.identity();
    // Whose it is comes from the credential, never from the body.
    let order = Order {
        id: 0,
        tenant: caller.tenant().unwrap_or_default().to_owned(),
        issuer: issuer.to_owned(),
        owner: owner.to_owned(),
        item: new.item,
        email: new.email,
        status: "placed".to_owned(),
        margin: 40,
    };
    let order = orders.add(guard.permit(Create, order).await?);
    Ok((StatusCode::CREATED, disclosure.of(&order)?))
}

async fn read(
    State(orders): State<Orders>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    Path(id): Path<u64>,
) -> Result<Disclosed, Refusal> {
    let order = guard.permit(Read, orders.find(id)).await?;
    disclosure.of(&order)
}

async fn change(
    State(orders): State<Orders>,
    guard: Guard<Order>,
    disclosure: Disclosure<Order>,
    Path(id): Path<u64>,
    proposed: Proposed<OrderChange>,
) -> Result<Disclosed, Refusal> {
    let permit = guard.permit(Update, orders.find(id)).await?;
    let change = proposed.to(permit.object())?;
    disclosure.of(&orders.change(permit, change))
}

async fn cancel(
    State(orders): State<Orders>,
    guard: Guard<Order>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Denied> {
    orders.remove(guard.permit(Delete, orders.find(id)).await?);
    Ok(StatusCode::NO_CONTENT)
}

/// Wrong: nobody asks whose order it is.
async fn invoice(State(orders): State<Orders>, Path(id): Path<u64>) -> Json<Option<Order>> {
    Json(orders.find(id))
}

/// Wrong: asks, and does not listen.
async fn label(
    State(orders): State<Orders>,
    guard: Guard<Order>,
    Path(id): Path<u64>,
) -> Result<String, StatusCode> {
    let order = orders.find(id).ok_or(StatusCode::NOT_FOUND)?;
    let _ = guard.check(Read, &order).await;
    Ok(format!("{} to {}", order.item, order.email))
}

/// Wrong: answers all fields. A service that cannot change its types has a layer around.
async fn legacy(
    State(orders): State<Orders>,
    guard: Guard<Order>,
    Path(id): Path<u64>,
) -> Result<Json<Value>, Denied> {
    let order = guard.permit(Read, orders.find(id)).await?;
    Ok(Json(json!(*order)))
}

impl FromRef<App> for Orders {
    fn from_ref(app: &App) -> Self {
        app.orders.clone()
    }
}

impl<T> FromRef<App> for PropertiesOf<T> {
    fn from_ref(app: &App) -> Self {
        app.properties.of()
    }
}
