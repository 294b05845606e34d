use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use http::Method;

use super::object::{ObjectPolicies, ObjectPolicy, QueryPolicy, Registered, Skips};
use super::rules::{Route, Table};
use super::sections::Division;
use super::{Access, Rule, Rules, VersionBy};
use crate::config::{ConfigError, Problems};
use crate::route_pattern::{self, problem_with};

/// Builds [`Rules`].
///
/// Patterns are written as for axum 0.8: `/orders/{id}`, `/files/{*rest}`.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder makes nothing until `build`"]
pub struct RulesBuilder {
    pub(super) drafts: Vec<Draft>,
    pub(super) version_by: Option<VersionBy>,
    pub(super) objects: ObjectPolicies,
    pub(super) demands_objects: bool,
    /// What is wrong with a section or an object policy as a whole.
    pub(super) problems: Problems,
}

#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) host: Option<Arc<str>>,
    pub(super) version: Option<Arc<str>>,
    pub(super) method: Option<Method>,
    pub(super) pattern: String,
    pub(super) access: Access,
    /// Whether the pattern is a gRPC path, which nothing can stand in front of.
    pub(super) grpc: bool,
    pub(super) problems: Vec<&'static str>,
}

impl RulesBuilder {
    /// A rule for GET, and for HEAD where that has no rule of its own.
    pub fn get(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.route(Method::GET, pattern, access)
    }

    /// A rule for POST.
    pub fn post(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.route(Method::POST, pattern, access)
    }

    /// A rule for PUT.
    pub fn put(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.route(Method::PUT, pattern, access)
    }

    /// A rule for PATCH.
    pub fn patch(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.route(Method::PATCH, pattern, access)
    }

    /// A rule for DELETE.
    pub fn delete(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.route(Method::DELETE, pattern, access)
    }

    /// A rule for HEAD alone, where it is not to follow the one for GET.
    pub fn head(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.route(Method::HEAD, pattern, access)
    }

    /// A rule for OPTIONS, which follows no other.
    pub fn options(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.route(Method::OPTIONS, pattern, access)
    }

    /// A rule for one method.
    pub fn route(self, method: Method, pattern: &str, access: impl Into<Access>) -> Self {
        self.draft(Some(method), pattern.to_owned(), access.into())
    }

    /// A rule for all methods that have no rule of their own on this pattern.
    pub fn any(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.draft(None, pattern.to_owned(), access.into())
    }

    /// A rule for one gRPC method: `/package.Service/Method`.
    pub fn grpc(self, method: &str, access: impl Into<Access>) -> Self {
        let names = method.strip_prefix('/').and_then(|names| names.split_once('/'));
        let fits = names.is_some_and(|(service, method)| is_full_name(service) && is_name(method));
        let problem = (!fits).then_some("is not written `/package.Service/Method`");
        self.grpc_draft(method.to_owned(), access.into(), problem)
    }

    /// A rule for all methods of a gRPC service that have no rule of their own: `package.Service`.
    pub fn grpc_service(self, service: &str, access: impl Into<Access>) -> Self {
        let problem = (!is_full_name(service)).then_some("is not written `package.Service`");
        self.grpc_draft(format!("/{service}/{{method}}"), access.into(), problem)
    }

    /// Says who may do what to the objects of one type: what a [`Guard`](super::object::Guard) asks.
    pub fn object_policy<T: 'static>(self, policy: impl ObjectPolicy<T>) -> Self {
        self.take_policy(Registered::new(policy))
    }

    /// The same, with the constraints for queries that such a policy gives.
    pub fn query_policy<T: 'static>(self, policy: impl QueryPolicy<T>) -> Self {
        self.take_policy(Registered::querying(policy))
    }

    fn take_policy<T: 'static>(mut self, policy: Registered<T>) -> Self {
        let mut policies = ObjectPolicies::default();
        policies.take(policy);
        self.take_policies(policies);
        self
    }

    pub(super) fn take_policies(&mut self, policies: ObjectPolicies) {
        for twice in self.objects.extend(policies) {
            self.problems.add(format!("object policy for {twice}"), "is given twice");
        }
    }

    /// Makes it a problem when a rule with a path parameter, not public, says neither which objects it serves nor, with
    /// [`serving_nothing`](super::Policy::serving_nothing), that it serves none. A rule for a whole gRPC service counts too.
    pub const fn demand_declared_objects(mut self) -> Self {
        self.demands_objects = true;
        self
    }

    fn draft(mut self, method: Option<Method>, pattern: String, access: Access) -> Self {
        self.drafts.push(Draft {
            host: None,
            version: None,
            method,
            pattern,
            access,
            grpc: false,
            problems: Vec::new(),
        });
        self
    }

    fn grpc_draft(self, path: String, access: Access, problem: Option<&'static str>) -> Self {
        let mut draft = self.draft(Some(Method::POST), path, access);
        if let Some(last) = draft.drafts.last_mut() {
            last.grpc = true;
            last.problems.extend(problem);
        }
        draft
    }

    /// The table.
    ///
    /// # Errors
    ///
    /// Lists all problems: patterns that do not parse, that no admitted path can match, or that conflict; two rules for
    /// the same method and pattern; public access without a reason, or inside of a group; policies that name nothing, an
    /// invalid scope or a parameter that the pattern does not have; sections without a rule, of an impossible host, inside
    /// of others of their kind, or of versions where nothing says how a request names one.
    pub fn build(self) -> Result<Rules, ConfigError> {
        let mut problems = self.problems.clone();
        self.find_problems_of_versions(&mut problems);
        let Self { drafts, version_by, objects, demands_objects, .. } = self;
        let grpc_methods: Vec<_> =
            drafts.iter().filter(|draft| draft.grpc).map(|draft| draft.pattern.clone()).collect();
        let mut declared = Vec::with_capacity(drafts.len());
        let mut routes: HashMap<Place, Route> = HashMap::new();
        let mut places_in_order = Vec::new();
        for draft in drafts {
            let problems_of_draft = draft.find_problems(&objects);
            let rule = Arc::new(draft.into_rule());
            let target = rule.target();
            for problem in problems_of_draft {
                problems.add(&*target, problem);
            }
            if demands_objects && rule.leaves_objects_open() {
                let problem = "has a parameter, and says neither `serving` nor `serving_nothing`";
                problems.add(&*target, problem);
            }
            declared.push(rule.clone());
            let route = match routes.entry(Place::of(&rule)) {
                Entry::Occupied(route) => route.into_mut(),
                Entry::Vacant(place) => {
                    places_in_order.push(rule.clone());
                    place.insert(Route::new(rule.pattern.clone()))
                }
            };
            if !route.take(rule) {
                problems.add(target, "declared twice");
            }
        }
        let mut division = Division::new(version_by);
        for first in places_in_order {
            let Some(route) = routes.remove(&Place::of(&first)).map(Arc::new) else { continue };
            let part = division.part_of(&first);
            // One that does not parse was told above and would disturb the rest.
            if problem_with(&first.pattern).is_none()
                && let Err(error) = part.by_path.insert(&*first.pattern, route.clone())
            {
                problems.add(&*first.pattern, conflict(error));
            }
            part.by_pattern.insert(first.pattern.clone(), route);
        }
        // A server of gRPC answers alike for all hosts and versions, and no router tells which method it found.
        for method in grpc_methods {
            if let Some(other) = division.decided_by_another(&method) {
                let problem =
                    format!("is decided on by `{other}` in another section: declare it there too");
                problems.add(method, problem);
            }
        }
        problems.into_result().map(|()| Rules(Arc::new(Table { declared, division, objects })))
    }
}

/// A pattern within its section: rules for several methods share it.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    host: Option<Arc<str>>,
    version: Option<Arc<str>>,
    pattern: Arc<str>,
}

impl Place {
    fn of(rule: &Rule) -> Self {
        let Rule { host, version, pattern, .. } = rule;
        Self { host: host.clone(), version: version.clone(), pattern: pattern.clone() }
    }
}

impl Draft {
    fn find_problems(&self, objects: &ObjectPolicies) -> Vec<String> {
        let mut problems: Vec<_> = self.problems.iter().copied().map(String::from).collect();
        if problems.is_empty() {
            problems.extend(problem_with(&self.pattern));
        }
        if self.access.public_reason().is_some_and(|reason| reason.trim().is_empty()) {
            problems.push("public without a reason".into());
        }
        if let Some(policy) = self.access.policy() {
            let parameters = route_pattern::parameters(&self.pattern);
            policy.find_problems(&parameters, &mut |problem| problems.push(problem));
        }
        if self.access.serves_nothing().is_some_and(|reason| reason.trim().is_empty()) {
            problems.push("serves nothing without a reason".into());
        }
        if let Some(served) = self.access.served()
            && !objects.has(served.type_id())
        {
            problems
                .push(format!("serves {served}, and no `object_policy` says who may use which"));
        }
        problems
    }

    fn into_rule(self) -> Rule {
        let scopes = self.access.policy().and_then(super::Policy::scopes_to_ask_for);
        let Self { host, version, method, pattern, access, .. } = self;
        let pattern = pattern.into();
        Rule { host, version, method, pattern, access, scopes, skips: Skips::default() }
    }
}

fn conflict(error: matchit::InsertError) -> String {
    match error {
        matchit::InsertError::Conflict { with } => format!("conflicts with `{with}`"),
        other => other.to_string(),
    }
}

/// A full name of the Protocol Buffers language: names joined by dots.
fn is_full_name(text: &str) -> bool {
    text.split('.').all(is_name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::authz::{
        all_of, any_of, authenticated, check, check_async_within, not, public, role, scope,
        tenant_in_path,
    };

    #[test]
    fn every_problem_of_a_table_is_told_with_its_culprit() {
        let error = Rules::builder()
            .get("/orders/{", authenticated())
            .get("/orders/{id}", authenticated())
            .get("/orders/{id}", role("admin"))
            .post("/orders/{order}", authenticated())
            .get("/a", public(" "))
            .get("/b", all_of([scope("two words"), role("")]))
            .put("/c", any_of([]))
            .patch("/d", all_of([]))
            .delete("/e/{id}", tenant_in_path("tenant"))
            .grpc("orders.v1.Orders/Get", authenticated())
            .grpc_service("/orders.v1.Orders", authenticated())
            .any("/f//g", authenticated())
            .get("/h", not(check(" ", |_, _| true)))
            .get("/i", check_async_within(Duration::ZERO, "", |_, _| async { Ok(true) }))
            .build()
            .unwrap_err();
        let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "GET /orders/{: Parameters must be registered with a valid name",
                "GET /orders/{id}: declared twice",
                "GET /a: public without a reason",
                "GET /b: `scope(two words)` is not a scope token (RFC 6749 3.3)",
                "GET /b: `role()` names no role",
                "PUT /c: `all_of` or `any_of` without a policy inside",
                "PATCH /d: `all_of` or `any_of` without a policy inside",
                "DELETE /e/{id}: `tenant_in_path(tenant)` names no parameter of the pattern",
                "POST orders.v1.Orders/Get: is not written `/package.Service/Method`",
                "POST //orders.v1.Orders/{method}: is not written `package.Service`",
                "* /f//g: holds an empty segment, and a path with it is refused before rules are looked up",
                "GET /h: `check( )` has no name",
                "GET /i: `check()` has no name",
                "GET /i: `check()` has no time to answer",
                "/orders/{order}: conflicts with `/orders/{id}`",
            ]
        );
    }

    #[test]
    fn z1_a_table_lists_its_rules_in_the_order_declared() {
        let rules = Rules::builder()
            .get("/health", public("load balancer probe"))
            .any("/files/{*rest}", authenticated())
            .grpc_service("orders.v1.Orders", scope("orders:read"))
            .build()
            .unwrap();
        let listed: Vec<_> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(
            listed,
            [
                "GET /health: public(load balancer probe)",
                "* /files/{*rest}: authenticated",
                "POST /orders.v1.Orders/{method}: scope(orders:read)",
            ]
        );
    }

    #[test]
    fn z13_head_follows_get_unless_it_has_a_rule_of_its_own() {
        let rules = Rules::builder()
            .get("/a", scope("get"))
            .any("/a", scope("any"))
            .get("/b", scope("get"))
            .route(Method::HEAD, "/b", scope("head"))
            .any("/c", scope("any"))
            .get("/d", scope("get"))
            .build()
            .unwrap();
        let access = |method: Method, path| {
            rules.rule_for(&method, path).map(|rule| rule.access().to_string())
        };
        assert_eq!(access(Method::HEAD, "/a").as_deref(), Some("scope(get)"));
        assert_eq!(access(Method::HEAD, "/b").as_deref(), Some("scope(head)"));
        assert_eq!(access(Method::HEAD, "/c").as_deref(), Some("scope(any)"));
        assert_eq!(access(Method::HEAD, "/d").as_deref(), Some("scope(get)"));
        assert_eq!(access(Method::OPTIONS, "/a").as_deref(), Some("scope(any)"));
        assert_eq!(access(Method::OPTIONS, "/d"), None);
        assert_eq!(access(Method::from_bytes(b"get").unwrap(), "/d"), None);
    }

    proptest! {
        /// The router's own insertion has corners; whatever a table is given, building it answers.
        #[test]
        fn any_patterns_build_or_are_refused_without_panic(
            patterns in proptest::collection::vec("(/([ab]|\\{[ab]\\}|\\{\\*[ab]\\}|[ab{}*]{0,4})){0,4}", 0..12),
        ) {
            let builder = patterns.iter().fold(Rules::builder(), |builder, pattern| builder.any(pattern, authenticated()));
            if let Ok(rules) = builder.build() {
                prop_assert_eq!(rules.iter().len(), patterns.len());
                prop_assert!(patterns.iter().all(|pattern| rules.declares(pattern)));
            }
        }
    }
}
