//! Cedar policies, as rules and as object policies, judged by the crate [cedar-policy](https://docs.rs/cedar-policy).
//!
//! A [`Cedar`] is policies and a schema that were checked against each other. It gives route policies ([`Cedar::policy`],
//! [`Cedar::policy_in_context`]) and object policies ([`Cedar::objects`]), and takes other policies while requests run
//! ([`Cedar::reload`]). `docs/cedar.md` says when to use it, and when not.
//!
//! # Rules
//!
//! 1. Policies, schema and what is asked of them are checked at start-up, with Cedar's validator. A warning refuses as an error
//!    does.
//! 2. A caller is the entity `User`, `Machine` or `App` with the id that [`caller_id`](crate::authz::caller_id) writes: issuer
//!    and subject. It has those of these attributes that the schema declares: `acr`, `client_id`, `issuer`, `kind`, `plan`,
//!    `subject`, `tenant` (`String`, left out where it is not known), `roles` and `scopes` (`Set<String>`), and claims that the
//!    builder names. It is a member of its roles, where the schema has it `in [Role]`.
//! 3. Requests, callers and resources are checked against the schema whenever they are made. What does not fit denies.
//! 4. A policy that fails while it is evaluated denies, even where another one permits: Cedar passes over a policy that fails,
//!    and it may be the one that forbids. Under [`not`](crate::authz::not) it denies too.
//! 5. An object that Cedar denies is hidden (404), unless [`CedarObjectsBuilder::forbid`] is asked for.
//! 6. A reload that is not good in every respect changes nothing. Each decision is made by one version.
//!
//! # What is not checked
//!
//! What the policies say. An action that no policy permits is no problem of the configuration. A route policy and an object
//! policy of one request are two decisions, and may see two versions. How long policies take: Cedar has no loops, and its work
//! grows with the number of policies.
//!
//! # What is remembered
//!
//! The entities of up to 1024 callers ([`CedarBuilder::remember_callers`]), and what [`Cedar::policy`] decided about them: it
//! depends on the caller alone. They belong to one version and to exactly one set of roles, scopes, claims and so on; a token
//! that differs in anything is looked at anew.
//!
//! The features of `cedar-policy` for addresses, decimals and dates are off. To use them in policies, depend on the crate and
//! turn them on; features add up.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_warden::authz::cedar::Cedar;
//! use tower_warden::authz::{Rules, RulesLayer};
//! use tower_warden::principal::{Principal, PrincipalKind};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cedar = Cedar::builder()
//!     .service("Service", "orders")
//!     .schema(
//!         "entity Role;
//!          entity User in [Role] { scopes: Set<String> };
//!          entity Service;
//!          action listOrders appliesTo { principal: [User], resource: [Service] };",
//!     )
//!     .policies(
//!         r#"permit (principal, action == Action::"listOrders", resource) when { principal.scopes.contains("orders:read") };
//!            forbid (principal in Role::"suspended", action, resource);"#,
//!     )
//!     .build()?;
//! let rules = Rules::builder().get("/orders", cedar.policy("listOrders")?).build()?;
//!
//! let hello = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! });
//! let service = RulesLayer::new(rules).layer(hello);
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let ada = || Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").scope("orders:read");
//! let asked_by = |who: Principal| Request::get("/orders").extension(who).body(());
//!
//! let admitted = service.clone().oneshot(asked_by(ada().build())?).await?;
//! assert_eq!(admitted.status(), StatusCode::OK);
//!
//! let forbidden = service.oneshot(asked_by(ada().role("suspended").build())?).await?;
//! assert_eq!(forbidden.status(), StatusCode::FORBIDDEN);
//! # Ok(()) })
//! # }
//! ```

mod attributes;
mod builder;
mod callers;
mod checks;
mod engine;
mod handle;
mod resource;
mod schema;

pub use self::attributes::Attributes;
pub use self::builder::CedarBuilder;
pub use self::handle::Cedar;
pub use self::resource::{CedarObjects, CedarObjectsBuilder, Resource};
