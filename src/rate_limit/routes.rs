//! Limits that are about some routes only, and routes that cost more than others.

use http::{Method, request};

use super::Limit;
use crate::config::Problems;
use crate::route_pattern::{Place, RouteTable, matched_pattern};

/// Routes as they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteDrafts {
    pub(super) only: Option<Vec<String>>,
    except: Vec<String>,
    costs: Vec<(String, u64)>,
}

/// What a limit says of routes.
#[derive(Debug, Default)]
pub(super) struct Routes {
    only: Option<RouteTable<()>>,
    except: Option<RouteTable<()>>,
    costs: Option<RouteTable<u64>>,
}

/// # Routes
///
/// A route is written `METHOD /pattern`, or `/pattern` for all methods that are not named on it; patterns have axum's
/// syntax: `POST /orders/{id}/exports`, `/files/{*rest}`, `/shop.v1.Orders/Create` for a method of a gRPC service. They
/// are the whole path as the caller writes it, also within a nested router. HEAD follows GET.
///
/// Inside an axum router, the route that the router matched is what counts. Everywhere else, and where that route is as
/// general as `/{*rest}`, the path is compared, and whoever sends it gains nothing by its spelling: a path with a slash
/// at its end, and one that two readers could read differently (`//`, `/../`, `%2f`, `;`, ...), is charged like every
/// route that it might mean, and never left out. Letter case makes another route, as it does for axum.
impl Limit {
    /// Is about these routes only. Given several times, about all of them.
    ///
    /// ```
    /// use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};
    ///
    /// let log_ins = Limit::by_address("log-in", Quota::per_minute(5)).only_routes(["POST /login", "POST /password-reset"]);
    /// assert!(RateLimitLayer::builder().limit(log_ins.clone()).build().is_ok());
    ///
    /// let twice = log_ins.only_routes(["POST /login"]);
    /// assert!(RateLimitLayer::builder().limit(twice).build().is_err());
    /// ```
    pub fn only_routes<T: Into<String>>(mut self, routes: impl IntoIterator<Item = T>) -> Self {
        let only = self.routes.only.get_or_insert_default();
        only.extend(routes.into_iter().map(Into::into));
        self
    }

    /// Neither charges nor refuses requests to these routes. Given several times, to none of them.
    ///
    /// A spelling that only might mean one of them is charged.
    pub fn except_routes<T: Into<String>>(mut self, routes: impl IntoIterator<Item = T>) -> Self {
        self.routes.except.extend(routes.into_iter().map(Into::into));
        self
    }

    /// Sets how many tokens a request to this route costs, before [`cost`](Self::cost) and [`cost_of`](Self::cost_of) are
    /// asked.
    ///
    /// A path that two readers could read differently costs as much as the dearest route.
    pub fn cost_of_route(mut self, route: impl Into<String>, tokens: u64) -> Self {
        self.routes.costs.push((route.into(), tokens));
        self
    }
}

impl RouteDrafts {
    /// Notes which routes cost more than the smallest bucket holds.
    pub(super) fn check_costs(&self, burst: u64, culprit: &str, problems: &mut Problems) {
        for (route, _) in self.costs.iter().filter(|(_, tokens)| *tokens > burst) {
            problems.add(
                culprit,
                format!("a request to {route:?} costs more than the bucket holds, and would never be admitted"),
            );
        }
    }

    /// What a request to the dearest route costs; 0 where no route has a cost of its own.
    pub(super) fn dearest(&self) -> u64 {
        self.costs.iter().map(|(_, tokens)| *tokens).max().unwrap_or(0)
    }

    /// The tables; `None` where nothing is said of any route. Problems name the culprit.
    pub(super) fn build(
        &self,
        burst: u64,
        culprit: &str,
        problems: &mut Problems,
    ) -> Option<Box<Routes>> {
        let Self { only, except, costs } = self;
        if only.as_ref().is_some_and(Vec::is_empty) {
            problems.add(culprit, "is about no route: the list is empty");
        }
        self.check_costs(burst, culprit, problems);
        let unvalued = |routes: &[String]| routes.iter().map(|route| (route.clone(), ())).collect();
        let only = only.as_deref().map(unvalued);
        let routes = Routes {
            only: only.and_then(|only: Vec<_>| table(&only, culprit, problems)),
            except: table(&unvalued(except), culprit, problems),
            costs: table(costs, culprit, problems),
        };
        let Routes { only, except, costs } = &routes;
        let says_anything = only.is_some() || except.is_some() || costs.is_some();
        says_anything.then(|| Box::new(routes))
    }
}

fn table<T: Clone>(
    routes: &[(String, T)],
    culprit: &str,
    problems: &mut Problems,
) -> Option<RouteTable<T>> {
    let mut table = RouteTable::new();
    for (route, value) in routes {
        if let Err(problem) = table.add(route, value.clone()) {
            problems.add(culprit, format!("the route {route:?}: {problem}"));
        }
    }
    (!routes.is_empty()).then_some(table)
}

impl Routes {
    /// Whether the limit is about a request.
    pub(super) fn concern(&self, head: &request::Parts) -> bool {
        let is_among = |only: &RouteTable<()>| only.place(head) != Place::Elsewhere;
        let is_left_out = |except: &RouteTable<()>| matches!(except.place(head), Place::At(..));
        self.only.as_ref().is_none_or(is_among) && !self.except.as_ref().is_some_and(is_left_out)
    }

    /// What a request costs, where others cost so much.
    pub(super) fn cost(&self, head: &request::Parts, others: impl FnOnce() -> u64) -> u64 {
        let Some(costs) = &self.costs else { return others() };
        match costs.place(head) {
            Place::At(_, tokens) => *tokens,
            Place::Perhaps(_, tokens) => others().max(*tokens),
            Place::Elsewhere => others(),
            Place::Ambiguous => costs.values().copied().fold(others(), Ord::max),
        }
    }

    /// The pattern that a request belongs to, as far as this limit names it.
    fn pattern(&self, head: &request::Parts) -> Option<&str> {
        let known = [
            self.costs.as_ref().and_then(|costs| pattern(&costs.place(head))),
            self.only.as_ref().and_then(|only| pattern(&only.place(head))),
        ];
        known.into_iter().flatten().next()
    }
}

const fn pattern<'t, T>(place: &Place<'t, T>) -> Option<&'t str> {
    match place {
        Place::At(pattern, _) | Place::Perhaps(pattern, _) => Some(pattern),
        Place::Elsewhere | Place::Ambiguous => None,
    }
}

/// The method and the pattern of the route that a request belongs to: those of the router, or those that the limit names.
pub(super) fn route_of<'r>(
    head: &'r request::Parts,
    routes: Option<&'r Routes>,
) -> Option<(MethodKind, &'r str)> {
    let named = || routes.and_then(|routes| routes.pattern(head));
    Some((MethodKind::of(&head.method), matched_pattern(head).or_else(named)?))
}

/// Methods as far as they are told from each other: a caller can make up any number of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum MethodKind {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Other,
}

impl MethodKind {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Get,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            Method::OPTIONS => Self::Options,
            _ => Self::Other,
        }
    }
}
