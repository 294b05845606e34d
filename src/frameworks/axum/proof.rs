//! The proof that routes and rules are about the same.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use http::request;
use tower::Layer;

use super::{GuardedRouter, Routes};
use crate::authz::Rules;
use crate::authz::coverage::Routed;
use crate::config::{ConfigError, Problems};
use crate::gate::{Gate, GateLayer, Gated, Verdict};
use crate::rejection::{Rejection, RejectionKind};
use crate::warden::Warden;

impl Warden {
    /// Puts the stack around a router, having proved that each of its routes has a rule, and each rule a route. See
    /// [`routes`](super::routes).
    ///
    /// # Errors
    ///
    /// Lists every route and method without a rule, every rule without a route, fallbacks that nobody can reach, and what
    /// axum would have panicked about.
    pub fn guard_routes(&self, routes: Routes) -> Result<GuardedRouter, ConfigError> {
        let Routes { router, routed, fallbacks, mut problems, .. } = routes;
        self.rules().find_gaps(&routed, &fallbacks, &mut problems);
        let router = if fallbacks.is_empty() && !self.rules().is_divided() {
            router // every pattern of the rules is routed: both find the same one
        } else {
            let gate = SameRoute::new(self.rules().clone(), routed, &mut problems);
            Router::new().fallback_service(Gated::new(router, gate))
        };
        problems.into_result().map(|()| GuardedRouter(self.layer(router)))
    }
}

/// The router, which refuses what the section of a host or version decided for another of the routes that rules name: it
/// routes alike for all hosts and versions, and whoever calls chooses among them.
pub(super) fn agreeing(rules: &Rules, router: Router) -> Router {
    if rules.is_divided() {
        router.layer(GateLayer::new(SamePattern(rules.clone())))
    } else {
        router
    }
}

/// Inside of a router, which tells what it matched.
#[derive(Clone)]
struct SamePattern(Rules);

impl Gate for SamePattern {
    type Pass = ();

    fn name(&self) -> &'static str {
        "rules"
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<()> {
        Verdict::Ready(self.0.refuse_disagreement(head, self.0.pattern_for(head)))
    }
}

impl fmt::Debug for SamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamePattern").finish_non_exhaustive()
    }
}

/// Refuses what a rule for a fallback, or one of a section that lacks the route, decided and a route matches: the rule was
/// made for other paths.
#[derive(Clone)]
struct SameRoute(Arc<Routing>);

struct Routing {
    rules: Rules,
    routes: matchit::Router<Routed>,
}

impl SameRoute {
    fn new(rules: Rules, routed: Vec<Routed>, problems: &mut Problems) -> Self {
        let mut routes = matchit::Router::new();
        for route in routed {
            if let Err(error) = routes.insert(route.routable(), route.clone()) {
                problems.add(route.pattern, error.to_string());
            }
        }
        Self(Arc::new(Routing { rules, routes }))
    }
}

impl Gate for SameRoute {
    type Pass = ();

    fn name(&self) -> &'static str {
        "rules"
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<()> {
        let Routing { rules, routes } = &*self.0;
        let Ok(route) = routes.at(head.uri.path()) else { return Verdict::admit(()) };
        let rule = rules.pattern_for(head);
        if rule.is_some_and(|rule| route.value.is_at(rule)) {
            return Verdict::admit(());
        }
        let rule = rule.unwrap_or("nothing");
        let source = format!("the router matched {}, the rules {rule}", route.value.pattern);
        let rejection = Rejection::new(RejectionKind::Internal, "rule_and_route_disagree");
        Verdict::refuse(rejection.with_source(source))
    }
}

impl fmt::Debug for SameRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameRoute").finish_non_exhaustive()
    }
}
