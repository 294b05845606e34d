//! Casbin policies, as rules and as object policies. You bring the enforcer.
//!
//! [`Casbin`] takes a closure that asks an `Enforcer` of the crate [casbin](https://docs.rs/casbin), and gives route policies
//! ([`Casbin::policy`], [`Casbin::route_policy`]) and object policies ([`Casbin::objects`]). This crate does not depend on
//! casbin itself: what casbin depends on has an advisory that this project does not excuse. `docs/casbin.md` says which, how
//! the two are put together, and when to use casbin at all.
//!
//! # Rules
//!
//! 1. The subject is issuer and subject, as [`caller_id`](crate::authz::caller_id) writes them. Roles of a token are
//!    [`role_id`]s. No caller can be called like a role, nor like a group without `|`.
//! 2. The domain is the caller's tenant, never one that a request names. Whoever has none is denied where the closure asks for
//!    it.
//! 3. An object of another tenant is hidden before the enforcer is asked.
//! 4. An error of the enforcer, or a panic, denies: 403, under `not` too.
//! 5. An enforcer is tried out before it is used: one that fails, or that allows a stranger something that no policy names, is
//!    refused.
//!
//! # What is not checked
//!
//! What policies say; that a line of a policy is one the model knows, for casbin passes over those that are not; how long a
//! matcher runs, for casbin sets its interpreter no limits. Policies are programs of whoever operates the service: do not take
//! them from callers.
//!
//! ```
//! use tower_warden::Principal;
//! use tower_warden::authz::casbin::Casbin;
//! use tower_warden::authz::Rules;
//! # struct Enforcer; // stands for casbin's own
//! # impl Enforcer {
//! #     fn enforce(&self, request: (&str, &str, &str)) -> Result<bool, std::fmt::Error> {
//! #         Ok(request == ("https://issuer.example|ada", "orders", "list"))
//! #     }
//! # }
//! # let enforcer = Enforcer;
//!
//! let casbin = Casbin::new(move |ask| {
//!     Ok(enforcer.enforce((ask.subject(), ask.object(), ask.action()))?)
//! })?;
//! let rules = Rules::builder().get("/orders", casbin.policy("orders", "list")).build()?;
//! assert_eq!(rules.iter().next().map(ToString::to_string).as_deref(), Some("GET /orders: check(casbin orders list)"));
//!
//! // One that allows everybody everything is refused.
//! assert!(casbin.reload(|_| Ok(true)).is_err());
//! # Ok::<_, tower_warden::ConfigError>(())
//! ```

mod ask;
mod handle;
mod resource;

pub use self::ask::{Ask, NoTenant, role_id};
pub use self::handle::{Answer, Casbin};
pub use self::resource::{CasbinObjects, Resource};
