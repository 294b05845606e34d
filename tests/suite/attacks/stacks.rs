//! Stacks that were put together carelessly, and dependencies that fail.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use http::Request;
use tower::util::MapRequestLayer;
use tower_warden::authn::api_key::{
    ApiKeyAuthenticator, ApiKeyRecord, ApiKeyStore, MemoryApiKeyStore,
};
use tower_warden::authn::app_key::{
    App, AppKey, AppKeyAuthenticator, AppKeyTransport, MemoryAppStore,
};
use tower_warden::authn::issued_key::{Holder, KeyId, Lookup};
use tower_warden::authz::{Rules, RulesLayer, authenticated, public, role};
use tower_warden::client_address::ClientAddress;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{LimitKey, Quota, RateLimitLayer};
use tower_warden::rejection::{Challenge, Challenges};
use tower_warden::warden::Warden;

use super::{from_peer, send, with_api_key};
use crate::support::{ask, get as on_get, through};
use crate::witness::issue;

fn rules() -> tower_warden::authz::RulesBuilder {
    Rules::builder().get("/", authenticated()).get("/admin", role("admin"))
}

fn router() -> Router {
    Router::new().route("/", get(async || "home")).route("/admin", get(async || "admin"))
}

#[tokio::test]
async fn u3_a_key_in_a_field_of_its_own_name_is_not_printed_by_a_handler() {
    let print = async |request: Request<axum::body::Body>| format!("{:?}", request.headers());
    let router = Router::new().route("/", get(print));
    let (issued, keys, apps) = (issue(), MemoryApiKeyStore::new(), MemoryAppStore::new());
    keys.insert(ApiKeyRecord::builder(issued.id, issued.hash, Holder::new("a")).build().unwrap());
    let key = AppKey::new(issued.id, issued.hash);
    apps.insert(App::builder(Holder::new("shop")).key(key).build().unwrap());
    let fields = AppKeyTransport::Headers { id: "x-acme-id".into(), key: "x-acme-secret".into() };
    let warden = Warden::builder()
        .authenticate(ApiKeyAuthenticator::builder(keys).header("x-acme-key").build().unwrap())
        .authenticate(AppKeyAuthenticator::builder(apps, fields).build().unwrap())
        .rules(Rules::builder().get("/", authenticated()))
        .build()
        .unwrap();
    let key = issued.key.expose();
    for request in [
        Request::get("/").header("x-acme-key", key),
        Request::get("/").header("x-acme-id", "shop").header("x-acme-secret", key),
    ] {
        let answer = send(&warden, &router, request).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.text().contains("x-acme") && !answer.text().contains(key),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_principal_or_address_from_own_middleware_does_not_get_past_a_warden() {
    let (builder, _) = with_api_key();
    let warden = builder.rules(rules()).build().unwrap();
    let root = Principal::builder("i", "root", PrincipalKind::User, "Bearer").role("admin").build();
    let spoofed = Request::get("/admin").extension(root.clone());
    assert_eq!(send(&warden, &router(), spoofed).await.status, 401);
    // Nor past the second one, where the first authenticated somebody else.
    let (inner, issued) = with_api_key();
    let inner = inner.rules(rules()).build().unwrap();
    let spoofed = Request::get("/admin").extension(root).header("x-api-key", issued.key.expose());
    assert_eq!(send(&inner, &router(), spoofed).await.status, 403);
}

/// The inner one as a layer of the router.
#[tokio::test]
async fn a_warden_around_a_warden_is_as_strict_as_both() {
    let (builder, issued) = with_api_key();
    let outer = builder.rules(rules()).build().unwrap();
    let key = issued.key.expose();
    let twice = router().layer(outer.clone());
    let with_key = send(&outer, &twice, Request::get("/").header("x-api-key", key)).await;
    assert_eq!((with_key.status, with_key.all("x-request-id").len()), (200, 1));
    assert_eq!(send(&outer, &twice, Request::get("/")).await.status, 401);
    let (stranger, _) = with_api_key();
    let mismatched = router().layer(stranger.rules(rules()).build().unwrap());
    let refused = send(&outer, &mismatched, Request::get("/").header("x-api-key", key)).await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn a_server_that_does_not_tell_the_peer_admits_nobody() {
    let (builder, issued) = with_api_key();
    let warden = builder.rules(rules()).insecure_without_rate_limits().build().unwrap();
    let request = on_get("/", &[("x-api-key", issued.key.expose())]).map(axum::body::Body::new);
    assert_eq!(ask(warden.guard(router()), request).await.reason(), "peer_address_unknown");
}

#[tokio::test]
async fn a_warden_inside_a_router_guards_what_was_there_before_it() {
    let (builder, issued) = with_api_key();
    let warden = builder.rules(rules()).build().unwrap();
    let guarded = router().fallback(async || "fallback").layer(warden);
    let nested = Router::new().nest("/v1", guarded.clone()).merge(guarded);
    for path in ["/", "/admin", "/other", "/v1/admin", "/v1/other", "/v1"] {
        let answer = ask(nested.clone(), from_peer(Request::get(path))).await;
        assert!(matches!(answer.status, 401 | 403), "{path}: {}", answer.status);
    }
    let key = issued.key.expose();
    let request = from_peer(Request::get("/v1/admin").header("x-api-key", key));
    assert_eq!(ask(nested, request).await.status, 403);
}

/// A store that panics, or never answers.
#[derive(Debug)]
struct Broken {
    panics: bool,
}

impl ApiKeyStore for Broken {
    fn find(&self, _: KeyId) -> Lookup<Arc<ApiKeyRecord>> {
        assert!(!self.panics, "no route to db-7");
        Lookup::pending(future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_or_hangs_admits_nobody_and_tells_nothing() {
    let issued = issue();
    for (panics, status) in [(true, 500), (false, 503)] {
        let scheme = ApiKeyAuthenticator::builder(Broken { panics })
            .store_timeout(Duration::from_secs(1))
            .build()
            .unwrap();
        let warden = Warden::builder().authenticate(scheme).rules(rules()).build().unwrap();
        let request = Request::get("/").header("x-api-key", issued.key.expose());
        let answer = send(&warden, &router(), request).await;
        assert_eq!(answer.status, status);
        assert!(!answer.text().contains("db-7") && !answer.text().contains("home"));
    }
}

/// Its address and its challenges are those of the nearest layer, as its principal is.
#[tokio::test]
async fn b4_what_a_gate_of_ones_own_leaves_counts_behind_a_warden_and_not_before_it() {
    let own = Challenges::new([Challenge::new("Session", "shop").unwrap()]);
    let tell = async |request: Request<axum::body::Body>| {
        let extensions = request.extensions();
        format!("{:?} {:?}", ClientAddress::of(extensions), Challenges::of(extensions))
    };
    let gate = (Extension(ClientAddress::new([203, 0, 113, 9].into())), Extension(own.clone()));
    let router = Router::new().route("/", get(tell));
    let inside = router.clone().layer(gate.clone());
    let (builder, _) = with_api_key();
    let public = Rules::builder().get("/", public("anyone may see it"));
    let warden = builder.rules(public).build().unwrap();
    let answer = send(&warden, &inside, Request::get("/")).await.text().to_owned();
    assert!(answer.contains("203.0.113.9") && answer.contains("Session"), "{answer}");
    let outside = Request::get("/").extension(gate.0.0).extension(own);
    let answer = send(&warden, &router, outside).await.text().to_owned();
    assert!(answer.contains("192.0.2.1") && answer.contains("ApiKey"), "{answer}");
}

#[tokio::test]
async fn z1_whom_a_layer_of_ones_own_forgets_behind_a_warden_is_nobody_further_in() {
    let (builder, issued) = with_api_key();
    let warden = builder.rules(rules()).build().unwrap();
    let guarded = router().layer(RulesLayer::new(rules().build().unwrap()));
    let forget = MapRequestLayer::new(|mut request: Request<axum::body::Body>| {
        Principal::forget(request.extensions_mut());
        request
    });
    let impostor = Principal::builder("i", "bob", PrincipalKind::User, "Bearer").build();
    for (router, status) in [
        (guarded.clone(), 200),
        (guarded.clone().layer(forget.clone()), 401),
        (guarded.layer(forget).layer(Extension(impostor)), 401),
    ] {
        let request = Request::get("/").header("x-api-key", issued.key.expose());
        assert_eq!(send(&warden, &router, request).await.status, status);
    }
}

#[tokio::test]
async fn q4_an_address_that_a_handler_looks_up_is_not_that_of_its_own_caller() {
    let limits = RateLimitLayer::by_address("a", Quota::per_minute(3)).build().unwrap();
    let limiter = limits.limiter("a").unwrap();
    let charged = on_get("/", &[]);
    let (mut head, body) = charged.into_parts();
    head.extensions.insert(ClientAddress::new([192, 0, 2, 9].into()));
    assert_eq!(through(&limits, Request::from_parts(head, body)).await.status, 200);
    let look = async move |request: Request<axum::body::Body>| {
        let key = LimitKey::request(request.into_parts().0).and_address([192, 0, 2, 9].into());
        limiter.peek(&key).await.unwrap().remaining.to_string()
    };
    let (builder, issued) = with_api_key();
    let warden = builder.rules(rules()).build().unwrap();
    let request = Request::get("/").header("x-api-key", issued.key.expose());
    let answer = send(&warden, &Router::new().route("/", get(look)), request).await;
    assert_eq!(answer.text(), "2");
}
