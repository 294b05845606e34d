use std::any::type_name;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use http::Method;

use super::object::{ObjectPolicies, ObjectPolicy};
use super::rules::{Route, Table};
use super::{Access, Rule, Rules, pattern};
use crate::config::{ConfigError, Problems};

/// Builds [`Rules`].
///
/// Patterns are written as for axum 0.8: `/orders/{id}`, `/files/{*rest}`.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder makes nothing until `build`"]
pub struct RulesBuilder {
    drafts: Vec<Draft>,
    objects: ObjectPolicies,
    problems: Problems,
}

#[derive(Clone, Debug)]
struct Draft {
    method: Option<Method>,
    pattern: String,
    access: Access,
    /// What is wrong with the name of a gRPC service or method.
    problem: Option<&'static str>,
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

    /// A rule for one method.
    pub fn route(self, method: Method, pattern: &str, access: impl Into<Access>) -> Self {
        self.draft(Some(method), pattern.to_owned(), access.into(), None)
    }

    /// A rule for all methods that have no rule of their own on this pattern.
    pub fn any(self, pattern: &str, access: impl Into<Access>) -> Self {
        self.draft(None, pattern.to_owned(), access.into(), None)
    }

    /// A rule for one gRPC method: `/package.Service/Method`.
    pub fn grpc(self, method: &str, access: impl Into<Access>) -> Self {
        let names = method.strip_prefix('/').and_then(|names| names.split_once('/'));
        let fits = names.is_some_and(|(service, method)| is_full_name(service) && is_name(method));
        let problem = (!fits).then_some("is not written `/package.Service/Method`");
        self.draft(Some(Method::POST), method.to_owned(), access.into(), problem)
    }

    /// A rule for all methods of a gRPC service that have no rule of their own: `package.Service`.
    pub fn grpc_service(self, service: &str, access: impl Into<Access>) -> Self {
        let problem = (!is_full_name(service)).then_some("is not written `package.Service`");
        self.draft(Some(Method::POST), format!("/{service}/{{method}}"), access.into(), problem)
    }

    /// Says who may do what to the objects of one type: what a [`Guard`](super::object::Guard) asks.
    pub fn object_policy<T: 'static>(mut self, policy: impl ObjectPolicy<T>) -> Self {
        if !self.objects.take(policy) {
            self.problems.add(format!("object policy for {}", type_name::<T>()), "is given twice");
        }
        self
    }

    fn draft(
        mut self,
        method: Option<Method>,
        pattern: String,
        access: Access,
        problem: Option<&'static str>,
    ) -> Self {
        self.drafts.push(Draft { method, pattern, access, problem });
        self
    }

    /// The table.
    ///
    /// # Errors
    ///
    /// Lists all problems: patterns that do not parse, that no admitted path can match, or that conflict; two rules for
    /// the same method and pattern; public access without a reason; policies that name nothing, an invalid scope or a
    /// parameter that the pattern does not have.
    pub fn build(self) -> Result<Rules, ConfigError> {
        let Self { drafts, objects, mut problems } = self;
        let mut declared = Vec::with_capacity(drafts.len());
        let mut routes: HashMap<Arc<str>, Route> = HashMap::new();
        let mut patterns_in_order = Vec::new();
        for draft in drafts {
            let culprit = draft.culprit();
            draft.find_problems(&objects, |problem| problems.add(&*culprit, problem));
            let rule = Arc::new(draft.into_rule());
            declared.push(rule.clone());
            let route = match routes.entry(rule.pattern.clone()) {
                Entry::Occupied(route) => route.into_mut(),
                Entry::Vacant(place) => {
                    patterns_in_order.push(rule.pattern.clone());
                    place.insert(Route::new(rule.pattern.clone()))
                }
            };
            if !route.take(rule) {
                problems.add(culprit, "declared twice");
            }
        }
        let mut table =
            Table { declared, paths: matchit::Router::new(), patterns: HashMap::new(), objects };
        for pattern in patterns_in_order {
            let Some(route) = routes.remove(&pattern).map(Arc::new) else { continue };
            // One that does not parse was told above and would disturb the rest.
            if pattern::problem_with(&pattern).is_none()
                && let Err(error) = table.paths.insert(&*pattern, route.clone())
            {
                problems.add(&*pattern, conflict(error));
            }
            table.patterns.insert(pattern, route);
        }
        problems.into_result().map(|()| Rules(Arc::new(table)))
    }
}

impl Draft {
    fn culprit(&self) -> String {
        format!("{} {}", self.method.as_ref().map_or("*", Method::as_str), self.pattern)
    }

    fn find_problems(&self, objects: &ObjectPolicies, mut tell: impl FnMut(String)) {
        if let Some(problem) = self.problem {
            tell(problem.into());
        } else if let Some(problem) = pattern::problem_with(&self.pattern) {
            tell(problem);
        }
        if self.access.public_reason().is_some_and(|reason| reason.trim().is_empty()) {
            tell("public without a reason".into());
        }
        if let Some(policy) = self.access.policy() {
            policy.find_problems(&pattern::parameters(&self.pattern), &mut tell);
        }
        if let Some(served) = self.access.served()
            && !objects.has(served.type_id())
        {
            tell(format!("serves {served}, and no `object_policy` says who may use which"));
        }
    }

    fn into_rule(self) -> Rule {
        let scopes = self.access.policy().and_then(super::Policy::scopes_to_ask_for);
        Rule { method: self.method, pattern: self.pattern.into(), access: self.access, scopes }
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
