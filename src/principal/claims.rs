use std::any::type_name;

use crate::rejection::{Rejection, RejectionKind};

/// The claims of a token are not what a type needs.
///
/// Names the type and nothing of the claims, which may be personal data: what serde says of a mismatch quotes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claims of the token are no `{wanted}`")]
pub struct ClaimsError {
    wanted: &'static str,
}

impl ClaimsError {
    pub(super) fn of<T>() -> Self {
        Self { wanted: type_name::<T>() }
    }
}

/// 403, and not 500: what a token says is up to its issuer and its owner, who could otherwise cause faults at will.
impl From<ClaimsError> for Rejection {
    fn from(error: ClaimsError) -> Self {
        Self::new(RejectionKind::Forbidden, "claims_mismatch").with_source(error)
    }
}
