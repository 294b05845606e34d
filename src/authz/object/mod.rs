//! Object-level authorization: whether this caller may do this to this very object.
//!
//! A rule says who may read orders; whose order it is, only the data can tell. An [`ObjectPolicy`] decides that, and a
//! handler asks it through a [`Guard`]. What the guard permits comes back as a [`Permit`], which a repository can demand:
//! then the check cannot be forgotten, comes before the write, and is for the object that is written.
//!
//! | a handler | asks | gets |
//! |---|---|---|
//! | uses one object | [`Guard::permit`], [`Guard::check`] | a [`Permit`], nothing |
//! | writes to many, all or none | [`Guard::permit_all`] | permits |
//! | writes to those of many that it may | [`Guard::permit_allowed`] | permits |
//! | answers a list | [`Guard::filter`], [`Guard::filter_pages`], [`Guard::filter_stream`] | what the caller may see |
//! | lets the database filter | [`Guard::constraint`] | a [`QueryScope`] |
//! | offers something or not | [`Guard::allows`] | yes or no |
//!
//! # Rules
//!
//! 1. The policy sees the caller as it was authenticated, the action and the object: nothing else of the request. The tenant
//!    is the principal's ([`Principal::tenant`](crate::Principal::tenant)); one that a path or a header field names has no say.
//! 2. A denial is 403, or 404 where the caller may not know of the object, as the policy decides. An object that is absent
//!    (`None`) is answered like a hidden one: the same status, header fields and body, in HTTP and gRPC. Among many objects,
//!    one that is absent or hidden is told before one that is forbidden.
//! 3. An error, a panic, and an answer that takes longer than [`CHECK_TIME_LIMIT`](super::CHECK_TIME_LIMIT) deny with 403;
//!    a backend that is down denies with 503 and `Retry-After`. So does a list: all of it, for a part would look like the
//!    whole. Leaving an item out of a list is no denial. One limit counts for all items of a list.
//! 4. A policy is asked about many objects at once ([`ObjectPolicy::judge_all`]), by default one after the other. An answer
//!    that does not have exactly one decision for each object denies all.
//! 5. A permit and a scope come from a guard alone, name type and action, are not cloned, changed or converted, and do not
//!    outlive their guard. Compile-fail tests keep it so.
//! 6. A check counts for the tripwire of a rule only if it is of the type and the action that the rule declares. A denial
//!    of any type counts against the request; an empty list permits nothing.
//! 7. A denial is logged once, where it happens: with action, type, rule, reason and the caller's request id.
//!
//! # What is not checked
//!
//! - That a handler answers what it asked about. Who filters or verifies one list and answers another is not seen; a
//!   repository that demands a proof leaves little room for it.
//! - A handler's own 404. Beside that of a hidden object it has another body and tells the two apart: give the guard what the
//!   look-up found, `None` included.
//! - What an object becomes. The policy sees it as it is before a change: where a change may move it to another owner or
//!   tenant, ask with [`Create`] for the changed one too. Nor that it is still the same when the write arrives: keep its
//!   version or its owner in the condition of the write.
//! - Objects behind locks and cells: they can be changed through a shared reference, also inside a permit.
//! - Time. A hidden object is looked up and judged, an absent one is looked up only; with a policy that asks a backend the
//!   difference can be measured, and while the backend is down a hidden object is a 503 and an absent one still a 404. Where
//!   that matters, put the tenant into the look-up itself (a [`QueryScope`]), so that both are absent.
//! - How long a list is: it is in memory already. After each 1,024 objects that a policy judges without waiting, other tasks
//!   get their turn. Bound what is fetched; [`Guard::filter_pages`] bounds the pages.
//! - A panic where panics abort, and a policy that blocks its thread: its time limit does not stop it.
//!
//! A guard that a handler keeps, or gives to a task, goes on speaking for the caller of its own request, and its checks
//! count for that request alone.
//!
//! ```
//! use axum::{Router, body::Body, extract::Path, routing::delete};
//! use http::{Request, StatusCode};
//! use tower::{Layer, ServiceExt};
//! use tower_warden::authz::object::{ActionKind, Decision, Delete, Denied, Guard, Permit};
//! use tower_warden::authz::{Rules, RulesLayer, scope};
//! use tower_warden::principal::{Principal, PrincipalKind};
//!
//! struct Order {
//!     id: u64,
//!     tenant: &'static str,
//!     owner: &'static str,
//! }
//!
//! /// Owners may; colleagues may know of it, other tenants may not.
//! fn order_policy(caller: &Principal, _: ActionKind, order: &Order) -> Decision {
//!     match caller.tenant() == Some(order.tenant) {
//!         true if caller.subject() == order.owner => Decision::Allow,
//!         true => Decision::Forbid,
//!         false => Decision::Hide,
//!     }
//! }
//!
//! mod repository {
//!     # use super::{Delete, Order, Permit};
//!     pub async fn find(id: u64) -> Option<Order> {
//!         let owner = if id == 1 { "ada" } else { "eve" };
//!         let tenant = if id == 3 { "bolt" } else { "acme" };
//!         (id < 4).then_some(Order { id, tenant, owner })
//!     }
//!
//!     /// Cannot be called without the check, nor with another order.
//!     pub async fn delete(permit: Permit<'_, Order, Delete>) -> String {
//!         format!("deleted {}", permit.id)
//!     }
//! }
//!
//! async fn cancel(guard: Guard<Order>, Path(id): Path<u64>) -> Result<String, Denied> {
//!     let permit = guard.permit(Delete, repository::find(id).await).await?;
//!     Ok(repository::delete(permit).await)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rules = Rules::builder()
//!     .object_policy(order_policy)
//!     .delete("/orders/{id}", scope("orders:write").serving::<Order>().by(Delete))
//!     .build()?;
//! let app = RulesLayer::new(rules).layer(Router::new().route("/orders/{id}", delete(cancel)));
//!
//! // The authentication layer leaves the principal in the request.
//! let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer")
//!     .tenant("acme")
//!     .scope("orders:write")
//!     .build();
//! let ask = |path| {
//!     let request = Request::delete(path).extension(ada.clone()).body(Body::empty());
//!     app.clone().oneshot(request.unwrap())
//! };
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! assert_eq!(ask("/orders/1").await?.status(), StatusCode::OK);
//! assert_eq!(ask("/orders/2").await?.status(), StatusCode::FORBIDDEN); // of a colleague
//! assert_eq!(ask("/orders/3").await?.status(), StatusCode::NOT_FOUND); // of another tenant
//! assert_eq!(ask("/orders/4").await?.status(), StatusCode::NOT_FOUND); // of nobody
//! # Ok(()) })
//! # }
//! ```

mod action;
mod checks;
mod denied;
mod guard;
mod judge;
mod lists;
mod pages;
mod permit;
mod policies;
mod policy;
mod query;
mod question;
mod rulings;
mod served;
mod skips;
mod stream;

pub use self::action::{Action, ActionKind, Create, Delete, Read, Update};
pub(crate) use self::checks::Checks;
pub(in crate::authz) use self::checks::Lapse;
pub(crate) use self::denied::Asker;
pub use self::denied::Denied;
pub use self::guard::Guard;
pub use self::pages::{Filtered, Page, Paging};
pub use self::permit::Permit;
pub(in crate::authz) use self::policies::{ObjectPolicies, Registered};
pub use self::policy::{Decision, ObjectPolicy, Ruling};
pub use self::query::{Bounds, QueryPolicy, QueryScope};
pub use self::rulings::Rulings;
pub use self::served::Served;
pub use self::skips::SkippedCheck;
pub(in crate::authz) use self::skips::Skips;

#[cfg(test)]
mod tests;
