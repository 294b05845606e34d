//! A router that knows its routes, so that a [`Warden`](crate::warden::Warden) can prove at start-up that each of them has a
//! rule, and each rule a route.
//!
//! axum's `Router` tells nobody what it routes. [`Routes`] is built like one, with the same words, and remembers the pattern
//! and methods of each route; [`Warden::guard_routes`](crate::warden::Warden::guard_routes) takes it, so nothing that was
//! nested, merged or added late can be missing.
//!
//! # Rules
//!
//! 1. Each route and method has a rule of exactly the same pattern, parameter names included. HEAD follows GET.
//! 2. Each rule has a route that answers its method. A rule for all methods needs a route that answers one.
//! 3. A handler for every method ([`any`](super::methods::any)) needs a rule for every method. Of a service
//!    ([`Routes::route_service`], [`Routes::nest_service`]) nobody knows the methods: one rule of its pattern is enough,
//!    and the table refuses what that does not name.
//! 4. A fallback says which patterns it is for; each needs a rule, for without one nobody reaches it: what no rule lists is
//!    refused before the router sees it. Such a rule decides on no path that a route matches: 500,
//!    `rule_and_route_disagree`.
//! 5. Where rules stand in the section of a host or version, a route needs its rule in one of them. It is decided on by no
//!    other rule: where the section lacks it and has a pattern that its path matches too, 500, `rule_and_route_disagree`.
//! 6. A tonic service is routed method by method (`Routes::grpc`) or as a whole (`Routes::grpc_service`), as its rules are.
//! 7. What axum would panic about (conflicting routes, two handlers for one method, two fallbacks) is a problem like the
//!    others: all are told at once.
//!
//! # What is not checked
//!
//! Whether the rule is the right one. What a layer around a route, or a service, answers on its own account. The routes of a
//! service that is nested.
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use axum::body::Body;
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_warden::authz::{Rules, public, scope};
//! use tower_warden::client_address::PeerAddress;
//! use tower_warden::frameworks::axum::Routes;
//! use tower_warden::frameworks::axum::methods::get;
//! use tower_warden::testing::TestIssuer;
//! use tower_warden::warden::Warden;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let rules = Rules::builder().get("/health", public("probe")).get("/api/orders/{id}", scope("orders:read"));
//! let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build()?;
//!
//! let orders = Routes::new().route("/orders/{id}", get(async || "a loom"));
//! let app = Routes::new().route("/health", get(async || "up")).nest("/api", orders);
//! let service = warden.guard_routes(app)?;
//!
//! let ask = |path: &str| {
//!     let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40000)));
//!     service.clone().oneshot(Request::get(path).extension(peer).body(Body::empty()).unwrap())
//! };
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! assert_eq!(ask("/health").await?.status(), StatusCode::OK);
//! assert_eq!(ask("/api/orders/7").await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok::<_, std::convert::Infallible>(()) })?;
//!
//! // A route that somebody forgot to declare, another name of a parameter, and a method that nobody answers any more.
//! let changed = Routes::new()
//!     .route("/health", get(async || "up").post(async || "reset"))
//!     .route("/api/orders/{order}", get(async || "a loom"))
//!     .route("/debug", get(async || "secrets"));
//! let told: Vec<_> =
//!     warden.guard_routes(changed).unwrap_err().problems().iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     told,
//!     [
//!         "POST /health: has no rule: rules name GET alone",
//!         "GET /api/orders/{order}: has no rule: `/api/orders/{id}` names its parameters otherwise",
//!         "GET /debug: has no rule",
//!         "GET /api/orders/{id}: matches no route: `/api/orders/{order}` names its parameters otherwise",
//!     ]
//! );
//! # Ok(()) }
//! ```

use std::any::TypeId;
use std::convert::Infallible;
use std::fmt;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing::Route;
use tower::{Layer, Service};

use super::methods::Methods;
use crate::authz::coverage::{Answered, Routed};
use crate::authz::groups;
use crate::config::Problems;
use crate::route_pattern::problem_with;

/// A router that knows its routes. Built as axum's `Router` is, and behaves like it; see the [module](self).
#[must_use = "routes answer nothing until they are guarded and served"]
pub struct Routes<S = ()> {
    pub(super) router: Router<S>,
    pub(super) routed: Vec<Routed>,
    /// The patterns for which some fallback is.
    pub(super) fallbacks: Vec<String>,
    has_fallback: bool,
    /// Where routers with a fallback of their own were nested.
    nested_fallbacks: Vec<String>,
    pub(super) problems: Problems,
    /// Everything routed, to know of conflicts before axum does.
    known: matchit::Router<()>,
    known_fallbacks: matchit::Router<()>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Without any route: answers nothing but 404.
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            routed: Vec::new(),
            fallbacks: Vec::new(),
            has_fallback: false,
            nested_fallbacks: Vec::new(),
            problems: Problems::default(),
            known: matchit::Router::new(),
            known_fallbacks: matchit::Router::new(),
        }
    }

    /// Handlers for a path. Several calls for one pattern add methods, as with axum.
    pub fn route(mut self, pattern: &str, methods: Methods<S>) -> Self {
        let routed = Routed { pattern: pattern.to_owned(), methods: methods.answered() };
        let sound = methods.problems.is_empty();
        for problem in methods.problems {
            self.problems.add(pattern, problem);
        }
        if self.takes(routed) && sound {
            self.router = self.router.route(pattern, methods.router);
        }
        self
    }

    /// A service for a path, whatever the method.
    pub fn route_service<V>(mut self, pattern: &str, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse,
        V::Future: Send + 'static,
    {
        let routed = Routed { pattern: pattern.to_owned(), methods: Answered::Unknown };
        if TypeId::of::<V>() == TypeId::of::<Router<S>>() {
            self.problems.add(pattern, "is to be served by a whole router; `nest` does that");
        } else if self.takes(routed) {
            self.router = self.router.route_service(pattern, service);
        }
        self
    }

    /// Routes under a prefix, which their handlers do not see. The rules name the whole path.
    pub fn nest(mut self, prefix: &str, routes: Self) -> Self {
        if !self.takes_prefix(prefix) {
            return self;
        }
        let mut sound = true;
        for Routed { pattern, methods } in routes.routed {
            sound &= self.takes(Routed { pattern: groups::joined(prefix, &pattern), methods });
        }
        let fallbacks = routes.fallbacks.iter().map(|pattern| groups::joined(prefix, pattern));
        self.fallbacks.extend(fallbacks);
        if routes.has_fallback {
            sound &= self.takes_nested_fallback(prefix.to_owned());
            for place in routes.nested_fallbacks {
                sound &= self.takes_nested_fallback(groups::joined(prefix, &place));
            }
        } else if !routes.nested_fallbacks.is_empty() {
            // axum hands the fallbacks of a nested router on only together with one of its own.
            let problem = "holds a fallback and has none of its own, so axum never asks it";
            self.problems.add(prefix, problem);
        }
        sound &= routes.problems.is_empty();
        self.problems.extend(routes.problems);
        if sound {
            self.router = self.router.nest(prefix, routes.router);
        }
        self
    }

    /// A service for a path and everything below it.
    ///
    /// Three patterns, as with axum, and each needs a rule: `/assets`, `/assets/` and `/assets/{*any_name}`.
    pub fn nest_service<V>(mut self, prefix: &str, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse,
        V::Future: Send + 'static,
    {
        if !self.takes_prefix(prefix) {
            return self;
        }
        let at = |pattern: String| Routed { pattern, methods: Answered::Unknown };
        let mut sound = self.takes(at(prefix.to_owned()));
        if !prefix.ends_with('/') {
            sound &= self.takes(at(format!("{prefix}/")));
        }
        sound &= self.takes(Routed::rest_of(prefix));
        if sound {
            self.router = self.router.nest_service(prefix, service);
        }
        self
    }

    /// Other routes beside these.
    pub fn merge(mut self, routes: Self) -> Self {
        let mut sound = routes.problems.is_empty();
        for routed in routes.routed {
            sound &= self.takes(routed);
        }
        if self.has_fallback && routes.has_fallback {
            self.problems.add("fallback", "there are two of them");
            sound = false;
        }
        self.has_fallback |= routes.has_fallback;
        for place in routes.nested_fallbacks {
            sound &= self.takes_nested_fallback(place);
        }
        self.fallbacks.extend(routes.fallbacks);
        self.problems.extend(routes.problems);
        if sound {
            self.router = self.router.merge(routes.router);
        }
        self
    }

    /// A handler for what no route matches, within these patterns: each needs a rule, and what no rule lists is refused
    /// before it. `fallback(["/{*path}"], handler)` beside `.any("/{*path}", public("404 for everybody"))` answers all paths
    /// but `/`.
    pub fn fallback<'p, H, T>(
        mut self,
        patterns: impl IntoIterator<Item = &'p str>,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        if self.takes_fallback(patterns) {
            self.router = self.router.fallback(handler);
        }
        self
    }

    /// A service for what no route matches, within these patterns.
    pub fn fallback_service<'p, V>(
        mut self,
        patterns: impl IntoIterator<Item = &'p str>,
        service: V,
    ) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse,
        V::Future: Send + 'static,
    {
        if self.takes_fallback(patterns) {
            self.router = self.router.fallback_service(service);
        }
        self
    }

    /// Puts a layer around everything that is here by now, the fallback included, as axum does. A stack that refuses belongs
    /// around the whole: [`Warden::guard_routes`](crate::warden::Warden::guard_routes).
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.layer(layer);
        self
    }

    /// Puts a layer around the routes that are here by now.
    pub fn route_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        if self.router.has_routes() {
            self.router = self.router.route_layer(layer);
        } else {
            self.problems.add("route_layer", "stands before all routes, so it is around none");
        }
        self
    }

    /// Gives the handlers their state.
    pub fn with_state<S2>(self, state: S) -> Routes<S2> {
        Routes {
            router: self.router.with_state(state),
            routed: self.routed,
            fallbacks: self.fallbacks,
            has_fallback: self.has_fallback,
            nested_fallbacks: self.nested_fallbacks,
            problems: self.problems,
            known: self.known,
            known_fallbacks: self.known_fallbacks,
        }
    }

    /// The bare router of axum: without rules, for tests of handlers. What was a problem is not in it.
    pub fn into_unguarded_router(self) -> Router<S> {
        self.router
    }

    /// Records what is routed at one pattern; false where axum would panic.
    fn takes(&mut self, new: Routed) -> bool {
        let same = self.routed.iter_mut().find(|routed| routed.pattern == new.pattern);
        if let Some(routed) = same {
            let problem = routed.take(new.methods);
            if let Some(problem) = problem {
                self.problems.add(&*new.pattern, problem);
            }
            return problem.is_none();
        }
        let pattern = new.routable();
        let problem = problem_with(&pattern).or_else(|| {
            let conflict = |error: matchit::InsertError| error.to_string();
            self.known.insert(&*pattern, ()).map_err(conflict).err()
        });
        let sound = problem.is_none();
        match problem {
            Some(problem) => self.problems.add(new.pattern, problem),
            None => self.routed.push(new),
        }
        sound
    }

    /// Whether axum can nest under a prefix.
    fn takes_prefix(&mut self, prefix: &str) -> bool {
        let problem = match problem_with(prefix) {
            None if prefix == "/" => Some("is no prefix to nest under; `merge` does that".into()),
            None if prefix.split('/').any(|segment| segment.starts_with("{*")) => {
                Some("nests under a rest".into())
            }
            other => other,
        };
        let sound = problem.is_none();
        if let Some(problem) = problem {
            self.problems.add(prefix, problem);
        }
        sound
    }

    /// Records that a router with a fallback is nested here; false where axum would panic.
    fn takes_nested_fallback(&mut self, place: String) -> bool {
        let below = format!("{}/{{*rest}}", place.trim_end_matches('/'));
        let inserted = self
            .known_fallbacks
            .insert(&*place, ())
            .and_then(|()| self.known_fallbacks.insert(below, ()));
        if inserted.is_err() {
            self.problems.add(&*place, "has two fallbacks");
        }
        self.nested_fallbacks.push(place);
        inserted.is_ok()
    }

    fn takes_fallback<'p>(&mut self, patterns: impl IntoIterator<Item = &'p str>) -> bool {
        let before = self.fallbacks.len();
        self.fallbacks.extend(patterns.into_iter().map(str::to_owned));
        if self.fallbacks.len() == before {
            self.problems.add("fallback", "is for no pattern, so no rule lets anybody reach it");
        }
        let first = !self.has_fallback;
        if !first {
            self.problems.add("fallback", "there are two of them");
        }
        self.has_fallback = true;
        first
    }
}

impl Routed {
    /// Takes more methods for the same pattern; what axum would panic about where it cannot.
    fn take(&mut self, more: Answered) -> Option<&'static str> {
        match (&mut self.methods, more) {
            (Answered::Every(_), Answered::Every(_)) => Some("has two handlers for every method"),
            (
                Answered::These(these) | Answered::Every(these),
                ref more @ (Answered::These(ref named) | Answered::Every(ref named)),
            ) => {
                let overlap = named.iter().any(|method| these.contains(method));
                these.extend(named.iter().cloned());
                if matches!(more, Answered::Every(_)) {
                    self.methods = Answered::Every(std::mem::take(these));
                }
                overlap.then_some("has two handlers for one method")
            }
            (Answered::Unknown, _) | (_, Answered::Unknown) => {
                Some("has a service, and nothing can stand beside it")
            }
        }
    }
}

/// The patterns, in the order in which they came.
impl<S> fmt::Debug for Routes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.routed.iter().map(|routed| &routed.pattern).collect();
        f.debug_struct("Routes")
            .field("patterns", &patterns)
            .field("fallbacks", &self.fallbacks)
            .finish_non_exhaustive()
    }
}
