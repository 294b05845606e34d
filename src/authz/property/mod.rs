//! Property-level authorization: which fields of an object a caller may read, and which he may write. What is not declared
//! is hidden in answers and refused in requests.
//!
//! A declaration, [`Properties`], says for each [`Field`] of one type [`Who`] reads it, who sees it behind a [`Mask`], and
//! who gives it in a new object or in a change. Four things use it:
//!
//! | for | answers | requests |
//! |---|---|---|
//! | handlers of axum | `frameworks::axum::properties::Disclosure` | `Accepted`, `Proposed` in the same place |
//! | code of your own | [`Properties::disclose`] | [`Properties::accept`], [`Properties::accept_change`] |
//! | services whose types cannot change | [`DiscloseLayer`] | [`AcceptLayer`] |
//!
//! # Rules
//!
//! 1. A field is known by its exact name, after escapes: `is_admin` and `\u0069s_admin` are one, `IsAdmin` is another.
//! 2. A field holds a string, a number, a boolean, `null` or arrays of these. An object in it has a declaration of its own
//!    ([`Field::object`], [`Field::map`]), or the field is said to hold [`anything`](Field::anything), which is shown or
//!    written whole. Any other shape is refused: an answer with 500, a request with 400.
//! 3. An owner is issuer and subject. A field that is not there, there twice, `null`, a number or empty names nobody. Without
//!    a principal there is only what [`Who::everybody`] may do. Whose an object inside is says its own declaration, or, for
//!    a [part](PropertiesBuilder::part_of_the_object_around), the object around it.
//! 4. Who may write a field that decides on the owner could make the object his own: such a rule takes a scope or a role.
//!    A new object has no owner yet, so no rule for new objects may ask for one. Both are refused at start-up.
//! 5. In answers, values that stay are copied as they are written, in their order. A masked value is a string with `***`.
//! 6. A request body is read strictly (RFC 8259): UTF-8 without a byte order mark, one object, no member name twice at any
//!    depth, no half of a surrogate pair, at most 64 deep and [`body_limit`](PropertiesBuilder::body_limit) bytes long. It is
//!    handed on byte for byte.
//! 7. A field that the caller may not write and one that does not exist are refused alike: 400 (RFC 9110 15.5.1), with
//!    nothing about the field in the answer. The log has the names. Leaving a field out of a change is no writing; `null`
//!    is.
//! 8. [`AcceptLayer`] takes `application/json`, and for changes `application/merge-patch+json` (RFC 7396); anything else,
//!    JSON Patch (RFC 6902) and encoded bodies included, is 415. A body that is too large is 413. Method override fields are
//!    refused: a rule for POST is none for PATCH. A request without a body passes.
//! 9. [`DiscloseLayer`] answers 500 in place of what it cannot filter: other media types (unless
//!    [expressly let through](DiscloseLayer::insecure_pass_unfiltered)), several or none, encoded bodies, parts of a range,
//!    bodies beyond the limit or broken off, undeclared shapes, a declared field twice. Empty answers pass, and so do those
//!    from 400 on, problem documents among them.
//! 10. The filtered answer has the `Content-Length` of what it is, and where something was left out no `ETag` and no digest
//!     of the whole. An answer 304 has an `ETag` only if the caller named it. An answer for a known caller gets `Cache-Control: no-store`, unless it is private already.
//!
//! # What is not checked
//!
//! Whether the caller may use the object at all: that is the object level. gRPC and other formats than JSON, event streams
//! and JSON lines among them: the layers refuse them, and messages of protocol buffers have types of their own for each
//! audience. Fields that a query, a path, a form or a header field writes. What error answers say. The values of fields,
//! which the type or the handler checks. How long a body may take to arrive: set a time limit on the connection. What goes
//! away because it is not there any more: a handler that takes the body of a PUT for the whole object resets what it leaves
//! out, and whoever may change a field that holds objects takes them away with `null`, or with an array without them, with all
//! that he may not write in them.
//!
//! # Deployment
//!
//! Put [`DiscloseLayer`] inside of compression and around the handlers of one type, inside the authentication layer: both
//! layers find the caller in the request. What a PUT sends back unchanged it still writes: with read-only fields in it, it
//! is refused, so prefer PATCH. A declared field may tell of a hidden one: sort orders, filters and error texts too.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use bytes::Bytes;
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_warden::authz::property::{AcceptLayer, DiscloseLayer, Field, Mask, Owner, Properties, Who};
//! use tower_warden::gate::Body;
//! use tower_warden::principal::{Principal, PrincipalKind};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let order = Properties::builder("Order")
//!     .owner(Owner::subject("https://issuer.example", "owner"))
//!     .field(Field::new("id").read(Who::authenticated()))
//!     .field(Field::new("item").read(Who::authenticated()).write(Who::scope("orders:write")))
//!     .field(Field::new("email").read(Who::owner()).masked(Mask::Email, Who::authenticated()))
//!     .field(Field::new("owner").read(Who::role("admin")))
//!     .build()?;
//! println!("{order}"); // a table: field, read, masked, create, change
//!
//! // A service that answers with everything it has.
//! let orders = service_fn(async |_request: Request<Body<Full<Bytes>>>| {
//!     let all = r#"{"id": 7, "item": "a loom", "email": "jane@example.com", "owner": "jane", "margin": 0.4}"#;
//!     let response = Response::builder().header("content-type", "application/json");
//!     response.body(Full::<Bytes>::from(all))
//! });
//! let service = DiscloseLayer::new(&order).layer(AcceptLayer::create(&order).layer(orders));
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! // The authentication layer leaves the principal in the request.
//! let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").scope("orders:write").build();
//! let place = |body: &'static str| {
//!     let request = Request::post("/orders").header("content-type", "application/json").extension(ada.clone());
//!     request.body(Full::<Bytes>::from(body))
//! };
//! let admitted = service.clone().oneshot(place(r#"{"item": "a loom"}"#)?).await?;
//! let seen = admitted.into_body().collect().await?.to_bytes();
//! assert_eq!(seen, r#"{"id": 7, "item": "a loom", "email": "j***@example.com"}"#);
//!
//! let refused = service.oneshot(place(r#"{"item": "a loom", "owner": "ada"}"#)?).await?;
//! assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
//! # Ok(()) })
//! # }
//! ```

mod accept_future;
mod accept_layer;
mod answer;
mod asked;
mod builder;
mod collect;
mod disclose_future;
mod disclose_layer;
mod error;
mod field;
mod filter;
mod json;
mod mask;
mod media_type;
mod object;
mod owner;
mod properties;
mod who;
mod write;

pub use self::accept_future::AcceptFuture;
#[cfg(feature = "axum")]
pub(crate) use self::accept_future::received;
pub use self::accept_layer::{AcceptLayer, Accepting};
pub use self::builder::PropertiesBuilder;
pub use self::disclose_future::DiscloseFuture;
pub use self::disclose_layer::{DiscloseLayer, Disclosing};
pub use self::error::{AcceptError, DisclosureError, Malformation, RefusedNames};
pub use self::field::Field;
pub use self::mask::Mask;
pub use self::owner::Owner;
pub use self::properties::{Disclosed, Properties, PropertiesOf};
pub use self::who::Who;
pub use self::write::Write;

/// The name of the control in logs.
const CONTROL: &str = "properties";
