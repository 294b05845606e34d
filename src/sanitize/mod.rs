//! The outer skin of a service: nothing that went wrong inside is told outside.
//!
//! [`SanitizeLayer`] gives each request a [`CorrelationId`], catches panics, and replaces what failed handlers answer by
//! a problem document or gRPC status of fixed texts. What happened stays in the log, under the same id.
//!
//! # Rules
//!
//! 1. A panic while the inner service is called, or while its future is polled, becomes a 500 (gRPC: `INTERNAL`) with the
//!    reason `handler_panicked`. The panic's text goes to the log, escaped.
//! 2. A response with a status of 500 or more is replaced by a problem document with the same status. Of its header
//!    fields stay only those whose values come from configuration, and that a caller needs to act on a failure:
//!    `Retry-After`, the CORS permissions and `Vary` (without them a script sees no status at all), the rate limit
//!    fields, and the security headers of [`response_headers`](crate::response_headers). Everything else may
//!    tell of the inside. Extensions are dropped too: a server may write a reason phrase out of them.
//! 3. A 4xx response without a body, such as a router's own 404 and 405, gets the problem document of its status and
//!    keeps its header fields, such as `Allow`. A 4xx with a body is the application's own answer and stays.
//! 4. A gRPC response of status `UNKNOWN`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` or one that does not exist keeps its
//!    code, and loses its message, details and metadata, in the header section and in the trailers alike. A router's own
//!    HTTP error becomes a gRPC status when the caller speaks gRPC. The `retry-after` of an `UNAVAILABLE` stays, and its
//!    details are made anew of that number.
//! 5. A refusal of this crate's controls stays as it is, and so does a response marked [`SafeToShow`].
//! 6. Each response carries the id as `x-request-id`. A caller's own `x-request-id` is removed from the request: it could
//!    forge the log of another request.
//! 7. An answer to HEAD that this crate wrote has the header fields of the answer to GET, and no body.
//!
//! # What is not checked
//!
//! - A failure after the header section was sent: a body that panics or fails ends the connection or stream instead.
//! - Errors of the inner service, which pass through untouched, and panics in its `poll_ready`, which has no response.
//! - What a successful response, or a 4xx with a body, says.
//! - gRPC-Web bodies, which carry trailers as data: put this layer inside of the translating one.
//! - The process's panic hook, which by default prints the text of a panic unescaped to standard error, and
//!   `panic = "abort"`, which leaves nothing to catch.
//!
//! After a panic the service value that panicked may be called again by whoever owns it, as tower allows. Servers for
//! axum and tonic clone the service for each connection or request; state that clones share must survive a panic,
//! as a poisoned [`std::sync::Mutex`] does.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::sanitize::SanitizeLayer;
//!
//! # tokio_test_block_on(async {
//! let orders = SanitizeLayer::new().layer(service_fn(async |request: Request<()>| {
//!     let response = match request.uri().path() {
//!         "/orders" => Response::new(Full::from("three orders")),
//!         "/broken" => panic!("no table orders_2 at db-7"),
//!         _ => {
//!             let mut response = Response::new(Full::from("no route to db-7"));
//!             *response.status_mut() = StatusCode::BAD_GATEWAY;
//!             response
//!         }
//!     };
//!     Ok::<_, std::convert::Infallible>(response)
//! }));
//! let ask = |path| orders.clone().oneshot(Request::get(path).body(()).unwrap());
//!
//! let admitted = ask("/orders").await?;
//! assert_eq!(admitted.status(), StatusCode::OK);
//! assert!(admitted.headers().contains_key("x-request-id"));
//!
//! for (path, status) in [("/broken", StatusCode::INTERNAL_SERVER_ERROR), ("/upstream", StatusCode::BAD_GATEWAY)] {
//!     let refused = ask(path).await?;
//!     assert_eq!(refused.status(), status);
//!     assert_eq!(refused.headers()["content-type"], "application/problem+json");
//!     let body = refused.into_body().collect().await?.to_bytes();
//!     assert!(!String::from_utf8_lossy(&body).contains("db-7"));
//! }
//! # Ok::<_, std::convert::Infallible>(()) }).unwrap();
//! # fn tokio_test_block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

mod answer;
mod asked;
mod body;
mod future;
mod grpc;
mod panicked;
mod service;

pub(crate) use self::answer::{after_panic, judge, speaks_grpc};
pub(crate) use self::asked::{Asked, X_REQUEST_ID};
pub use self::body::SanitizedBody;
pub use self::future::SanitizeFuture;
pub(crate) use self::panicked::Panicked;
pub use self::service::{SanitizeLayer, Sanitized};
#[cfg(doc)]
use crate::rejection::CorrelationId;

/// Marks a failure as written for callers: a response with this in its extensions is not replaced.
///
/// It is a statement about every text in the response, header fields included. In an axum handler, return
/// `(StatusCode::BAD_GATEWAY, Extension(SafeToShow), "The bank does not answer.")`.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a marker; there is nothing to add to it")]
pub struct SafeToShow;

const CONTROL: &str = "sanitize";
