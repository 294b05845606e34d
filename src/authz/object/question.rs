use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::ActionKind;
use crate::authz::Rule;
use crate::authz::decision::Failure;

/// What was asked when a check denied: for the log alone.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) action: ActionKind,
    pub(super) type_name: &'static str,
    /// The rule of the request; none in a job.
    pub(super) rule: Option<Arc<Rule>>,
    /// Why it could not be told.
    pub(super) failure: Option<Failure>,
}

/// Such as `delete of shop::Order, DELETE /orders/{id}: role(admin) serving Order by delete; check(shop::Order) timed out`.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.action, self.type_name)?;
        if let Some(rule) = &self.rule {
            write!(f, ", {rule}")?;
        }
        self.failure.as_ref().map_or(Ok(()), |failure| write!(f, "; {failure}"))
    }
}

impl Error for Question {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure.as_ref().map(|failure| failure as _)
    }
}
