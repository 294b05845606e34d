use crate::rejection::{Rejection, RejectionKind};

/// The name of the control in logs.
pub(super) const CONTROL: &str = "rate_limit";

/// The limiter stands where it cannot know what it counts by.
pub(super) fn misplaced(reason: &'static str, advice: &'static str) -> Rejection {
    Rejection::new(RejectionKind::Internal, reason).by(CONTROL).with_source(advice)
}
