//! Whether a table and a service are about the same: every route has a rule, and every rule a route.

use std::collections::HashMap;

use http::Method;

use super::{Rule, Rules};
use crate::config::{ConfigError, Problems};
use crate::route_pattern;

/// How the pattern of a rest ends whose name is the router's own business.
const UNNAMED_REST: &str = "{*}";

/// A pattern that a service routes, and what it answers there.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    pub(crate) pattern: String,
    pub(crate) methods: Answered,
}

#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "gRPC methods are all there is then"))]
pub(crate) enum Answered {
    /// All there are: each has to have a rule. These have a handler of their own.
    Every(Vec<Method>),
    These(Vec<Method>),
    /// Only the service behind it knows.
    Unknown,
}

impl Routed {
    #[cfg(feature = "axum")]
    pub(crate) fn rest_of(prefix: &str) -> Self {
        let pattern = format!("{}/{UNNAMED_REST}", prefix.trim_end_matches('/'));
        Self { pattern, methods: Answered::Unknown }
    }

    /// Whether a rule of this pattern is for exactly what is routed here.
    pub(crate) fn is_at(&self, rule: &str) -> bool {
        match self.pattern.strip_suffix(UNNAMED_REST) {
            None => self.pattern == rule,
            Some(prefix) => {
                let rest = rule.strip_prefix(prefix);
                rest.is_some_and(|rest| rest.starts_with("{*") && !rest.contains('/'))
            }
        }
    }

    fn is_unnamed_rest(&self) -> bool {
        self.pattern.ends_with(UNNAMED_REST)
    }

    /// The pattern as a router takes it.
    #[cfg(feature = "axum")]
    pub(crate) fn routable(&self) -> String {
        match self.pattern.strip_suffix(UNNAMED_REST) {
            None => self.pattern.clone(),
            Some(prefix) => format!("{prefix}{{*rest}}"),
        }
    }

    fn answers(&self, method: &Method) -> bool {
        match &self.methods {
            Answered::Every(_) | Answered::Unknown => true,
            Answered::These(these) => {
                these.contains(method) || *method == Method::HEAD && these.contains(&Method::GET)
            }
        }
    }

    fn methods_as_text(&self) -> String {
        match &self.methods {
            Answered::Every(_) | Answered::Unknown => "*".into(),
            Answered::These(these) => joined(these.iter().map(Method::as_str)),
        }
    }
}

impl Rules {
    /// Proves that these gRPC services and the table are about the same: every method has a rule of its own or one for its
    /// whole service, and every rule has a method or a service. For tonic servers without a router of axum; with one,
    /// `guard_routes` proves it.
    ///
    /// # What is not checked
    ///
    /// Whether the list is complete: tonic tells nobody the methods of a service. One that the list lacks is refused as long
    /// as its service has no rule as a whole.
    ///
    /// # Errors
    ///
    /// Lists every method without a rule, and every rule without a method.
    ///
    /// ```
    /// use tower_warden::authz::{Rules, role, scope};
    ///
    /// # fn main() -> Result<(), tower_warden::ConfigError> {
    /// let rules = Rules::builder()
    ///     .grpc("/orders.v1.Orders/Get", scope("orders:read"))
    ///     .grpc("/orders.v1.Orders/Lst", scope("orders:read"))
    ///     .grpc_service("orders.v1.Reports", role("analyst"))
    ///     .build()?;
    /// // The names are those of the generated code: `OrdersServer::<()>::NAME`.
    /// rules.prove_grpc(&[("orders.v1.Orders", &["Get", "Lst"]), ("orders.v1.Reports", &["Sum", "Mean"])])?;
    ///
    /// let error = rules.prove_grpc(&[("orders.v1.Orders", &["Get", "List"])]).unwrap_err();
    /// let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    /// assert_eq!(
    ///     told,
    ///     [
    ///         "POST /orders.v1.Orders/List: has no rule",
    ///         "POST /orders.v1.Orders/Lst: matches no route",
    ///         "POST /orders.v1.Reports/{method}: matches no route",
    ///     ]
    /// );
    /// # Ok(()) }
    /// ```
    pub fn prove_grpc(&self, services: &[(&str, &[&str])]) -> Result<(), ConfigError> {
        let methods = services.iter().flat_map(|(service, methods)| {
            methods.iter().map(move |method| {
                let own = format!("/{service}/{method}");
                let whole = format!("/{service}/{{method}}");
                let covered = !self.declares(&own) && self.declares(&whole);
                let pattern = if covered { whole } else { own };
                Routed { pattern, methods: Answered::These(vec![Method::POST]) }
            })
        });
        let mut problems = Problems::default();
        self.find_gaps(&methods.collect::<Vec<_>>(), &[], &mut problems);
        problems.into_result()
    }

    /// Tells every route without a rule and every rule without a route. Rules for `fallbacks` need none.
    ///
    /// A route has its rule when one section has it: nobody but the service knows which hosts and versions a route is for.
    pub(crate) fn find_gaps(
        &self,
        routes: &[Routed],
        fallbacks: &[String],
        problems: &mut Problems,
    ) {
        let mut rules: HashMap<&str, Vec<&Rule>> = HashMap::new();
        for rule in self.iter() {
            rules.entry(rule.pattern()).or_default().push(rule);
        }
        let mut routed: HashMap<&str, Vec<&Routed>> = HashMap::new();
        for route in routes {
            let pattern =
                rules.keys().copied().find(|rule| route.is_unnamed_rest() && route.is_at(rule));
            let pattern = pattern.unwrap_or(&route.pattern);
            routed.entry(pattern).or_default().push(route);
            match rules.get(pattern) {
                Some(rules) => route.find_gaps(rules, problems),
                None => {
                    let hint = look_alike(&route.pattern, self.iter().map(Rule::pattern));
                    let culprit = format!("{} {}", route.methods_as_text(), route.pattern);
                    problems.add(culprit, format!("has no rule{hint}"));
                }
            }
        }
        for fallback in fallbacks {
            if routed.contains_key(&**fallback) {
                problems.add(fallback, "is a route, so the fallback is never asked there");
            } else if !rules.contains_key(&**fallback) {
                problems.add(fallback, "is for the fallback, and no rule lets anybody reach it");
            }
        }
        for rule in self.iter() {
            if let Some(routes) = routed.get(rule.pattern()) {
                rule.find_handler(routes, problems);
            } else if !fallbacks.iter().any(|fallback| fallback == rule.pattern()) {
                let routes = routes.iter().map(|route| route.pattern.as_str());
                let hint = look_alike(rule.pattern(), routes);
                problems.add(rule.target(), format!("matches no route{hint}"));
            }
        }
    }
}

impl Rule {
    fn find_handler(&self, routes: &[&Routed], problems: &mut Problems) {
        let Some(method) = self.method() else { return };
        if !routes.iter().any(|route| route.answers(method)) {
            let answered: Vec<_> = routes.iter().map(|route| route.methods_as_text()).collect();
            let answered = joined(answered.iter().map(String::as_str));
            problems
                .add(self.target(), format!("matches no handler: the route answers {answered}"));
        }
    }
}

impl Routed {
    /// Tells which of its methods have no rule among those of its pattern.
    fn find_gaps(&self, rules: &[&Rule], problems: &mut Problems) {
        if rules.iter().any(|rule| rule.method().is_none()) {
            return;
        }
        let has = |method: &Method| rules.iter().any(|rule| rule.method() == Some(method));
        let listed = || joined(rules.iter().filter_map(|rule| rule.method()).map(Method::as_str));
        match &self.methods {
            Answered::Unknown => {}
            Answered::Every(_) => {
                let problem = format!("answers every method, and rules name {} alone", listed());
                problems.add(format!("* {}", self.pattern), problem);
            }
            Answered::These(these) => {
                let follows_get = |method: &Method| *method == Method::HEAD && has(&Method::GET);
                for method in these.iter().filter(|method| !has(method) && !follows_get(method)) {
                    let problem = format!("has no rule: rules name {} alone", listed());
                    problems.add(format!("{method} {}", self.pattern), problem);
                }
            }
        }
    }
}

/// Each once, in their order.
fn joined<'t>(words: impl Iterator<Item = &'t str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for word in words {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once.join(", ")
}

/// Names the pattern that somebody most likely meant, if there is one.
fn look_alike<'p>(pattern: &str, candidates: impl Iterator<Item = &'p str>) -> String {
    let shape = route_pattern::shape(pattern);
    let folded = |shape: &str| shape.trim_end_matches('/').to_ascii_lowercase();
    let mut near = None;
    for candidate in candidates.filter(|candidate| *candidate != pattern) {
        let other = route_pattern::shape(candidate);
        if other == shape {
            return format!(": `{candidate}` names its parameters otherwise");
        }
        if folded(&other) == folded(&shape) {
            near = Some(candidate);
        }
    }
    near.map(|near| format!(": `{near}` is another path")).unwrap_or_default()
}
