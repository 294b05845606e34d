//! Some of a service's routes, and which of them a request is for.

use std::sync::Arc;

use http::{Method, request};

use super::path::screen;
use super::pattern::{has_parameters, problem_with};

/// Routes that somebody named, with what was said of each.
#[derive(Clone, Debug)]
pub(crate) struct RouteTable<T> {
    paths: matchit::Router<usize>,
    routes: Vec<Route<T>>,
}

#[derive(Clone, Debug)]
struct Route<T> {
    pattern: Arc<str>,
    by_method: Vec<(Method, T)>,
    any: Option<T>,
}

/// Where a request leads, as far as a table of some routes can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'t, T> {
    /// To this route: the router says so, or would with no other routes.
    At(&'t str, &'t T),
    /// Perhaps to this route: a final slash may be dropped further in, or a route that takes any path serves this one.
    Perhaps(&'t str, &'t T),
    /// To no route of the table.
    Elsewhere,
    /// Two readers could read the path differently, and one of them find any of the routes.
    Ambiguous,
}

impl<T> RouteTable<T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self { paths: matchit::Router::new(), routes: Vec::new() }
    }

    /// Adds `METHOD /pattern`, or `/pattern` for all methods that are not named on it.
    ///
    /// # Errors
    ///
    /// If that is no route, or if it is there already, or if the router could not tell it from one that is.
    pub(crate) fn add(&mut self, route: &str, value: T) -> Result<(), String> {
        let (method, pattern) = read(route)?;
        if let Some(problem) = problem_with(pattern) {
            return Err(problem);
        }
        let known = self.routes.iter().position(|known| *known.pattern == *pattern);
        let index = match known {
            Some(index) => index,
            None => {
                let index = self.routes.len();
                self.paths.insert(pattern, index).map_err(|error| error.to_string())?;
                let (pattern, by_method) = (pattern.into(), Vec::new());
                self.routes.push(Route { pattern, by_method, any: None });
                index
            }
        };
        let Route { by_method, any, .. } = &mut self.routes[index];
        let is_new = match method {
            None => any.replace(value).is_none(),
            Some(method) if by_method.iter().any(|(own, _)| *own == method) => false,
            Some(method) => {
                by_method.push((method, value));
                true
            }
        };
        if is_new { Ok(()) } else { Err("is given twice".into()) }
    }

    /// What was said of all routes.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.routes
            .iter()
            .flat_map(|route| route.by_method.iter().map(|(_, value)| value).chain(&route.any))
    }

    /// Where a request leads. Reads the whole path as the caller wrote it, also inside a nested router.
    ///
    /// Where axum matched a route, that is what counts. One without parameters serves its own path only; one with
    /// parameters may serve a path that stands in this table.
    pub(crate) fn place(&self, head: &request::Parts) -> Place<'_, T> {
        let matched = matched_pattern(head);
        if let Some(matched) = matched {
            if let Some(route) = self.routes.iter().find(|route| *route.pattern == *matched) {
                return route.place(&head.method, Place::At);
            }
            if !has_parameters(matched) {
                return Place::Elsewhere;
            }
        }
        let path = asked_path(head);
        if screen(path).is_err() {
            let meets =
                |route: &Route<T>| matched.is_none_or(|matched| may_meet(&route.pattern, matched));
            let any = self.routes.iter().any(meets);
            return if any { Place::Ambiguous } else { Place::Elsewhere };
        }
        let Some((route, is_exact)) = self.route_of(path) else { return Place::Elsewhere };
        let is_sure = matched.is_none_or(|matched| is_same_shape(&route.pattern, matched));
        let sure = if is_exact && is_sure { Place::At } else { Place::Perhaps };
        route.place(&head.method, sure)
    }

    /// The route of a path, and whether no slash had to be dropped.
    fn route_of(&self, path: &str) -> Option<(&Route<T>, bool)> {
        if let Ok(found) = self.paths.at(path) {
            return Some((&self.routes[*found.value], true));
        }
        let found = self.paths.at(path.strip_suffix('/')?).ok()?;
        Some((&self.routes[*found.value], false))
    }
}

impl<T> Route<T> {
    /// What was said for a method: its own, GET's for HEAD as axum answers it, what is for all methods.
    fn place<'t>(
        &'t self,
        method: &Method,
        place: impl FnOnce(&'t str, &'t T) -> Place<'t, T>,
    ) -> Place<'t, T> {
        let own = |method: &Method| {
            self.by_method.iter().find(|(own, _)| own == method).map(|(_, value)| value)
        };
        let get = || if *method == Method::HEAD { own(&Method::GET) } else { None };
        match own(method).or_else(get).or(self.any.as_ref()) {
            Some(value) => place(&self.pattern, value),
            None => Place::Elsewhere,
        }
    }
}

/// The pattern of the route that axum found, inside one of its routers.
#[cfg(feature = "axum")]
pub(crate) fn matched_pattern(head: &request::Parts) -> Option<&str> {
    head.extensions.get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
pub(crate) const fn matched_pattern(_: &request::Parts) -> Option<&str> {
    None
}

/// The path that the caller asked for: a nested router has cut its own part off.
#[cfg(feature = "axum")]
fn asked_path(head: &request::Parts) -> &str {
    let original = head.extensions.get::<axum::extract::OriginalUri>();
    original.map_or(head.uri.path(), |original| original.0.path())
}

#[cfg(not(feature = "axum"))]
fn asked_path(head: &request::Parts) -> &str {
    head.uri.path()
}

/// Method and pattern of `METHOD /pattern`; no method in `/pattern`.
fn read(route: &str) -> Result<(Option<Method>, &str), String> {
    if route.starts_with('/') {
        return Ok((None, route));
    }
    let Some((method, pattern)) = route.split_once(' ') else {
        return Err("is neither `METHOD /pattern` nor `/pattern`".into());
    };
    match Method::from_bytes(method.as_bytes()) {
        Ok(known) if !method.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            Ok((Some(known), pattern))
        }
        _ => Err("begins with no method; methods are written in capitals".into()),
    }
}

/// Whether two patterns match the same paths: parameters may have other names.
fn is_same_shape(one: &str, other: &str) -> bool {
    let segments = || one.split('/').zip(other.split('/'));
    one.split('/').count() == other.split('/').count()
        && segments().all(|(one, other)| match (one.find('{'), other.find('{')) {
            (Some(at), Some(other_at)) => {
                let is_rest = |segment: &str, at: usize| segment[at..].starts_with("{*");
                // Escaped braces are compared as they are written, like all else.
                one == other
                    || (one[..at] == other[..other_at]
                        && is_rest(one, at) == is_rest(other, other_at)
                        && !one.contains("{{")
                        && !other.contains("{{"))
            }
            _ => one == other,
        })
}

/// Whether some path might match both patterns, by what they begin with.
fn may_meet(one: &str, other: &str) -> bool {
    let fixed = |pattern: &str| pattern.find('{').unwrap_or(pattern.len());
    let common = fixed(one).min(fixed(other));
    one.as_bytes()[..common] == other.as_bytes()[..common]
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn table(routes: &[&str]) -> RouteTable<usize> {
        let mut table = RouteTable::new();
        for (index, route) in routes.iter().enumerate() {
            table.add(route, index).unwrap();
        }
        table
    }

    fn place<'t>(table: &'t RouteTable<usize>, method: &str, path: &str) -> Place<'t, usize> {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        table.place(&request.into_parts().0)
    }

    #[test]
    fn q14_a_route_is_found_by_method_and_path() {
        let table = table(&["GET /a", "/a", "POST /b/{id}", "/pkg.Service/Method"]);
        for (method, path, index) in [
            ("GET", "/a", 0),
            ("HEAD", "/a", 0),
            ("DELETE", "/a?x=/b/1", 1),
            ("POST", "/b/7", 2),
            ("POST", "http://h.example/b/7", 2),
            ("POST", "/pkg.Service/Method", 3),
        ] {
            let found = place(&table, method, path);
            assert!(
                matches!(found, Place::At(_, at) if *at == index),
                "{method} {path}: {found:?}"
            );
        }
        for (method, path) in [("GET", "/b/7"), ("GET", "/"), ("GET", "/A"), ("GET", "/aa")] {
            assert_eq!(place(&table, method, path), Place::Elsewhere, "{method} {path}");
        }
    }

    #[test]
    fn q14_a_spelling_that_somebody_may_read_as_the_route_is_not_elsewhere() {
        let table = table(&["/a/b"]);
        assert_eq!(place(&table, "GET", "/a/b/"), Place::Perhaps("/a/b", &0));
        for path in ["/a//b", "/a/./b", "/x/../a/b", "/%61/b", "/a%2fb", "/a/b;v=1", "/a/b//"] {
            assert_eq!(place(&table, "GET", path), Place::Ambiguous, "{path}");
        }
    }

    #[test]
    fn q14_what_is_no_route_is_told() {
        for route in
            ["", "a", "get /a", "GET", "GET a", "GET  /a", "/a//b", "/{a}/{a}", "G\u{e9} /"]
        {
            assert!(RouteTable::new().add(route, ()).is_err(), "{route:?}");
        }
        for (first, second) in [("/a", "/a"), ("GET /a", "GET /a"), ("/{a}", "GET /{b}")] {
            let mut table = RouteTable::new();
            assert_eq!(table.add(first, ()), Ok(()));
            assert!(table.add(second, ()).is_err(), "{first} {second}");
        }
    }

    #[test]
    fn shapes_are_compared_without_names() {
        for (one, other, same) in [
            ("/a/{b}", "/a/{c}", true),
            ("/a/v{b}", "/a/v{c}", true),
            ("/a/v{b}", "/a/w{c}", false),
            ("/a/{b}", "/a/{*c}", false),
            ("/a/{{b}}", "/a/{{c}}", false),
            ("/a/{b}", "/a/b", false),
            ("/a/{b}", "/a/{b}/c", false),
        ] {
            assert_eq!(is_same_shape(one, other), same, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn any_route_is_read_without_panic(route in any::<String>(), other in any::<String>()) {
            let mut table = RouteTable::new();
            let _ = table.add(&route, ());
            let _ = table.add(&other, ());
            let _ = (is_same_shape(&route, &other), may_meet(&route, &other));
        }

        #[test]
        fn q14_patterns_of_one_shape_are_alike(
            one in r"(/(a|b)?(\{[cd]\}|a)){0,3}(/\{\*[gh]\}|/i)", other in r"(/(a|b)?(\{[ef]\}|a)){0,3}(/\{\*[gh]\}|/i)",
        ) {
            prop_assert_eq!(is_same_shape(&one, &other), super::super::shape(&one) == super::super::shape(&other));
        }
    }
}
