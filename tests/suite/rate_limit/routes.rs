//! Limits that are about some routes, and what routes cost.

use axum::Router;
use axum::routing::{get, post};
use tower::ServiceExt;
use tower_warden::client_address::ClientAddress;
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};

use super::{GRPC, built, from};
use crate::support::{TestBody, request as request_of, through};

fn limit(tokens: u64) -> Limit {
    Limit::by_address("routes", Quota::per_hour(tokens))
}

fn layer(limit: Limit) -> RateLimitLayer {
    built(RateLimitLayer::builder().limit(limit)).0
}

fn to(route: &str) -> http::Request<TestBody> {
    let (method, path) = route.split_once(' ').unwrap();
    let mut request = request_of(method.parse().unwrap(), path, &[]);
    request.extensions_mut().insert(ClientAddress::new("192.0.2.1".parse().unwrap()));
    request
}

/// What a request to a route leaves of 100 tokens; 100 where it is not counted.
async fn costs(limit: &Limit, route: &str) -> u64 {
    let answer = through(&layer(limit.clone()), to(route)).await;
    assert_eq!(answer.status, 200, "{route}: {}", answer.reason());
    let Some(field) = answer.headers.get("ratelimit") else { return 0 };
    let left = field.to_str().unwrap().split(['=', ';']).nth(2).unwrap();
    100 - left.parse::<u64>().unwrap()
}

#[tokio::test]
async fn q14_a_route_costs_what_was_said() {
    let limit = limit(100)
        .cost_of(|head| if head.uri.query().is_some() { 3 } else { 2 })
        .cost_of_route("POST /exports", 20)
        .cost_of_route("/reports/{id}", 5)
        .cost_of_route("GET /health", 0)
        .cost_of_route("/shop.v1.Orders/Create", 7);
    for (route, expected) in [
        ("POST /exports", 20),
        ("POST /exports?a=/health", 20),
        ("GET /exports", 2),
        ("GET /exports?a", 3),
        ("GET /reports/7", 5),
        ("DELETE /reports/8", 5),
        ("GET /health", 0),
        ("HEAD /health", 0),
        ("POST /shop.v1.Orders/Create", 7),
        // Spellings that only may be the route are no cheaper, and what may be any route is as dear as the dearest.
        ("POST /exports/", 20),
        ("GET /health/", 2),
        ("POST /%65xports", 20),
        ("POST //exports", 20),
        ("GET /x/../exports", 20),
        ("GET /health;v=1", 20),
    ] {
        assert_eq!(costs(&limit, route).await, expected, "{route}");
    }
}

#[tokio::test]
async fn q14_only_and_except_choose_the_routes() {
    let only = limit(100).only_routes(["POST /login", "/reset/{token}"]);
    let except = limit(100).except_routes(["/health", "GET /static/{*file}"]);
    let both = only.clone().except_routes(["/reset/{token}"]);
    for (limit, route, counted) in [
        (&only, "POST /login", 1),
        (&only, "POST /login/", 1),
        (&only, "POST /login//", 1),
        (&only, "POST /logi%6e", 1),
        (&only, "GET /login", 0),
        (&only, "PUT /reset/1", 1),
        (&only, "GET /", 0),
        (&except, "GET /health", 0),
        (&except, "GET /health/", 1),
        (&except, "GET /static/a/b", 0),
        (&except, "HEAD /static/a/b", 0),
        (&except, "GET /static/../orders", 1),
        (&except, "GET /static//orders", 1),
        (&except, "POST /static/a", 1),
        (&both, "POST /login", 1),
        (&both, "PUT /reset/1", 0),
    ] {
        assert_eq!(costs(limit, route).await, counted, "{route} {limit:?}");
    }
}

#[test]
fn q14_bad_routes_do_not_build() {
    let none: [&str; 0] = [];
    for limit in [
        limit(9).only_routes(none),
        limit(9).only_routes(["login"]),
        limit(9).only_routes(["post /login"]),
        limit(9).only_routes(["/a", "/a"]),
        limit(9).only_routes(["/{a}", "/{b}"]),
        limit(9).except_routes(["/a/:id"]),
        limit(9).except_routes(["GET /a", "GET /a"]),
        limit(9).cost_of_route("/a", 10),
        limit(9).cost_of_route("/a", 1).cost_of_route("/a", 2),
        limit(9).cost_of_route("GET", 1),
    ] {
        let error = RateLimitLayer::builder().limit(limit.clone()).build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        assert_eq!(error.problems()[0].culprit(), "rate limiter \"routes\"");
    }
    let fine = limit(9).cost_of_route("/a", 9).cost_of_route("GET /a", 0).only_routes(["/a"]);
    assert!(RateLimitLayer::builder().limit(fine).build().is_ok());
}

#[tokio::test]
async fn q14_what_costs_more_than_a_bucket_holds_is_refused_without_a_promise() {
    for cost in [10, 1_000_000, u64::MAX] {
        let layer =
            layer(limit(9).cost_of(move |head| if head.method == "PUT" { cost } else { 1 }));
        let answer = through(&layer, to("PUT /")).await;
        assert_eq!((answer.status, answer.reason()), (429, "cost_exceeds_quota"));
        assert_eq!((answer.header("retry-after"), answer.header("ratelimit")), ("", ""));
        let answer = through(&layer, to("GET /")).await;
        assert_eq!(answer.header("ratelimit"), "\"routes\";r=8;t=400", "it was charged nothing");
    }
}

/// Statuses of requests through a real router.
async fn routed(app: Router, requests: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for request in requests {
        let request = to(request).map(axum::body::Body::new);
        statuses.push(app.clone().oneshot(request).await.unwrap().status().as_u16());
    }
    statuses
}

fn shop() -> Router {
    let orders = Router::new()
        .route("/orders/{id}", get(async || "a loom"))
        .route("/orders/export", get(async || "all looms"));
    Router::new()
        .nest("/api", orders)
        .route("/login", post(async || "in"))
        .route("/files/{*rest}", get(async || "a file"))
}

#[tokio::test]
async fn q14_inside_a_router_the_route_that_it_matched_counts() {
    let limit = limit(1).only_routes(["GET /api/orders/{order}"]);
    let requests =
        ["GET /api/orders/export", "GET /api/orders/export", "GET /files/a;b", "GET /files/a;b"];
    assert_eq!(routed(shop().layer(layer(limit.clone())), &requests).await, [200; 4]);
    let requests = ["GET /api/orders/7", "HEAD /api/orders/8"];
    assert_eq!(routed(shop().layer(layer(limit.clone())), &requests).await, [200, 429]);

    // Within the nested router the path is cut, and the route is still the whole one.
    let orders = Router::new().route("/orders/{id}", get(async || "a loom")).layer(layer(limit));
    let app = Router::new().nest("/api", orders);
    assert_eq!(routed(app, &requests).await, [200, 429]);
}

#[tokio::test]
async fn q14_no_spelling_that_the_router_serves_dodges_a_limit() {
    for (route, pattern, spellings) in [
        (
            "POST /login",
            "POST /login",
            &["POST /login?", "POST /login?x=1", "POST http://h.example/login"][..],
        ),
        (
            "GET /files/a",
            "/files/{*rest}",
            &[
                "HEAD /files/a",
                "GET /files/a/../b",
                "GET /files/%61",
                "GET /files/a//b",
                "GET /files/;",
            ],
        ),
        (
            "GET /api/orders/7",
            "GET /api/orders/{id}",
            &["GET /api/orders/%37", "HEAD /api/orders/.", "GET /api/orders/a%2fb"],
        ),
    ] {
        for spelling in spellings {
            for inside in [true, false] {
                let layer = layer(limit(1).only_routes([pattern]));
                let app = if inside {
                    shop().layer(layer)
                } else {
                    Router::new().fallback_service(tower::Layer::layer(&layer, shop()))
                };
                let statuses = routed(app, &[route, spelling]).await;
                assert_eq!(statuses, [200, 429], "{spelling} inside: {inside}");
            }
        }
    }
}

#[tokio::test]
async fn q14_each_limit_by_route_knows_its_own_routes() {
    let by_route = |name: &'static str, route: &str| {
        Limit::new(name, Key::route(), Quota::per_hour(1)).cost_of_route(route, 1)
    };
    let builder =
        RateLimitLayer::builder().limit(by_route("a", "/a/{x}")).limit(by_route("b", "/b/{x}"));
    let (layer, _clock) = built(builder);
    assert_eq!(through(&layer, to("GET /a/1")).await.status, 200);
    let answer = through(&layer, to("GET /a/2")).await;
    assert_eq!(
        answer.json()["violated-policies"],
        serde_json::json!(["a", "b"]),
        "elsewhere for b"
    );
}

#[tokio::test]
async fn q14_routes_cost_over_grpc_too() {
    let layer = layer(limit(10).cost_of_route("/shop.v1.Orders/Create", 6));
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let mut request = from("192.0.2.1", &[GRPC]);
        *request.uri_mut() = http::Uri::from_static("/shop.v1.Orders/Create");
        *request.method_mut() = http::Method::POST;
        statuses.push(through(&layer, request).await.header("grpc-status").to_owned());
    }
    assert_eq!(statuses, ["", "8"]);
}
