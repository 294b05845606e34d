use std::fmt;
use std::sync::Arc;

use http::{Method, request};

use super::object::{ObjectPolicies, SkippedCheck, Skips};
use super::sections::{Division, Paths};
use super::{Access, RulesBuilder};
use crate::rejection::Rejection;
#[cfg(feature = "axum")]
use crate::rejection::RejectionKind;
use crate::route_pattern::{parameters, screen};

/// The route table: which access each method and path pattern demands. Whatever it does not list is refused.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Rules(pub(super) Arc<Table>);

pub(super) struct Table {
    pub(super) declared: Vec<Arc<Rule>>,
    pub(super) division: Division,
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
    pub(super) host: Option<Arc<str>>,
    pub(super) version: Option<Arc<str>>,
    pub(super) method: Option<Method>,
    pub(super) pattern: Arc<str>,
    pub(super) access: Access,
    /// What the caller is told to ask for when a scope is missing.
    pub(super) scopes: Option<Arc<str>>,
    /// Why its handlers went without an object check.
    pub(super) skips: Skips,
}

impl Rule {
    /// The method; `None` for all methods that have no rule of their own.
    #[must_use]
    pub const fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The host whose section the rule stands in; `None` for all hosts that have no section.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The version whose section the rule stands in; `None` for requests that name no version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
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

    /// Whether the path names something, the route is not public, and the rule says neither which objects it serves nor
    /// that it serves none: its handler has to think of the object check without a tripwire.
    #[must_use]
    pub fn leaves_objects_open(&self) -> bool {
        let access = &self.access;
        let is_open = access.policy().is_some() && access.served().is_none();
        is_open && access.serves_nothing().is_none() && !parameters(&self.pattern).is_empty()
    }
}

impl Rule {
    /// What the rule is for: `GET /orders/{id}`, `GET admin.example.com/users (version 2)`.
    pub(crate) fn target(&self) -> String {
        let method = self.method.as_ref().map_or("*", Method::as_str);
        let host = self.host.as_deref().unwrap_or_default();
        let version = self.version.as_ref().map(|version| format!(" (version {version})"));
        format!("{method} {host}{}{}", self.pattern, version.unwrap_or_default())
    }
}

/// One line, such as `GET /orders/{id}: scope(orders:read)`. A rule of a section names its host before the pattern, and its
/// version behind it: `GET admin.example.com/users (version 2): role(admin)`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.target(), self.access)
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
        self.0.division.parts().any(|part| part.by_pattern.contains_key(pattern))
    }

    /// The rule that decides on such a request, if one does: for tests of a table. The request is to no host that has a
    /// section, and names no version.
    #[must_use]
    pub fn rule_for(&self, method: &Method, path: &str) -> Option<&Rule> {
        screen(path).ok()?;
        Some(self.0.division.undivided().at(path).ok()?.value.rule_for(method)?)
    }

    /// The rule that decides on this very request, if one does: for tests of a table with sections.
    #[must_use]
    pub fn rule_for_request(&self, head: &request::Parts) -> Option<&Rule> {
        let path = head.uri.path();
        screen(path).ok()?;
        Some(self.part_for(head).ok()?.at(path).ok()?.value.rule_for(&head.method)?)
    }

    /// Why handlers went without the object check that their rule demands, as they said with
    /// [`Guard::skip`](super::object::Guard::skip).
    pub fn skipped_checks(&self) -> impl Iterator<Item = SkippedCheck<'_>> {
        self.iter().flat_map(SkippedCheck::all)
    }

    /// The pattern that a request whose path was screened leads to.
    #[cfg(feature = "axum")]
    pub(crate) fn pattern_for(&self, head: &request::Parts) -> Option<&str> {
        Some(self.part_for(head).ok()?.at(head.uri.path()).ok()?.value.pattern())
    }

    /// Whether what a request says of its host or version decides which rules it meets.
    #[cfg(feature = "axum")]
    pub(crate) fn is_divided(&self) -> bool {
        self.0.division.is_divided()
    }

    /// Refuses when axum matched a route that the table knows, and the table found another one: the path was rewritten in
    /// between, a section lacks the route, or one of the two is not what its author believes.
    #[cfg(feature = "axum")]
    pub(crate) fn refuse_disagreement(
        &self,
        head: &request::Parts,
        found: Option<&str>,
    ) -> Result<(), Rejection> {
        match head.extensions.get::<axum::extract::MatchedPath>() {
            Some(matched) if found != Some(matched.as_str()) && self.declares(matched.as_str()) => {
                let found = found.unwrap_or("nothing");
                let source = format!("the router matched {}, the rules {found}", matched.as_str());
                Err(Rejection::new(RejectionKind::Internal, "rule_and_route_disagree")
                    .with_source(source))
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "axum"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as with the feature `axum`")]
    pub(super) const fn refuse_disagreement(
        &self,
        _: &request::Parts,
        _: Option<&str>,
    ) -> Result<(), Rejection> {
        Ok(())
    }

    /// The part of the table that decides on a request, alone.
    pub(super) fn part_for(&self, head: &request::Parts) -> Result<&Paths, Rejection> {
        self.0.division.part_for(head)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
