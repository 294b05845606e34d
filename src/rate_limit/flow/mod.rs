//! Business flows: steps that have to come in order, not too fast, and not too often (OWASP API6:2023).
//!
//! A shop is not harmed by many requests but by a script that buys everything in a second. A flow names the requests of one
//! undertaking, such as cart, address and payment, and holds each caller to their order.
//!
//! # Rules
//!
//! 1. A step is done when its answer tells of success: a status below 400 and, over gRPC, no failure in the head. A
//!    payment that failed can be repeated. [`counting_failures`](Flow::counting_failures) counts every answer instead.
//! 2. A step is admitted when all before it are done. A step may be repeated, which keeps what was reached. A step out of
//!    order is refused with 403: it will not be right later, so 429 would invite a repetition that cannot succeed.
//! 3. A step too soon after the one before is refused with 429, the problem type `abnormal-usage-detected` and a `Retry-After`
//!    ([`min_time_between`](Flow::min_time_between), [`step_after`](Flow::step_after)): people need time to read.
//! 4. From the first step, which may be repeated, the last one has to begin [`within`](Flow::within) an hour unless set
//!    otherwise. After that, the flow starts anew.
//! 5. The last step ends the flow, and one alone of a caller's can be under way: a second one is refused with 429, as in 3. It counts
//!    also when it ended without an answer, because the caller went away or the service failed: nobody knows then what
//!    was done, and a caller could otherwise hang up just before the answer to be counted never.
//! 6. [`completions`](Flow::completions) bounds how many flows a caller ends: beyond it the last step is refused with 429,
//!    whose `violated-policies` names the flow.
//! 7. A step by nobody, such as an anonymous one where the key is the principal, is refused: with 401 where a log-in helps.
//! 8. A request that is no step passes untouched. Paths are compared as the caller writes them, also within a nested
//!    router; HEAD is read as GET, as axum answers it. A path that might mean a step to a reader further in, such as one
//!    with a slash at its end, is that step; one that two readers could read differently (`//`, `/../`, `%2f`, `;`) is
//!    refused with 400.
//! 9. Memory is bounded. A flow under way is never given up for another one: when there is no room, first steps are
//!    refused with 503. A flow whose time has passed makes room.
//!
//! A caller has one flow of each name, and shares it among tabs, devices and sessions: what is done in one is done in the
//! others, the time between steps counts from the last step in any of them, and the end of the flow in one ends it in all.
//! A key that tells sessions apart gives each its own.
//!
//! # Where it goes
//!
//! By principal: inside a [`Warden`](crate::Warden), around the handlers.
//!
//! # What is not checked
//!
//! - What the requests say: that the cart which is paid for is the one that was filled, the handlers have to know.
//! - Outside an axum router, a pattern matches also the paths that a router further in gives to a more special route:
//!   `/orders/{id}` is a step for `/orders/new` too.
//! - A gRPC call that fails after its head, in a stream, counts as done.
//! - Callers with many identities have many flows.
//! - Flows live in this process's memory: a caller has to reach the same process with every step, and a restart forgets
//!   how far everybody was, and how often.
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::principal::{Principal, PrincipalKind};
//! use tower_warden::rate_limit::flow::Flow;
//! use tower_warden::rate_limit::{Key, Quota};
//!
//! # block_on(async {
//! let checkout = Flow::new("checkout", Key::principal())
//!     .step("cart", "POST /cart")
//!     .step("pay", "POST /pay")
//!     .completions(Quota::per_day(3))
//!     .build()?;
//! let shop = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! });
//! let service = checkout.layer(shop);
//! let post = |path: &str| {
//!     let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").build();
//!     service.clone().oneshot(Request::post(path).extension(ada).body(()).unwrap()) // a Warden finds out who it is
//! };
//!
//! assert_eq!(post("/pay").await?.status(), StatusCode::FORBIDDEN); // for what?
//! assert_eq!(post("/cart").await?.status(), StatusCode::OK);
//! assert_eq!(post("/pay").await?.status(), StatusCode::OK);
//! assert_eq!(post("/pay").await?.status(), StatusCode::FORBIDDEN); // that flow is over
//!
//! for _ in 0..2 {
//!     assert_eq!(post("/cart").await?.status(), StatusCode::OK);
//!     assert_eq!(post("/pay").await?.status(), StatusCode::OK);
//! }
//! assert_eq!(post("/cart").await?.status(), StatusCode::OK);
//! assert_eq!(post("/pay").await?.status(), StatusCode::TOO_MANY_REQUESTS); // three a day
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! # fn block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

mod builder;
mod gate;
mod progress;
mod steps;

pub use self::builder::Flow;
pub use self::gate::{FlowLayer, FlowPass};
