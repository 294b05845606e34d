use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tower_warden::authz::object::Denied;
use tower_warden::frameworks::axum::Refusal;

use crate::orders::Refused;

/// Why a handler has no order to answer with: somebody asked for what is not allowed, or the book refused.
pub(crate) enum Unanswered {
    Book(Refused),
    Refusal(Refusal),
}

impl From<Denied> for Unanswered {
    fn from(denied: Denied) -> Self {
        Self::Refusal(denied.into())
    }
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Refused> for Unanswered {
    fn from(refused: Refused) -> Self {
        Self::Book(refused)
    }
}

/// A bare status is enough: the stack makes a problem document of it.
impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Refusal(refusal) => return refusal.into_response(),
            Self::Book(Refused::Nothing) => StatusCode::NOT_FOUND,
            Self::Book(Refused::BadDraft) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Book(Refused::Full) => StatusCode::CONFLICT,
        };
        status.into_response()
    }
}
