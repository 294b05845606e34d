use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, request};

use crate::route_pattern::{problem_with, screen};
use crate::rejection::{Rejection, RejectionKind};

/// Which request is which step.
pub(super) struct Steps {
    router: matchit::Router<Vec<(Method, usize)>>,
    steps: Box<[Step]>,
}

/// One step of a flow.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: Arc<str>,
    /// Method and pattern, with a space between them.
    pub(super) route: String,
    /// How long after the step before it may begin; the flow's own time where there is none.
    pub(super) after: Option<Duration>,
}

impl Steps {
    /// Fails with everything that is wrong with the routes, each beside the name of its step.
    pub(super) fn new(steps: Vec<Step>) -> Result<Self, Vec<(Arc<str>, String)>> {
        let mut routes: Vec<(&str, Vec<(Method, usize)>)> = Vec::new();
        let mut problems = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let mut problem = |text: String| problems.push((Arc::clone(&step.name), text));
            let (method, pattern) = match read(&step.route) {
                Ok(route) => route,
                Err(text) => {
                    problem(text);
                    continue;
                }
            };
            let at = routes.iter().position(|(other, _)| *other == pattern).unwrap_or_else(|| {
                routes.push((pattern, Vec::new()));
                routes.len() - 1
            });
            let own = &mut routes[at].1;
            if own.iter().any(|(other, _)| *other == method) {
                problem(format!("`{}` is another step already", step.route));
            }
            own.push((method, number));
        }
        let mut router = matchit::Router::new();
        for (pattern, own) in routes {
            let first = own[0].1;
            if let Err(error) = router.insert(pattern, own) {
                problems.push((Arc::clone(&steps[first].name), error.to_string()));
            }
        }
        if problems.is_empty() { Ok(Self { router, steps: steps.into() }) } else { Err(problems) }
    }

    /// The number of the step that a request is, if it is one.
    pub(super) fn find(&self, head: &request::Parts) -> Result<Option<usize>, Rejection> {
        let path = head.uri.path();
        screen(path).map_err(|ambiguity| {
            Rejection::new(RejectionKind::BadRequest, "ambiguous_path").with_source(ambiguity)
        })?;
        let Ok(found) = self.router.at(path) else { return Ok(None) };
        let step = |method: &Method| {
            found.value.iter().find(|(own, _)| own == method).map(|(_, number)| *number)
        };
        let get = || if head.method == Method::HEAD { step(&Method::GET) } else { None };
        Ok(step(&head.method).or_else(get))
    }

    pub(super) const fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn step(&self, number: usize) -> &Step {
        &self.steps[number]
    }
}

/// Method and pattern of a route such as `POST /cart/{id}`.
fn read(route: &str) -> Result<(Method, &str), String> {
    let Some((method, pattern)) = route.split_once(' ') else {
        return Err(format!("`{route}` is not a method and a path with a space between them"));
    };
    let is_name = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    let Some(method) = Method::from_str(method).ok().filter(|_| is_name) else {
        return Err(format!("`{method}` is not a method: names of methods are in capitals"));
    };
    match problem_with(pattern) {
        Some(problem) => Err(format!("`{pattern}`: {problem}")),
        None => Ok((method, pattern)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_route_is_a_method_and_a_pattern() {
        assert_eq!(read("POST /cart/{id}"), Ok((Method::POST, "/cart/{id}")));
        assert_eq!(read("M-SEARCH /"), Ok((Method::from_bytes(b"M-SEARCH").unwrap(), "/")));
        for route in ["", "/cart", "POST", "post /cart", " /cart", "POST  /cart", "POST /:id", "POST cart", "P\u{d6}ST /"] {
            assert!(read(route).is_err(), "{route:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn a_valid_route_survives(method in "[A-Z]{1,9}", path in "(/[a-z]{1,5}){1,3}") {
            let text = format!("{method} {path}");
            let (read_method, read_path) = read(&text).unwrap();
            prop_assert_eq!((read_method.as_str(), read_path), (&*method, &*path));
        }
    }
}
