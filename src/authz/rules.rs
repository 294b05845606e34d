use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Method;

use super::object::ObjectPolicies;
use super::{Access, RulesBuilder, path};

/// The route table: which access each method and path pattern demands. Whatever it does not list is refused.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Rules(pub(super) Arc<Table>);

pub(super) struct Table {
    pub(super) declared: Vec<Arc<Rule>>,
    pub(super) paths: matchit::Router<Arc<Route>>,
    pub(super) patterns: HashMap<Arc<str>, Arc<Route>>,
    pub(super) objects: ObjectPolicies,
}

/// The rules of one path pattern, by method.
pub(super) struct Route {
    pattern: Arc<str>,
    by_method: Vec<Arc<Rule>>,
    any: Option<Arc<Rule>>,
}

impl Route {
    pub(super) const fn new(pattern: Arc<str>) -> Self {
        Self { pattern, by_method: Vec::new(), any: None }
    }

    /// Takes one more rule; false when there is one for that method already.
    pub(super) fn take(&mut self, rule: Arc<Rule>) -> bool {
        match rule.method {
            None => self.any.replace(rule).is_none(),
            Some(_) if self.by_method.iter().any(|other| other.method == rule.method) => false,
            Some(_) => {
                self.by_method.push(rule);
                true
            }
        }
    }

    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The rule for a method: its own, GET's for HEAD as axum answers it, the one for all methods.
    pub(super) fn rule_for(&self, method: &Method) -> Option<&Arc<Rule>> {
        let own = |method: &Method| {
            self.by_method.iter().find(|rule| rule.method.as_ref() == Some(method))
        };
        let get = || if *method == Method::HEAD { own(&Method::GET) } else { None };
        own(method).or_else(get).or(self.any.as_ref())
    }
}

/// One declared rule.
pub struct Rule {
    pub(super) method: Option<Method>,
    pub(super) pattern: Arc<str>,
    pub(super) access: Access,
    /// What the caller is told to ask for when a scope is missing.
    pub(super) scopes: Option<Arc<str>>,
}

impl Rule {
    /// The method; `None` for all methods that have no rule of their own.
    #[must_use]
    pub const fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The path pattern, in axum's syntax.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Who may use the route.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }
}

/// One line, such as `GET /orders/{id}: scope(orders:read)`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_ref().map_or("*", Method::as_str);
        write!(f, "{method} {}: {}", self.pattern, self.access)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Rules {
    /// Starts a table.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::default()
    }

    /// All rules in the order declared: for start-up logs and inventories.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.0.declared.iter().map(AsRef::as_ref)
    }

    /// Whether exactly this pattern has a rule, for any method.
    #[must_use]
    pub fn declares(&self, pattern: &str) -> bool {
        self.0.patterns.contains_key(pattern)
    }

    /// The rule that decides on such a request, if one does: for tests of a table.
    #[must_use]
    pub fn rule_for(&self, method: &Method, path: &str) -> Option<&Rule> {
        path::screen(path).ok()?;
        Some(self.at(path)?.value.rule_for(method)?)
    }

    /// The route that a screened path leads to, and its parameters.
    pub(super) fn at<'t, 'p>(
        &'t self,
        path: &'p str,
    ) -> Option<matchit::Match<'t, 'p, &'t Arc<Route>>> {
        self.0.paths.at(path).ok()
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
