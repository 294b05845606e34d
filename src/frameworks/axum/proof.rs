//! The proof that routes and rules are about the same.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use http::request;

use super::{GuardedRouter, Routes};
use crate::authz::Rules;
use crate::authz::coverage::Routed;
use crate::config::{ConfigError, Problems};
use crate::gate::{Gate, Gated, Verdict};
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
        let router = if fallbacks.is_empty() {
            router // every pattern of the rules is routed: both find the same one
        } else {
            let gate = SameRoute::new(self.rules().clone(), routed, &mut problems);
            Router::new().fallback_service(Gated::new(router, gate))
        };
        problems.into_result().map(|()| self.guard(router))
    }
}

/// Refuses what a rule for a fallback decided and a route matches: the rule was made for everybody else's paths.
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
