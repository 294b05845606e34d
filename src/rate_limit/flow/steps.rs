use std::sync::Arc;
use std::time::Duration;

use http::request;

use crate::rejection::{Rejection, RejectionKind};
use crate::route_pattern::{Place, RouteTable};

/// Which request is which step.
pub(super) struct Steps {
    routes: RouteTable<usize>,
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
        let mut routes = RouteTable::new();
        let mut problems = Vec::new();
        for (number, Step { name, route, .. }) in steps.iter().enumerate() {
            if let Err(problem) = routes.add(route, number) {
                problems.push((Arc::clone(name), format!("the route `{route}` {problem}")));
            }
        }
        if problems.is_empty() { Ok(Self { routes, steps: steps.into() }) } else { Err(problems) }
    }

    /// The number of the step that a request is, or might be to a reader further in.
    pub(super) fn find(&self, head: &request::Parts) -> Result<Option<usize>, Rejection> {
        match self.routes.place(head) {
            Place::At(_, number) | Place::Perhaps(_, number) => Ok(Some(*number)),
            Place::Elsewhere => Ok(None),
            // Which of the steps it is, nobody can say.
            Place::Ambiguous => Err(Rejection::new(RejectionKind::BadRequest, "ambiguous_path")),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn step(&self, number: usize) -> &Step {
        &self.steps[number]
    }
}
