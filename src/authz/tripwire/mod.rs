//! The tripwire: no success leaves a route that serves objects unless the object was checked.
//!
//! A handler that forgets the object check is the first risk in the OWASP API list (API1:2023). A rule that says
//! [`serving`](crate::authz::Policy::serving) makes the check part of the answer: what the request's
//! [`Guard`](crate::authz::object::Guard)s were asked is remembered, and an answer that tells of success leaves only if that
//! covers it. [`RulesLayer`](crate::authz::RulesLayer) and [`Warden`](crate::Warden) have the tripwire behind them; there is
//! nothing to add, and no way to have the rules without it.
//!
//! # Rules
//!
//! 1. An answer below 400 (200, 204, a redirect, 304, 101) leaves a rule with `serving::<T>()` only if a check allowed
//!    something on a `T`; where the rule says [`by`](crate::authz::Access::by), that very action. With `serving_list_of` only
//!    if a list was filtered, or what a constrained query found was verified: the check of one object is not enough, nor is
//!    the constraint, unless the rule says [`by_proved_constraint`](crate::authz::Access::by_proved_constraint). Checks of other types do not count.
//! 2. After a denial no success leaves, whatever else was allowed and of whatever type it was: the handler swallowed it. Ask
//!    with [`allows`](crate::authz::object::Guard::allows) where a denial is no reason to refuse. A check of one object that was
//!    begun and given up, behind a time limit of the handler's own for one, is a denial too.
//! 3. [`skip`](crate::authz::object::Guard::skip) stands for the check, not for a denial. Its reasons are counted for each rule:
//!    [`Rules::skipped_checks`](crate::authz::Rules::skipped_checks).
//! 4. What does not leave is dropped whole: status, header fields, extensions, and the body without another poll. In its
//!    place: 500 with the reason `authz_not_performed`; after a denial, with the reason `authz_denial_swallowed`, the answer that
//!    the denial itself would have been, because a 500 for an object of somebody else, beside the handler's 404 for one
//!    that does not exist, would tell the two apart. Over gRPC both are statuses. Each is logged as an error at the target
//!    `tower_warden::authz`, with the rule and the correlation id: whatever the caller is told, it is a bug of the handler.
//! 5. Answers of 400 and above pass, and so do gRPC calls that failed: a `grpc-status` other than 0 in the head, with an
//!    empty body, or in trailers.
//! 6. A body whose size is known is judged with the head. A body that streams is held until its first frame is there,
//!    unless the check was done before: neither head nor frame leaves without it. A stream that ends, or fails, before its
//!    first frame is judged like any answer. After that it stays watched: when a check is denied, and the stream does not end
//!    with that error itself, no further frame leaves. An HTTP body ends with [`TripwireError::Cut`], which aborts the
//!    transfer; a gRPC stream ends with the status of the denial. This is so at the stream's end, too.
//!    A stream that was denied something and is to fail has to do so with its next frame: one that reads ahead, as tonic does
//!    with messages that are there at once, loses what it had not sent.
//! 7. HEAD is GET. Rules inside of rules, as with a `RulesLayer` inside a `Warden`: a check counts for all of them.
//! 8. Errors of the inner service, panics and dropped requests are as without the tripwire.
//!
//! # What is not checked
//!
//! - **What was done before the answer.** The tripwire is the last line: when it acts, the order is deleted already, and a
//!   mail or a message is on its way. Before the write acts only the type: a repository that takes a
//!   [`Permit`](crate::authz::object::Permit) cannot be called without the check.
//! - That the object which was checked is the one in the answer: another one of the same type will do.
//! - What an answer of 400 and above says, in its body, its header fields or its gRPC metadata.
//! - What leaves on another way: after an upgrade (101, CONNECT), in a background task, in a log.
//! - Frames of a body with a known size after the head has left; trailers of a gRPC call that failed.
//! - Routes of rules that say nothing about objects: `Warden`'s posture lists those with a parameter in their path
//!   (`objects undeclared`), and [`demand_declared_objects`](crate::authz::RulesBuilder::demand_declared_objects) refuses them
//!   at start-up. Public routes, which have no caller to ask for.
//!
//! # Deployment caveat
//!
//! A stream that says nothing for long, such as server-sent events, has to be checked before the handler returns it:
//! otherwise its caller waits for the head until the first frame. For a service that runs already, the rules can be tried
//! with [`insecure_report_unchecked_objects`](crate::authz::RulesLayer::insecure_report_unchecked_objects): everything leaves,
//! and what would not is in the log.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::authz::object::{ActionKind, Guard, ObjectPolicy, Read, Ruling};
//! use tower_warden::authz::{Rules, RulesLayer, scope};
//! use tower_warden::principal::{Principal, PrincipalKind};
//!
//! struct Order {
//!     owner: &'static str,
//! }
//!
//! struct OwnersOnly;
//!
//! impl ObjectPolicy<Order> for OwnersOnly {
//!     fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
//!         (caller.subject() == order.owner).into()
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rules = Rules::builder()
//!     .object_policy(OwnersOnly)
//!     .get("/orders/{id}", scope("orders:read").serving::<Order>())
//!     .get("/drafts/{id}", scope("orders:read").serving::<Order>())
//!     .build()?;
//! let service = RulesLayer::new(rules).layer(service_fn(async |request: Request<()>| {
//!     let answer = Response::new(Full::from("a loom"));
//!     if request.uri().path().starts_with("/drafts") {
//!         return Ok::<_, Infallible>(answer); // forgot to ask
//!     }
//!     let order = Order { owner: "ada" };
//!     let Ok(guard) = Guard::<Order>::of(request.extensions()) else { return Ok(Response::default()) };
//!     match guard.permit(Read, order).await {
//!         Ok(_order) => Ok(answer),
//!         Err(denied) => Ok(denied.into_http().map(Full::new)),
//!     }
//! }));
//! let ask = |path: &str, subject: &str| {
//!     let caller = Principal::builder("https://issuer.example", subject, PrincipalKind::User, "Bearer");
//!     let request = Request::get(path).extension(caller.scope("orders:read").build()).body(());
//!     service.clone().oneshot(request.unwrap())
//! };
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! assert_eq!(ask("/orders/7", "ada").await?.status(), StatusCode::OK);
//! assert_eq!(ask("/orders/7", "eve").await?.status(), StatusCode::NOT_FOUND);
//! // Nobody asked whose draft it is, so not even its owner gets it.
//! assert_eq!(ask("/drafts/7", "ada").await?.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok::<_, Infallible>(()) })?;
//! # Ok(()) }
//! ```

mod body;
mod held;
mod service;
mod watch;

pub use self::body::{TripwireBody, TripwireError};
pub(crate) use self::held::Held;
pub use self::service::{Tripwire, TripwireFuture};
pub(crate) use self::watch::{Judged, Watch};
