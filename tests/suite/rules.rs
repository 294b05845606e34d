//! Function-level authorization through real layers: deny by default, agreement with axum's router, failing checks.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::routing::{MethodRouter, any, get};
use http::header::AUTHORIZATION;
use http::{Method, Request, Response, Uri, request};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator};
use tower_warden::authz::{
    Policy, PolicyError, Rule, Rules, RulesBuilder, RulesLayer, all_of, any_of, authenticated,
    check, check_async, check_async_within, not, public, role, scope, tenant_in_path,
};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rejection::{Challenge, Rejection, RejectionKind};

use crate::support::{Answer, TestBody, ask, get as get_request, request as request_of, through};

/// Believes a token that says what it grants: `scope:orders:read,role:admin,tenant:acme`.
#[derive(Debug)]
struct Believing(Challenge);

impl Authenticator for Believing {
    fn challenge(&self) -> &Challenge {
        &self.0
    }

    fn is_presented(&self, request: &request::Parts) -> bool {
        request.headers.contains_key(AUTHORIZATION)
    }

    fn authenticate(&self, request: &request::Parts) -> Attempt {
        let token = request.headers[AUTHORIZATION].to_str().unwrap();
        let Some(token) = token.strip_prefix(self.0.scheme()).map(str::trim_start) else {
            return Attempt::Ready(Err(Rejection::new(
                RejectionKind::InvalidCredentials,
                "scheme",
            )));
        };
        Attempt::Ready(Ok(principal(self.0.scheme(), token)))
    }
}

fn principal(scheme: &'static str, grants: &str) -> Principal {
    let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, scheme);
    grants
        .split(',')
        .fold(ada, |ada, grant| match grant.split_once(':') {
            Some(("scope", scope)) => ada.scope(scope),
            Some(("role", role)) => ada.role(role),
            Some(("tenant", tenant)) => ada.tenant(tenant),
            _ => ada,
        })
        .build()
}

fn authentication(scheme: &'static str) -> AuthenticateLayer {
    AuthenticateLayer::new(Believing(Challenge::new(scheme, "orders").unwrap())).optional()
}

fn stack(rules: RulesBuilder) -> (AuthenticateLayer, RulesLayer) {
    (authentication("Bearer"), RulesLayer::new(rules.build().unwrap()))
}

/// What a policy answers to a principal with these grants, on `GET /tenants/{tenant}/orders`.
async fn judged(policy: Policy, grants: &str) -> Answer {
    let layers = stack(Rules::builder().get("/tenants/{tenant}/orders", policy));
    let token = format!("Bearer {grants}");
    through(&layers, get_request("/tenants/acme/orders", &[("authorization", &token)])).await
}

fn orders() -> RulesBuilder {
    Rules::builder()
        .get("/health", public("load balancer probe"))
        .get("/orders/{id}", scope("orders:read"))
        .post("/orders", all_of([scope("orders:write"), not(role("suspended"))]))
        .delete("/orders/{id}", role("admin"))
        .any("/files/{*rest}", authenticated())
        .grpc("/orders.v1.Orders/Get", scope("orders:read"))
        .grpc_service("orders.v1.Reports", role("analyst"))
}

const READER: &str = "Bearer scope:orders:read";

#[tokio::test]
async fn z1_what_is_declared_is_admitted_and_everything_else_is_refused() {
    let layers = stack(orders());
    for (method, path, token, status) in [
        ("GET", "/health", "", 200),
        ("HEAD", "/health", "", 200),
        ("GET", "/orders/7", READER, 200),
        ("HEAD", "/orders/7", READER, 200),
        ("POST", "/orders", "Bearer scope:orders:write", 200),
        ("DELETE", "/orders/7", "Bearer role:admin", 200),
        ("OPTIONS", "/files/a/b", "Bearer -", 200),
        ("PURGE", "/files/a/b", "Bearer -", 200),
        ("GET", "http://orders.example/orders/7", READER, 200),
        ("GET", "/orders/7?x=/health", READER, 200),
        // Undeclared path.
        ("GET", "/", READER, 403),
        ("GET", "/admin", READER, 403),
        ("GET", "/orders", READER, 403),
        ("GET", "/orders/7/", READER, 403),
        ("GET", "/orders/7/items", READER, 403),
        ("GET", "/Orders/7", READER, 403),
        ("GET", "/files/", "Bearer -", 403),
        ("GET", "http://orders.example", READER, 403),
        // Undeclared method.
        ("OPTIONS", "/orders/7", READER, 403),
        ("POST", "/orders/7", READER, 403),
        ("TRACE", "/health", "", 403),
        ("get", "/health", "", 403),
        ("GETX", "/health", "", 403),
        // Request targets that are no path.
        ("OPTIONS", "*", READER, 403),
        ("CONNECT", "orders.example:443", READER, 403),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let headers = [("authorization", token)];
        let headers = if token.is_empty() { &headers[..0] } else { &headers[..] };
        let answer = through(&layers, request_of(method.clone(), path, headers)).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.reason());
        if status == 403 {
            assert_eq!(answer.reason(), "route_not_declared", "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn z1_an_anonymous_caller_of_an_undeclared_route_is_refused_without_a_challenge() {
    let answer = through(&stack(orders()), get_request("/admin", &[])).await;
    assert_eq!((answer.status, answer.reason()), (403, "route_not_declared"));
    assert_eq!(answer.header("www-authenticate"), "");
    assert_eq!(answer.rejection().unwrap().control(), "rules");
}

#[tokio::test]
async fn z1_an_empty_table_admits_nobody() {
    let answer =
        through(&stack(Rules::builder()), get_request("/", &[("authorization", READER)])).await;
    assert_eq!(answer.reason(), "route_not_declared");
}

#[tokio::test]
async fn z1_the_inner_service_is_called_for_admitted_requests_only() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let inner = service_fn(move |_request: Request<TestBody>| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, Infallible>(Response::new(TestBody::default())))
    });
    let slow = check_async_within(Duration::from_secs(1), "slow", |_, _| std::future::pending());
    let rules = orders().get("/slow", slow);
    let service = stack(rules).layer(inner);
    tokio::time::pause();
    for path in ["/admin", "/orders/7", "/slow", "/orders/../health"] {
        let request = get_request(path, &[("authorization", "Bearer -")]);
        assert_ne!(ask(service.clone(), request).await.status, 200, "{path}");
        assert_eq!(calls.load(Ordering::Relaxed), 0, "{path}");
    }
    ask(service, get_request("/health", &[])).await;
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn z2_rules_without_an_authentication_layer_refuse_with_500() {
    let rules = RulesLayer::new(orders().build().unwrap());
    let answer = through(&rules, get_request("/orders/7", &[("authorization", READER)])).await;
    assert_eq!((answer.status, answer.reason()), (500, "authentication_layer_missing"));
    // Public routes need no such layer, and undeclared ones no reason to tell.
    assert_eq!(through(&rules, get_request("/health", &[])).await.status, 200);
    assert_eq!(through(&rules, get_request("/admin", &[])).await.reason(), "route_not_declared");
}

#[tokio::test]
async fn z2_rules_outside_the_authentication_layer_refuse_with_500() {
    let rules = RulesLayer::new(orders().build().unwrap());
    let wrong_way_round = (rules, authentication("Bearer"));
    let answer =
        through(&wrong_way_round, get_request("/orders/7", &[("authorization", READER)])).await;
    assert_eq!((answer.status, answer.reason()), (500, "authentication_layer_missing"));
}

#[tokio::test]
async fn z2_a_principal_from_a_setup_of_ones_own_counts() {
    let rules = RulesLayer::new(orders().build().unwrap());
    let mut request = get_request("/orders/7", &[]);
    request.extensions_mut().insert(principal("Custom", "scope:orders:read"));
    assert_eq!(through(&rules, request).await.status, 200);
}

#[tokio::test]
async fn b4_a_401_of_the_rules_carries_the_challenges_of_the_authentication_layer() {
    let layers = stack(orders());
    let answer = through(&layers, get_request("/orders/7", &[])).await;
    assert_eq!((answer.status, answer.reason()), (401, "no_credentials"));
    assert_eq!(answer.all("www-authenticate"), ["Bearer realm=\"orders\""]);
}

#[tokio::test]
async fn b8_a_missing_scope_is_403_insufficient_scope_with_all_scopes_of_the_rule() {
    let policy = all_of([scope("orders:read"), authenticated(), scope("orders:export")]);
    let answer = judged(policy, "scope:orders:read").await;
    assert_eq!((answer.status, answer.reason()), (403, "scope_missing"));
    assert_eq!(answer.json()["code"], "insufficient_scope");
    assert_eq!(
        answer.all("www-authenticate"),
        [
            "Bearer realm=\"orders\", error=\"insufficient_scope\", scope=\"orders:read orders:export\""
        ]
    );
}

#[tokio::test]
async fn b8_a_caller_that_holds_the_scopes_named_is_not_told_to_ask_for_them() {
    // The first alternative lacks the role, the second a scope that no list of scopes alone makes up for.
    let policy = any_of([
        all_of([scope("a"), role("r")]),
        all_of([role("s"), scope("b")]),
        all_of([authenticated(), check("never", |_, _| false), scope("c")]),
    ]);
    let answer = judged(policy, "scope:a,role:s").await;
    assert_eq!((answer.status, answer.reason()), (403, "scope_missing"));
    assert_eq!(answer.header("www-authenticate"), "");
}

#[tokio::test]
async fn z8_a_403_has_no_challenge_but_for_a_missing_scope() {
    for (policy, grants, reason) in [
        (role("admin"), "role:clerk", "role_missing"),
        (not(role("suspended")), "role:suspended", "policy_denied"),
        (not(scope("robot")), "scope:robot", "policy_denied"),
        (check("never", |_, _| false), "-", "policy_denied"),
        (check_async("never", |_, _| async { Ok(false) }), "-", "policy_denied"),
        (tenant_in_path("tenant"), "tenant:other", "tenant_mismatch"),
        (tenant_in_path("tenant"), "-", "tenant_mismatch"),
        (all_of([role("admin"), scope("a")]), "-", "role_missing"),
    ] {
        let text = policy.to_string();
        let answer = judged(policy, grants).await;
        assert_eq!((answer.status, answer.reason()), (403, reason), "{text}");
        assert_eq!(answer.header("www-authenticate"), "", "{text}");
        assert_eq!(answer.json()["code"], "forbidden", "{text}");
    }
}

#[tokio::test]
async fn z8_a_scheme_without_error_codes_gets_no_challenge_for_a_missing_scope() {
    let layers = (authentication("ApiKey"), RulesLayer::new(orders().build().unwrap()));
    let answer = through(&layers, get_request("/orders/7", &[("authorization", "ApiKey -")])).await;
    assert_eq!((answer.status, answer.reason()), (403, "scope_missing"));
    assert_eq!(answer.header("www-authenticate"), "");
}

#[tokio::test]
async fn policies_admit_whom_they_describe() {
    let wait = || check_async("wait", |_, _| async { Ok(true) });
    for (policy, grants) in [
        (role("admin"), "role:admin"),
        (not(role("suspended")), "role:clerk"),
        (tenant_in_path("tenant"), "tenant:acme"),
        (any_of([role("admin"), scope("a")]), "scope:a"),
        (all_of([wait(), scope("a"), not(not(wait()))]), "scope:a"),
        (check("subject", |principal, _| principal.subject() == "ada"), "-"),
    ] {
        let text = policy.to_string();
        assert_eq!(judged(policy, grants).await.status, 200, "{text}");
    }
}

#[tokio::test]
async fn a_check_sees_the_request_as_the_handler_will() {
    let seen = check("facts", |_, request| {
        request.method() == Method::GET
            && request.pattern() == "/users/{name}/{*rest}"
            && request.param("name").as_deref() == Some("ada@example.com \u{f6}")
            && request.param("rest").as_deref() == Some("a/b")
            && request.param("other").is_none()
            && request.uri().query() == Some("q=1")
            && request.headers().contains_key("x-probe")
            && Principal::of(request.extensions()).is_some()
    });
    let layers = stack(Rules::builder().get("/users/{name}/{*rest}", seen));
    let headers = [("authorization", "Bearer -"), ("x-probe", "1")];
    let path = "/users/ada%40example.com%20%C3%B6/a/b?q=1";
    assert_eq!(through(&layers, get_request(path, &headers)).await.status, 200);
}

/// Panics without the output of the panic hook.
fn panicking() -> bool {
    std::panic::resume_unwind(Box::new("a panic in a check"))
}

#[tokio::test(start_paused = true)]
async fn z9_a_check_that_fails_panics_or_takes_too_long_denies() {
    let minute = Duration::from_secs(60);
    for (policy, reason) in [
        (check("p", |_, _| panicking()), "policy_panicked"),
        (check_async("p", |_, _| async { Ok(panicking()) }), "policy_panicked"),
        (check_async("p", |_, _| std::future::ready(Ok(panicking()))), "policy_panicked"),
        (check_async("e", |_, _| async { Err(PolicyError::new("broken")) }), "policy_failed"),
        (check_async("t", |_, _| std::future::pending()), "policy_timed_out"),
        (check_async_within(minute, "t", |_, _| std::future::pending()), "policy_timed_out"),
    ] {
        for policy in [policy.clone(), not(policy.clone()), all_of([authenticated(), policy])] {
            let text = policy.to_string();
            let answer = judged(policy, "-").await;
            assert_eq!((answer.status, answer.reason()), (403, reason), "{text}");
            assert_eq!(answer.header("www-authenticate"), "", "{text}");
            assert!(!answer.text().contains("broken"), "{}", answer.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn z9_a_check_in_time_is_heard_and_one_too_late_is_not() {
    let after = |millis| {
        check_async_within(Duration::from_secs(1), "slow", move |_, _| async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(true)
        })
    };
    assert_eq!(judged(after(999), "-").await.status, 200);
    assert_eq!(judged(after(1001), "-").await.reason(), "policy_timed_out");
}

#[tokio::test]
async fn z9_a_backend_that_is_down_is_503_with_retry_after() {
    let down =
        || check_async("down", |_, _| async { Err(PolicyError::unavailable("db: refused")) });
    let answer = judged(down(), "-").await;
    assert_eq!((answer.status, answer.reason()), (503, "policy_unavailable"));
    assert_eq!(answer.header("retry-after"), "5");
    assert!(!answer.text().contains("db"), "{}", answer.text());

    let hour = Duration::from_secs(3600);
    let longer =
        check_async(
            "down",
            move |_, _| async move { Err(PolicyError::unavailable_for(hour, "db")) },
        );
    assert_eq!(judged(longer, "-").await.header("retry-after"), "3600");

    assert_eq!(judged(not(down()), "-").await.status, 503);
    assert_eq!(judged(all_of([down(), role("admin")]), "-").await.reason(), "role_missing");
    assert_eq!(judged(any_of([down(), authenticated()]), "-").await.status, 200);
}

#[test]
fn z9_without_a_timer_an_async_check_denies() {
    // Polled outside a runtime with a timer: the time limit cannot be kept.
    let policy = check_async("no timer", |_, _| async { Ok(true) });
    let answer = std::thread::spawn(|| {
        let no_timer = tokio::runtime::Builder::new_current_thread().build().unwrap();
        no_timer.block_on(judged(policy, "-"))
    });
    let answer = answer.join().unwrap();
    assert_eq!((answer.status, answer.reason()), (403, "policy_panicked"));
}

#[tokio::test]
async fn z9_an_async_check_is_polled_only_where_the_rest_does_not_decide() {
    let polled = Arc::new(AtomicUsize::new(0));
    let counting = |answer| {
        let polled = polled.clone();
        check_async("counting", move |_, _| {
            let polled = polled.clone();
            async move {
                polled.fetch_add(1, Ordering::Relaxed);
                Ok(answer)
            }
        })
    };
    assert_eq!(judged(all_of([counting(true), role("admin")]), "-").await.status, 403);
    assert_eq!(judged(any_of([counting(false), authenticated()]), "-").await.status, 200);
    assert_eq!(polled.load(Ordering::Relaxed), 0);
    assert_eq!(judged(all_of([counting(false), counting(true)]), "-").await.status, 403);
    assert_eq!(polled.load(Ordering::Relaxed), 1, "the first answer decided");
}

#[tokio::test]
async fn g2_a_grpc_method_without_a_rule_is_permission_denied() {
    let layers = stack(orders());
    for (path, token, status) in [
        ("/orders.v1.Orders/Get", READER, ""),
        ("/orders.v1.Reports/Any", "Bearer role:analyst", ""),
        ("/orders.v1.Orders/Delete", READER, "7"),
        ("/orders.v1.Orders/get", READER, "7"),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", READER, "7"),
        ("/orders.v1.Reports/Any", READER, "7"),
        ("/orders.v1.Reports/Any/More", "Bearer role:analyst", "7"),
        ("/orders.v1.Orders/Get", "Bearer -", "7"),
        ("/orders.v1.Orders//Get", READER, "3"),
    ] {
        let headers = [("content-type", "application/grpc"), ("authorization", token)];
        let answer = through(&layers, request_of(Method::POST, path, &headers)).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (200, status), "{path} {token}");
    }
    let anonymous = [("content-type", "application/grpc")];
    let answer =
        through(&layers, request_of(Method::POST, "/orders.v1.Orders/Get", &anonymous)).await;
    assert_eq!(answer.header("grpc-status"), "16");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"orders\"");
}

#[tokio::test]
async fn z13_a_method_override_header_has_no_say() {
    let layers = stack(orders());
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let up = [("authorization", READER), (name, "GET")];
        let answer = through(&layers, request_of(Method::DELETE, "/orders/7", &up)).await;
        assert_eq!((answer.status, answer.reason()), (403, "role_missing"), "{name}");
        let down = [("authorization", READER), (name, "DELETE")];
        assert_eq!(through(&layers, get_request("/orders/7", &down)).await.status, 200, "{name}");
    }
}

/// A table whose broad rule is laxer than the narrow one: what path confusion wants to exploit.
fn public_around_admin() -> RulesBuilder {
    Rules::builder()
        .any("/public/{*rest}", public("assets"))
        .any("/admin/{*rest}", role("admin"))
        .any("/admin", role("admin"))
        .any("/{page}", public("pages"))
}

#[tokio::test]
async fn z13_paths_that_confused_other_gateways_are_refused() {
    let layers = stack(public_around_admin());
    for (advisory, path) in [
        ("CVE-2026-33494", "/public/../admin/users"),
        ("CVE-2026-33494", "/public/%2e%2e/admin/users"),
        ("CVE-2026-33494", "/public/..%2fadmin/users"),
        ("CVE-2026-33494", "/public/x/./../../admin/users"),
        ("CVE-2026-26205", "//admin/users"),
        ("CVE-2026-26205", "/public//admin/users"),
        ("CVE-2026-26205", "/admin//users"),
        ("GHSA-3q34-rx83-r6mq", "/public%2f..%2fadmin"),
        ("GHSA-3q34-rx83-r6mq", "/%61dmin"),
        ("GHSA-3q34-rx83-r6mq", "/public%252f%252e%252e%252fadmin"),
        ("GHSA-8pvw-jcv7-9cmj", "/public/%2e%2e%5cadmin"),
        ("GHSA-8pvw-jcv7-9cmj", "/public/a%2f..%2f..%2fadmin"),
        ("GHSA-8pvw-jcv7-9cmj", "/public/..\\admin"),
        ("path parameters", "/public/..;/admin/users"),
        ("path parameters", "/admin;x=y"),
        ("truncation", "/admin%00.png"),
        ("line break", "/admin%0d%0a"),
        ("overlong", "/public/%c0%ae%c0%ae/admin"),
        ("malformed", "/admin%"),
    ] {
        let answer = through(&layers, get_request(path, &[])).await;
        assert_eq!((answer.status, answer.reason()), (400, "ambiguous_path"), "{advisory} {path}");
        assert_eq!(answer.header("www-authenticate"), "", "{advisory} {path}");
    }
    assert_eq!(through(&layers, get_request("/public/a.css", &[])).await.status, 200);
    assert_eq!(through(&layers, get_request("/admin/users", &[])).await.status, 401);
}

#[tokio::test]
async fn z13_raw_bytes_outside_ascii_are_refused() {
    let mut request = get_request("/", &[]);
    *request.uri_mut() = Uri::try_from("/gr\u{f6}sse".as_bytes()).unwrap();
    let answer = through(&stack(public_around_admin()), request).await;
    assert_eq!((answer.status, answer.reason()), (400, "ambiguous_path"));
}

/// Answers with the pattern that axum matched.
fn echo() -> MethodRouter {
    any(async |matched: MatchedPath| matched.as_str().to_owned())
}

async fn sent(app: Router, path: &str) -> Answer {
    let request =
        Request::builder().uri(path).header("authorization", READER).body(Body::empty()).unwrap();
    ask(app, request).await
}

#[tokio::test]
async fn z13_inside_a_router_the_rules_find_the_route_that_axum_matched() {
    let (authentication, rules) = stack(orders());
    let app = Router::new()
        .route("/orders/{id}", get(async || "order"))
        .route("/health", get(async || "well"))
        .layer(rules)
        .layer(authentication);
    assert_eq!(sent(app.clone(), "/orders/7").await.text(), "order");
    assert_eq!(sent(app.clone(), "/health").await.text(), "well");
    // Not routed and not declared: the rules answer before the router's 404.
    assert_eq!(sent(app, "/nowhere").await.reason(), "route_not_declared");
}

#[tokio::test]
async fn z13_a_table_with_a_route_that_the_router_lacks_is_refused_where_they_disagree() {
    // The table believes in a public page that would shadow the guarded route; the router has the guarded route only.
    let rules =
        Rules::builder().get("/users/{id}", role("admin")).get("/users/me", public("own page"));
    let (authentication, rules) = stack(rules);
    let app = Router::new().route("/users/{id}", echo()).layer(rules).layer(authentication);
    let answer = sent(app, "/users/me").await;
    assert_eq!((answer.status, answer.reason()), (500, "rule_and_route_disagree"));
}

#[tokio::test]
async fn z13_around_a_nested_router_the_rules_read_the_whole_path() {
    let inner = || Router::new().route("/orders/{id}", echo());
    let (authentication, rules) =
        stack(Rules::builder().get("/api/orders/{id}", scope("orders:read")));
    let app =
        Router::new().nest("/api", inner()).layer(rules.clone()).layer(authentication.clone());
    assert_eq!(sent(app.clone(), "/api/orders/7").await.text(), "/api/orders/{id}");
    assert_eq!(sent(app, "/orders/7").await.reason(), "route_not_declared");

    let around = (authentication, rules).layer(Router::new().nest("/api", inner()));
    let request = Request::builder().uri("/api/orders/7").header("authorization", READER);
    assert_eq!(ask(around, request.body(Body::empty()).unwrap()).await.text(), "/api/orders/{id}");
}

#[tokio::test]
async fn z13_inside_a_nested_router_the_rules_read_the_rest_of_the_path() {
    let nested = |rules: RulesBuilder| {
        let (authentication, rules) = stack(rules);
        let inner = Router::new().route("/orders/{id}", echo()).layer(rules).layer(authentication);
        Router::new().nest("/api", inner)
    };
    let app = nested(Rules::builder().get("/orders/{id}", scope("orders:read")));
    assert_eq!(sent(app, "/api/orders/7").await.text(), "/api/orders/{id}");
    // A table for the whole path in that place cannot find its rule, and says so.
    let app = nested(Rules::builder().get("/api/orders/{id}", scope("orders:read")));
    assert_eq!(sent(app, "/api/orders/7").await.reason(), "rule_and_route_disagree");
}

#[tokio::test]
async fn z13_head_is_answered_under_the_rule_for_get() {
    let (authentication, rules) =
        stack(Rules::builder().get("/orders/{id}", scope("orders:write")));
    let app = Router::new()
        .route("/orders/{id}", get(async || "order"))
        .layer(rules)
        .layer(authentication);
    let head = |token| {
        let request = Request::head("/orders/7").header("authorization", token);
        ask(app.clone(), request.body(Body::empty()).unwrap())
    };
    assert_eq!(head(READER).await.status, 403);
    assert_eq!(head("Bearer scope:orders:write").await.status, 200);
}

/// Patterns that overlap in many ways.
const PATTERNS: [&str; 14] = [
    "/", "/a", "/a/", "/{x}", "/a/b", "/a/{x}", "/{x}/b", "/{x}/{y}", "/a/{x}/c", "/a/b{x}",
    "/a/{*x}", "/{*x}", "/{{a}}", "/%7Ea",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever axum routes, the rules judge under the same pattern; what it does not route, they do not declare.
    #[test]
    fn z13_rules_and_axum_read_a_path_alike(
        patterns in proptest::sample::subsequence(PATTERNS.as_slice(), 1..9),
        paths in proptest::collection::vec("(/(a|b|c|bb|\\{a\\}|%7Ea|%7ea|x)?){1,4}", 1..9),
    ) {
        let builder = patterns.iter().fold(Rules::builder(), |rules, pattern| rules.get(pattern, public("test")));
        // Conflicting patterns make axum panic and the table refuse to build.
        let Ok(rules) = builder.build() else { return Ok(()) };
        let router = patterns.iter().fold(Router::new(), |router, pattern| router.route(pattern, echo()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for path in paths {
            let request = || Request::builder().uri(&path).body(Body::empty()).unwrap();
            let routed = runtime.block_on(ask(router.clone(), request()));
            let judged = rules.rule_for(&Method::GET, &path).map(Rule::pattern);
            let expected = (routed.status == 200 && !path.contains("//")).then(|| routed.text());
            prop_assert_eq!(judged, expected, "{}", path);

            // The layer agrees with the table, around the router and inside of it.
            let layer = RulesLayer::new(rules.clone());
            let around = runtime.block_on(ask(layer.layer(router.clone()), request()));
            let inside = runtime.block_on(ask(router.clone().layer(layer), request()));
            prop_assert_eq!(around.status == 200, judged.is_some(), "{}", path);
            prop_assert_eq!(around.status, inside.status, "{}", path);
        }
    }
}

#[tokio::test]
async fn the_rules_work_over_a_buffer() {
    let (authentication, rules) = stack(orders());
    let inner = tower::util::BoxCloneService::new(service_fn(crate::support::hello));
    let buffered = tower::ServiceBuilder::new().layer(rules).buffer(1).service(inner);
    let answer = authentication.layer(buffered).oneshot(get_request("/health", &[])).await;
    assert_eq!(answer.unwrap().status(), 200);
}
