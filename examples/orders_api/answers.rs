use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::orders::{Order, Refused};

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Nothing => StatusCode::NOT_FOUND,
            Self::BadItem => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Full => StatusCode::CONFLICT,
        };
        status.into_response()
    }
}

impl IntoResponse for Order {
    fn into_response(self) -> Response {
        Json(to_json(&self)).into_response()
    }
}

pub(crate) fn to_list(orders: &[Order]) -> Json<Value> {
    Json(orders.iter().map(to_json).collect())
}

/// Field by field: what is added to an order is not told until somebody decides so. The owner's issuer is not.
fn to_json(order: &Order) -> Value {
    json!({
        "id": order.id,
        "owner": order.owner.subject,
        "tenant": order.owner.tenant,
        "item": order.item,
    })
}
