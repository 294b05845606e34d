//! What a handler may know of a request. A bare status is enough for a refusal: the stack makes a problem document of it.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower_warden::principal::Principal;

use crate::orders::Caller;

/// Those who belong to no tenant are nobody here, whatever their scopes.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Response> {
        let principal = <Principal as FromRequestParts<S>>::from_request_parts(head, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Self::of(&principal).ok_or_else(|| StatusCode::FORBIDDEN.into_response())
    }
}

/// The id in the path. What is no number is no order: 404.
pub(crate) struct OrderId(pub(crate) u64);

impl<S: Send + Sync> FromRequestParts<S> for OrderId {
    type Rejection = StatusCode;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let id = Path::<u64>::from_request_parts(head, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| StatusCode::NOT_FOUND)
    }
}

/// Which part of a list: at most `limit` orders whose ids come after `after`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    #[serde(default)]
    pub(crate) after: u64,
    #[serde(default = "Page::default_limit")]
    limit: u64,
}

impl Page {
    const MOST: u64 = 100;

    const fn default_limit() -> u64 {
        20
    }

    /// At least one, and not more than the description promises.
    pub(crate) fn limit(&self) -> usize {
        usize::try_from(self.limit.clamp(1, Self::MOST)).unwrap_or(1)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = StatusCode;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let page = Query::<Self>::from_request_parts(head, state).await;
        page.map(|Query(page)| page).map_err(|_| StatusCode::BAD_REQUEST)
    }
}
