//! What anybody may read: a page, its style, the description.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};

/// The stack's preset is the one for APIs, whose policy lets a page load nothing. What a handler sets wins, so the one
/// page of this service names the one thing it loads.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn index() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("index.html")))
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

/// OpenAPI 3.1. A test holds it to the rules in force.
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], include_str!("openapi.json"))
}
