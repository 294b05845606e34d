//! Authorization at three levels. This page is about the first, which principal may call which route: what is not declared
//! is refused.
//!
//! | whether this caller may | is said by | page |
//! |---|---|---|
//! | call this route | [`Rules`] | this one; proof that no route was forgotten: `frameworks::axum::routes`, [`Rules::prove_grpc`] |
//! | do this to this object | an [`ObjectPolicy`](object::ObjectPolicy) | [`object`]; the [`tripwire`] withholds what was not checked |
//! | see or set this field | [`Properties`](property::Properties) | [`property`] |
//!
//! [`scope_use`] tells which grants nobody uses, and with the features `cedar` and `casbin` policies can be kept outside of the
//! code.
//!
//! [`Rules`] say for each method and path pattern who may use it: everybody, for a stated reason ([`public`]), or those
//! whom a [`Policy`] allows. [`RulesLayer`] asks them; it goes inside the authentication layer.
//!
//! # Rules
//!
//! 1. A route or method that is not declared is refused with 403, and the inner service is not called. A rule for GET
//!    covers HEAD, as axum answers it, unless HEAD has a rule of its own. Everything else, OPTIONS too, is declared.
//! 2. Patterns have axum 0.8's syntax and are matched by the same matcher on the same undecoded path, as the layer sees
//!    it: with the prefix around a nested router, without it inside. Method override headers have no say.
//! 3. A path that two readers could read differently is refused with 400 before any rule is looked up: dot segments,
//!    empty segments, backslash, `;`, control and non-ASCII bytes, escapes that are malformed, that are no UTF-8, or
//!    that stand for a delimiter, a percent sign, a control character or a letter, digit, `.`, `-`, `_`.
//! 4. Inside an axum router, a route that axum matched and the rules know by the same pattern must be the one that the
//!    rules found; otherwise 500.
//! 5. Without a principal, a route that is not public is refused: 401 with the challenges of the authentication layer,
//!    or 500 when no such layer ran and nobody left a [`Principal`](crate::principal::Principal) in the request.
//! 6. A denial is 403. It carries a challenge only for a missing scope, and then names what to ask for (RFC 6750 3.1).
//! 7. A check that fails, takes too long or panics admits nobody, under `not` neither: 403, or 503 when it says that
//!    something it asks is down. In [`all_of`] a denial counts before a failure, and a failure before an allowance; in
//!    [`any_of`] an allowance counts before a failure. The order of the parts does not change who is let in.
//! 8. [`fresh`] and [`acr`] ask a person to log in again: 401 `insufficient_user_authentication` with what is asked for
//!    (RFC 9470 3), where nothing else stands in the way. In [`all_of`] every other denial and every failure is told before
//!    it; in [`any_of`] it is told before other denials, for it names a way in. A principal that is no person gets 403. Under
//!    [`not`] they are refused at start-up: who does not say how it was authenticated would be let in.
//! 9. Rules can share a prefix and a policy ([`RulesBuilder::group`]), and can be for one host
//!    ([`RulesBuilder::host`]) or one version of the service ([`RulesBuilder::version`]) alone. A request to a host or
//!    version that has a section is decided by that section, and by nothing else. One whose host or version two readers
//!    could read differently is refused with 400, and one for a version without a section with 403.
//!
//! # What is not checked
//!
//! Whether the principal may use the very object that the path names: rules see the route, not the data. A handler asks a
//! [`Guard`](object::Guard), and for rules that say what they serve the [tripwire] sees to it. Routes that a
//! layer does not cover: `Router::layer` of axum leaves out routes added after it, so put this layer around the finished
//! router, or let `Warden::guard_routes` prove at start-up that every route has a rule. A layer that rewrites the path in
//! between makes the rules read another path than the router. Characters that Unicode normalization makes alike are
//! different characters here. A panic is caught only where panics unwind, and a check that blocks its thread is not
//! stopped by its time limit.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_warden::authz::{Rules, RulesLayer, all_of, not, public, role, scope};
//! use tower_warden::principal::{Principal, PrincipalKind};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rules = Rules::builder()
//!     .get("/health", public("load balancer probe"))
//!     .get("/orders/{id}", scope("orders:read"))
//!     .post("/orders", all_of([scope("orders:write"), not(role("suspended"))]))
//!     .grpc("/orders.v1.Orders/Get", scope("orders:read"))
//!     .build()?;
//! for rule in rules.iter() {
//!     println!("{rule}"); // GET /orders/{id}: scope(orders:read)
//! }
//!
//! let hello = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! });
//! let service = RulesLayer::new(rules).layer(hello);
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! // The authentication layer leaves the principal in the request.
//! let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").scope("orders:read").build();
//! let as_ada = |method, path| Request::builder().method(method).uri(path).extension(ada.clone()).body(());
//!
//! let admitted = service.clone().oneshot(as_ada("GET", "/orders/7")?).await?;
//! assert_eq!(admitted.status(), StatusCode::OK);
//!
//! let not_granted = service.clone().oneshot(as_ada("POST", "/orders")?).await?;
//! assert_eq!(not_granted.status(), StatusCode::FORBIDDEN);
//!
//! let not_declared = service.oneshot(as_ada("GET", "/admin")?).await?;
//! assert_eq!(not_declared.status(), StatusCode::FORBIDDEN);
//! # Ok(()) })
//! # }
//! ```

mod access;
mod builder;
#[cfg(any(feature = "casbin", feature = "cedar"))]
mod caller_id;
#[cfg(feature = "casbin")]
pub mod casbin;
#[cfg(feature = "cedar")]
pub mod cedar;
mod check;
pub(crate) mod coverage;
mod decision;
mod demands;
mod grants;
pub(crate) mod groups;
mod host;
mod layer;
pub mod object;
mod policy;
pub mod property;
mod request_facts;
mod rules;
pub mod scope_use;
mod sections;
mod step_up;
pub mod tripwire;
mod version;

pub use self::access::{Access, public};
pub use self::builder::RulesBuilder;
#[cfg(any(feature = "casbin", feature = "cedar"))]
pub use self::caller_id::caller_id;
pub use self::check::PolicyError;
use self::grants::Grants;
pub use self::layer::{RulesGate, RulesLayer, RulesPass};
pub use self::policy::{
    CHECK_TIME_LIMIT, Policy, all_of, any_of, authenticated, check, check_async,
    check_async_within, not, role, scope, tenant_in_path,
};
pub use self::request_facts::RequestFacts;
pub use self::rules::{Rule, Rules};
pub use self::step_up::{acr, fresh, fresh_by};
pub use self::version::VersionBy;
