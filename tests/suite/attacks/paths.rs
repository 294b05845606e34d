//! Request targets in every form that a server can hand on.

use axum::Router;
use axum::routing::any;
use http::uri::{Parts, PathAndQuery, Uri};
use http::{Method, Request};
use tower_warden::authz::{Rules, authenticated, public};
use tower_warden::warden::Warden;

use super::{send, with_api_key};

/// Everything is public, but for what lies under `/admin`.
fn warden() -> Warden {
    let rules = Rules::builder()
        .any("/", public("home"))
        .any("/{*rest}", public("pages"))
        .any("/admin", authenticated())
        .any("/admin/{*rest}", authenticated());
    with_api_key().0.rules(rules).build().unwrap()
}

/// A handler that would obey whatever it is asked.
fn router() -> Router {
    Router::new().fallback(any(async || "obeyed"))
}

async fn status(method: &str, uri: impl TryInto<Uri, Error: Into<http::Error>>) -> u16 {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    send(&warden(), &router(), Request::builder().method(method).uri(uri)).await.status
}

#[tokio::test]
async fn z13_absolute_form_is_judged_by_its_path() {
    assert_eq!(status("GET", "http://evil.example/admin").await, 401);
    assert_eq!(status("GET", "http://evil.example/admin/users?x=/").await, 401);
    assert_eq!(status("GET", "http://evil.example/page").await, 200);
    assert_eq!(status("GET", "http://evil.example").await, 200);
    assert_eq!(status("GET", "/admin?/page").await, 401);
}

#[tokio::test]
async fn z1_targets_that_are_no_path_match_no_rule() {
    assert_eq!(status("OPTIONS", "*").await, 403);
    assert_eq!(status("CONNECT", "db-7.internal:5432").await, 403);
    // HTTP/2 hands on what stands in `:path`.
    for path in ["admin", "*", "page"] {
        let mut parts = Parts::default();
        parts.scheme = Some("http".parse().unwrap());
        parts.authority = Some("api.example".parse().unwrap());
        let Ok(path_and_query) = path.parse::<PathAndQuery>() else { continue };
        parts.path_and_query = Some(path_and_query);
        let Ok(uri) = Uri::from_parts(parts) else { continue };
        assert_eq!(status("GET", uri).await, 403, "{path}");
    }
}

#[tokio::test]
async fn z1_every_method_meets_the_rule_of_its_path() {
    for method in ["TRACE", "CONNECT", "OPTIONS", "HEAD", "get", "PROPFIND", "X"] {
        assert_eq!(status(method, "/admin").await, 401, "{method}");
    }
}

/// Whoever decodes once more, a proxying handler for one, would cut the path there.
#[tokio::test]
async fn z13_an_encoded_end_of_the_path_is_refused() {
    for path in ["/admin%3f/x", "/admin%3F", "/admin%23/x", "/admin/%23"] {
        assert_eq!(status("GET", path).await, 400, "{path}");
    }
    assert_eq!(status("GET", "/ada%40example.com").await, 200);
}
