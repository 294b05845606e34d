//! How many requests of one caller may be under way at once.
//!
//! A bucket counts how often somebody asks; it does not see that a caller keeps a hundred slow requests open. This limit
//! does: a request takes a place, and gives it back when its answer has ended.
//!
//! # Rules
//!
//! 1. A place is held from the request's head until the body of the answer has ended, streams included. It is given back
//!    at once when the inner service fails or panics, when the body fails, and when the future or the body is dropped
//!    because the caller went away.
//! 2. A request beyond the limit is refused with 429 and the problem type `quota-exceeded`, whose `violated-policies` names
//!    the limit, or with `RESOURCE_EXHAUSTED` over gRPC. Nobody waits in a queue: who waits holds memory.
//! 3. `Retry-After` is a constant, 1 s unless set: nobody knows when a request will end. The `RateLimit` field therefore says
//!    `r=0` and no time; the unit of both fields is `concurrent-requests`
//!    (draft-ietf-httpapi-ratelimit-headers-10, 3.1.2).
//! 4. Beyond [`overall`](ConcurrencyLimitBuilder::overall), all callers' requests together, the answer is 503 of the
//!    problem type `temporary-reduced-capacity`: no caller did anything wrong. A request that either limit refuses takes no place in the other.
//! 5. Memory is bounded by what is under way: a key without requests is forgotten.
//!
//! # Where it goes
//!
//! By address: inside [`ClientAddressLayer`](crate::client_address::ClientAddressLayer) and outside a
//! [`Warden`](crate::Warden), so that authentication is spared what is refused. By principal: inside the Warden, around the
//! handlers. Outside whatever compresses or buffers, a place is held as long as the answer takes to leave.
//!
//! # What is not checked
//!
//! - Every process counts alone: three processes admit three times as many.
//! - An answer has ended when the server has taken its body, not when the client has read it: what lies in the buffers of
//!   the server and the operating system is not seen.
//! - A connection that was upgraded (WebSocket, CONNECT) outlives its answer, and holds no place.
//! - A request that a key knows nobody for, such as an anonymous one by principal, takes a place of the overall limit alone.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::BodyExt;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::client_address::ClientAddress;
//! use tower_warden::rate_limit::concurrency::ConcurrencyLimitLayer;
//!
//! # block_on(async {
//! let report = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::new(bytes::Bytes::from("a long report"))))
//! });
//! let service = ConcurrencyLimitLayer::by_address("reports", 1).build()?.layer(report);
//! let from = |address: &str| {
//!     let mut request = Request::new(());
//!     request.extensions_mut().insert(ClientAddress::new(address.parse().unwrap())); // ClientAddressLayer does this
//!     request
//! };
//!
//! let admitted = service.clone().oneshot(from("192.0.2.1")).await?;
//! assert_eq!(admitted.status(), StatusCode::OK);
//! // Its body was not read yet: the request is still under way.
//! let refused = service.clone().oneshot(from("192.0.2.1")).await?;
//! assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(refused.headers()["ratelimit-policy"], r#""reports";q=1;qu="concurrent-requests""#);
//! assert_eq!(service.clone().oneshot(from("192.0.2.2")).await?.status(), StatusCode::OK); // somebody else
//!
//! admitted.into_body().collect().await?;
//! assert_eq!(service.oneshot(from("192.0.2.1")).await?.status(), StatusCode::OK);
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! # fn block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

mod builder;
mod gate;
mod places;

pub use self::builder::ConcurrencyLimitBuilder;
pub use self::gate::{ConcurrencyLimitGate, ConcurrencyLimitLayer, InFlight};
pub(in crate::rate_limit) use self::places::Place;
