//! axum: what a caller may see of a value, and what he may send, as extractors and answers of handlers.
//!
//! The declarations are part of the router's state, one [`PropertiesOf`] for each type, so that a handler without one does
//! not compile: axum then says that it is no `Handler`. Where all types have one declaration between them, an
//! `impl<T> FromRef<App> for PropertiesOf<T>` with [`Properties::of`](crate::authz::property::Properties::of) inside is for
//! all of them.
//!
//! # Rules
//!
//! 1. [`Disclosure`] as an argument knows the caller: what a handler answers through it holds what he may see. A
//!    [`Disclosed`] is an answer; `Json` with the same value would be all of it.
//! 2. [`Accepted`] takes the place of `Json` in a handler for new objects, [`Proposed`] in one for changes: that gives its
//!    value away only for the object that it is to change.
//! 3. Without a principal fields for everybody are read and written, and no others. Whether there has to be one is for the
//!    rules of the route. Without an authentication layer the answer is 500.
//! 4. An empty body is no JSON: 400. Everything else is as [`authz::property`](crate::authz::property) says.
//!
//! # What is not checked
//!
//! Values that a handler answers or reads without these types.
//!
//! ```
//! use axum::extract::FromRef;
//! use axum::{Router, body::Body, routing::post};
//! use http::{Request, StatusCode};
//! use serde::{Deserialize, Serialize};
//! use tower::ServiceExt;
//! use tower_warden::authn::{AuthenticateLayer, bearer::BearerAuthenticator, jwt::JwtValidator};
//! use tower_warden::authz::property::{Disclosed, Field, Properties, PropertiesOf, Who};
//! use tower_warden::frameworks::axum::Refusal;
//! use tower_warden::frameworks::axum::properties::{Accepted, Disclosure};
//! use tower_warden::testing::TestIssuer;
//!
//! #[derive(Serialize)]
//! struct Order {
//!     item: String,
//!     margin: u32,
//! }
//!
//! #[derive(Deserialize)]
//! struct NewOrder {
//!     item: String,
//! }
//!
//! #[derive(Clone)]
//! struct Declared {
//!     order: PropertiesOf<Order>,
//!     new_order: PropertiesOf<NewOrder>,
//! }
//!
//! impl FromRef<Declared> for PropertiesOf<Order> {
//!     fn from_ref(declared: &Declared) -> Self {
//!         declared.order.clone()
//!     }
//! }
//! # impl FromRef<Declared> for PropertiesOf<NewOrder> {
//! #     fn from_ref(declared: &Declared) -> Self {
//! #         declared.new_order.clone()
//! #     }
//! # }
//!
//! async fn place(orders: Disclosure<Order>, Accepted(new): Accepted<NewOrder>) -> Result<Disclosed, Refusal> {
//!     orders.of(&Order { item: new.item, margin: 40 })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let order = Properties::builder("Order")
//!     .field(Field::new("item").read(Who::authenticated()).create(Who::authenticated()))
//!     .field(Field::new("margin").read(Who::role("admin")))
//!     .build()?;
//! let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let bearer = BearerAuthenticator::new(JwtValidator::new(issuer.trust()?));
//! let app = Router::new()
//!     .route("/orders", post(place))
//!     .layer(AuthenticateLayer::new(bearer))
//!     .with_state(Declared { order: order.of(), new_order: order.of() });
//! let send = |body: &'static str| {
//!     let request = Request::post("/orders").header("authorization", format!("Bearer {}", issuer.token("ada").sign()));
//!     app.clone().oneshot(request.header("content-type", "application/json").body(Body::from(body)).unwrap())
//! };
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let admitted = send(r#"{"item": "a loom"}"#).await?;
//! let seen = axum::body::to_bytes(admitted.into_body(), 1_000).await?;
//! assert_eq!(seen, r#"{"item":"a loom"}"#); // and no margin
//!
//! let refused = send(r#"{"item": "a loom", "margin": 0}"#).await?;
//! assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
//! # Ok::<_, Box<dyn std::error::Error>>(()) })?;
//! # Ok(()) }
//! ```

use std::fmt;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Refusal;
use crate::authz::property::{Disclosed, PropertiesOf, Write, received};
use crate::principal::Principal;
use crate::rejection::Rejection;

/// `application/json`.
impl IntoResponse for Disclosed {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.into_bytes()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// Makes answers that hold what the caller may see of values of one type. The [module](self) has an example.
pub struct Disclosure<T> {
    properties: PropertiesOf<T>,
    asked: Asked,
}

/// The caller, and what a refusal has to know of the request.
#[derive(Clone, Debug)]
struct Asked {
    caller: Option<Principal>,
    head: Parts,
}

impl Asked {
    async fn of<S: Sync>(head: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let caller =
            <Principal as OptionalFromRequestParts<S>>::from_request_parts(head, state).await?;
        Ok(Self { caller, head: head.clone() })
    }

    fn answer<T, E: Into<Rejection>>(&self, result: Result<T, E>) -> Result<T, Refusal> {
        result.map_err(|error| Refusal::new(error.into(), &self.head))
    }
}

impl<T: Serialize> Disclosure<T> {
    /// What the caller may see of a value.
    ///
    /// # Errors
    ///
    /// If the value does not serialize to what was declared: 500.
    pub fn of(&self, value: &T) -> Result<Disclosed, Refusal> {
        self.asked.answer(self.properties.disclose(self.asked.caller.as_ref(), value))
    }

    /// What the caller may see of several values: an array.
    ///
    /// # Errors
    ///
    /// If a value does not serialize to what was declared: 500.
    pub fn of_list(&self, values: &[T]) -> Result<Disclosed, Refusal> {
        self.asked.answer(self.properties.disclose_list(self.asked.caller.as_ref(), values))
    }
}

impl<S, T> FromRequestParts<S> for Disclosure<T>
where
    S: Send + Sync,
    PropertiesOf<T>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Ok(Self { properties: PropertiesOf::from_ref(state), asked: Asked::of(head, state).await? })
    }
}

/// A new object, of which the caller may give every field that he gave. The [module](self) has an example.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made to be taken apart in a handler's arguments")]
pub struct Accepted<T>(pub T);

impl<S, T> FromRequest<S> for Accepted<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    PropertiesOf<T>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (asked, properties, body) = body_of(request, state, Write::Create).await?;
        asked.answer(properties.accept(asked.caller.as_ref(), Write::Create, &body)).map(Self)
    }
}

/// A change, which is told only together with the object that it is to change: who may write a field can depend on whose
/// the object is.
///
/// ```no_run
/// # use serde::{Deserialize, Serialize};
/// # use tower_warden::authz::object::Permit;
/// # #[derive(Serialize)] struct Order;
/// # #[derive(Deserialize)] struct OrderChange;
/// # async fn load() -> Option<Order> { Some(Order) }
/// # async fn store(_: Permit<'_, Order, Update>, _: OrderChange) {}
/// use tower_warden::authz::object::{Guard, Update};
/// use tower_warden::frameworks::{axum::Refusal, axum::properties::Proposed};
///
/// async fn change(guard: Guard<Order>, proposed: Proposed<OrderChange>) -> Result<(), Refusal> {
///     let permit = guard.permit(Update, load().await).await?;
///     let change = proposed.to(permit.object())?;
///     store(permit, change).await;
///     Ok(())
/// }
/// ```
#[must_use = "a change that is not asked for is lost"]
pub struct Proposed<T> {
    properties: PropertiesOf<T>,
    asked: Asked,
    body: Bytes,
}

impl<T: DeserializeOwned> Proposed<T> {
    /// The change, where the caller may make it to `current`, the object as it is now: the one that is stored, not one from
    /// the request.
    ///
    /// # Errors
    ///
    /// If there is a field in it that he may not write, or the body is not a `T`: 400.
    pub fn to<O: Serialize + ?Sized>(self, current: &O) -> Result<T, Refusal> {
        let accepted =
            self.properties.accept_change(self.asked.caller.as_ref(), current, &self.body);
        self.asked.answer(accepted)
    }

    /// The change, where the caller may make it whosever the object is.
    ///
    /// # Errors
    ///
    /// As [`Proposed::to`]; a rule that asks whose the object is includes nobody.
    pub fn to_any(self) -> Result<T, Refusal> {
        let accepted =
            self.properties.accept(self.asked.caller.as_ref(), Write::Change, &self.body);
        self.asked.answer(accepted)
    }
}

impl<S, T> FromRequest<S> for Proposed<T>
where
    S: Send + Sync,
    PropertiesOf<T>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (asked, properties, body) = body_of(request, state, Write::Change).await?;
        Ok(Self { properties, asked, body })
    }
}

async fn body_of<S, T>(
    request: Request,
    state: &S,
    write: Write,
) -> Result<(Asked, PropertiesOf<T>, Bytes), Refusal>
where
    S: Sync,
    PropertiesOf<T>: FromRef<S>,
{
    let (mut head, body) = request.into_parts();
    let asked = Asked::of(&mut head, state).await?;
    let properties = PropertiesOf::<T>::from_ref(state);
    let body = received(properties.properties(), write, &asked.head, body).await;
    body.map(|body| (asked, properties, body)).map_err(|rejection| Refusal::new(rejection, &head))
}

impl<T> fmt::Debug for Disclosure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosure").field("properties", &self.properties).finish_non_exhaustive()
    }
}

/// Without the body: it is what the caller sent.
impl<T> fmt::Debug for Proposed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposed").field("properties", &self.properties).finish_non_exhaustive()
    }
}
