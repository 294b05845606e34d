use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::rejection::{Rejection, RejectionKind};

/// The name of the control in logs.
pub(super) const CONTROL: &str = "rate_limit";

/// The limiter stands where it cannot know what it counts by.
pub(super) fn misplaced(reason: &'static str, advice: &'static str) -> Rejection {
    Rejection::new(RejectionKind::Internal, reason).by(CONTROL).with_source(advice)
}

/// Says in the log which policies were violated.
#[derive(Debug)]
pub(super) struct PoliciesSpent(pub(super) Vec<Arc<str>>);

impl fmt::Display for PoliciesSpent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            [policy] => write!(f, "the quota of policy {policy:?} is spent"),
            policies => write!(f, "the quotas of policies {policies:?} are spent"),
        }
    }
}

impl Error for PoliciesSpent {}
