//! The whole stack in the right order, built in one place, refused at build time when it is unsafe or incomplete.
//!
//! A [`Warden`] is a layer. Put it around the whole service, outside the router, so that no route can be added behind
//! its back:
//!
//! ```text
//!            request
//!               |
//!   response headers            on every answer, also on refusals
//!   sanitized errors            correlation id, panics, leaking bodies
//!   client address              who is really at the other end
//!   limits on arrival           by address, of failed log-ins, and what else is known now
//!   authentication              who speaks
//!   limits of principals        by principal, and what else is known now
//!   rules                       may they do this; unlisted routes are refused
//!   tripwire                    nothing leaves without the object check that its rule declares
//!               |
//!            service
//! ```
//!
//! # Rules
//!
//! 1. Rules are mandatory, and what they do not list is refused.
//! 2. Rules that demand a principal demand an authentication scheme.
//! 3. The limits by address, of failed log-ins and by principal are on, with defaults that `docs/defaults.md` explains;
//!    [`limit`](WardenBuilder::limit) adds others. Those of one stage are charged together or not at all.
//! 4. `build` lists every problem of every part, not the first.
//!
//! # What is not checked
//!
//! Objects, where the rule does not say which it serves: a rule says who may read orders, not whose order it is. With
//! [`serving`](crate::authz::Policy::serving), the [tripwire](crate::authz::tripwire) withholds what was not checked; the
//! posture lists the rules with a parameter in their path that say nothing (`objects undeclared`). It takes nothing back that
//! a handler did before: for writes there are [`Permit`](crate::authz::object::Permit)s. Nor the fields of an object:
//! [`property`](crate::authz::property) has declarations for them.
//!
//! That every route has a rule: one without is refused when it is asked for. `Warden::guard_routes` tells at start-up.
//!
//! # Deployment caveat
//!
//! Behind a proxy, name it with [`WardenBuilder::trusted_proxies`]; otherwise all callers share the proxy's address and
//! so its limits. Without TLS no HSTS is sent.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::net::SocketAddr;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::authz::{Rules, public, scope};
//! use tower_warden::client_address::PeerAddress;
//! use tower_warden::testing::TestIssuer;
//! use tower_warden::warden::Warden;
//!
//! let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let warden = Warden::builder()
//!     .trust_issuer(issuer.trust())
//!     .rules(Rules::builder().get("/health", public("probe")).get("/orders", scope("orders:read")))
//!     .build()?;
//!
//! let service = warden.layer(service_fn(async |_: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! }));
//! let ask = |path: &str, token: &str| {
//!     let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40000)));
//!     let request = Request::get(path).header("authorization", format!("Bearer {token}")).extension(peer).body(());
//!     service.clone().oneshot(request.unwrap())
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let reader = issuer.token("ada").scope("orders:read").sign();
//! assert_eq!(ask("/orders", &reader).await?.status(), StatusCode::OK);
//! let nobody = issuer.token("eve").sign();
//! assert_eq!(ask("/orders", &nobody).await?.status(), StatusCode::FORBIDDEN);
//! assert_eq!(ask("/debug", &reader).await?.status(), StatusCode::FORBIDDEN); // listed nowhere
//! # Ok::<_, Box<dyn std::error::Error>>(()) })?;
//! # Ok(()) }
//! ```

mod answer;
mod builder;
mod controls;
mod future;
mod part;
mod passage;
mod service;

use std::fmt;
use std::sync::Arc;

use tower::Layer;

pub use self::builder::WardenBuilder;
use self::controls::Controls;
pub use self::future::GuardedFuture;
pub use self::part::Part;
pub use self::service::{Guarded, GuardedBody};
use crate::authz::Rules;
use crate::rate_limit::{Limiter, Limits, StoreCounts};

/// All controls in their order, as one layer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Warden(Arc<Controls>);

impl Warden {
    /// Starts a stack with the presets for an API.
    pub fn builder() -> WardenBuilder {
        WardenBuilder::new()
    }

    /// The rules in force, to print or to compare with an inventory.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        self.0.rules.rules()
    }

    /// How many requests the rate limit of this name would have refused, were it not in
    /// [shadow mode](crate::rate_limit::Limit::shadow).
    #[must_use]
    pub fn shadow_refusals(&self, policy: &str) -> u64 {
        self.stages().map(|limits| limits.shadow_refusals(policy)).sum()
    }

    /// The rate limit of that name, to change it and to look into it. Those that are on by themselves are `address`,
    /// `failed-authentication` and `principal`.
    #[must_use]
    pub fn limiter(&self, policy: &str) -> Option<Limiter> {
        self.stages().find_map(|limits| limits.limiter(policy))
    }

    /// Every rate limit.
    pub fn limiters(&self) -> impl Iterator<Item = Limiter> {
        self.stages().flat_map(Limits::limiters)
    }

    /// How the shared store of the rate limits was asked, and what was done without it, by all that were given this store or
    /// a clone of it; none where the limits are in memory alone.
    #[must_use]
    pub fn store_counts(&self) -> Option<StoreCounts> {
        self.stages().find_map(|limits| limits.store_counts())
    }

    fn stages(&self) -> impl Iterator<Item = &Arc<Limits>> {
        [&self.0.arrival_limits, &self.0.principal_limits].into_iter().flatten()
    }
}

impl<S> Layer<S> for Warden {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded::new(inner, Arc::clone(&self.0))
    }
}

/// The posture: every control with its setting, and every rule.
impl fmt::Display for Warden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let controls = &*self.0;
        let schemes: Vec<_> = controls.authenticate.schemes().collect();
        let risks: Vec<_> = controls.headers.layer().risks().collect();
        let headers = if risks.is_empty() { "complete".to_owned() } else { risks.join(", ") };
        writeln!(f, "response headers          {headers}")?;
        writeln!(f, "client address            {}", controls.client_address.trusted())?;
        write_limits(f, "limits on arrival", controls.arrival_limits.as_deref())?;
        writeln!(
            f,
            "authentication            {}",
            if schemes.is_empty() { "none".to_owned() } else { schemes.join(", ") }
        )?;
        write_limits(f, "limits of principals", controls.principal_limits.as_deref())?;
        let checks =
            if controls.rules.reports_only() { "INSECURE, reported only" } else { "enforced" };
        writeln!(f, "object checks             {checks}")?;
        for rule in self.rules().iter() {
            writeln!(f, "rule                      {rule}")?;
        }
        for rule in self.rules().iter().filter(|rule| rule.leaves_objects_open()) {
            let method = rule.method().map_or("*", http::Method::as_str);
            writeln!(f, "objects undeclared        {method} {}", rule.pattern())?;
        }
        Ok(())
    }
}

/// A line for each limit.
fn write_limits(f: &mut fmt::Formatter<'_>, title: &str, limits: Option<&Limits>) -> fmt::Result {
    let Some(limits) = limits else { return writeln!(f, "{title:<26}off") };
    limits.lines().try_for_each(|line| writeln!(f, "{title:<26}{line}"))
}
