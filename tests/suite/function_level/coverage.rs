//! Routers whose routes are all proved to have a rule, and rules that are all proved to have a route.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::response::Response;
use axum::routing::MethodFilter;
use http::Method;
use proptest::prelude::*;
use tower::service_fn;
use tower_warden::authz::{Rule, Rules, RulesBuilder, authenticated, public, role};
use tower_warden::frameworks::axum::methods::{Methods, any, get, get_service, on, post};
use tower_warden::frameworks::axum::{GuardedRouter, Routes};
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;
use tower_warden::{ConfigError, client_address::PeerAddress};

use crate::support::{Answer, ask};

fn guarded(rules: RulesBuilder, routes: Routes) -> Result<GuardedRouter, ConfigError> {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
    warden.guard_routes(routes)
}

fn problems(rules: RulesBuilder, routes: Routes) -> Vec<String> {
    let error = guarded(rules, routes).unwrap_err();
    error.problems().iter().map(ToString::to_string).collect()
}

async fn sent(service: &GuardedRouter, method: &str, path: &str) -> Answer {
    let peer = PeerAddress(([192, 0, 2, 1], 40000).into());
    let request = http::Request::builder().method(method).uri(path).extension(peer);
    ask(service.clone(), request.body(Body::empty()).unwrap()).await
}

async fn hello() -> &'static str {
    "hello"
}

/// Answers with the pattern that axum matched.
fn echo<S: Clone + Send + Sync + 'static>() -> Methods<S> {
    get(async |matched: MatchedPath| matched.as_str().to_owned())
}

async fn served(request: Request) -> Result<Response, Infallible> {
    Ok(Response::new(Body::from(request.uri().path().to_owned())))
}

fn open(patterns: &[&str]) -> RulesBuilder {
    patterns.iter().fold(Rules::builder(), |rules, pattern| rules.any(pattern, public("test")))
}

#[tokio::test]
async fn z1_routes_nested_merged_and_layered_are_served_under_their_rules() {
    let rules = Rules::builder()
        .get("/health", public("probe"))
        .post("/health", role("admin"))
        .get("/api/orders/{id}", public("test"))
        .get("/api", public("test"))
        .any("/files/{*path}", public("test"))
        .any("/files", public("test"))
        .get("/files/", public("test"))
        .get("/late", public("test"))
        .any("/any", public("test"))
        .get("/own", public("test"));
    let inner = Routes::<u8>::new().route("/orders/{id}", echo()).route("/", echo());
    let routes = Routes::new()
        .route("/health", get(async |State(state): State<u8>| state.to_string()))
        .route("/health", post(hello))
        .nest("/api", inner)
        .nest_service("/files", service_fn(served))
        .merge(Routes::new().route("/late", get_service(service_fn(served))))
        .route_layer(axum::middleware::map_response(async |response: Response| response))
        .with_state(7)
        .route("/any", any(hello).get(echo_text))
        .route_service("/own", service_fn(served));
    let service = guarded(rules, routes).unwrap();
    for (path, text) in [
        ("/health", "7"),
        ("/api/orders/3", "/api/orders/{id}"),
        ("/api", "/api"),
        ("/files", "/"),
        ("/files/", "/"),
        ("/files/a/b", "/a/b"),
        ("/late", "/late"),
        ("/any", "/any"),
        ("/own", "/own"),
    ] {
        let answer = sent(&service, "GET", path).await;
        assert_eq!((answer.status, answer.text()), (200, text), "{path}");
    }
    assert_eq!(sent(&service, "PURGE", "/any").await.text(), "hello");
    assert_eq!(sent(&service, "POST", "/health").await.status, 401);
    assert_eq!(sent(&service, "HEAD", "/api").await.status, 200);
    assert_eq!(sent(&service, "POST", "/own").await.reason(), "route_not_declared");
}

async fn echo_text(matched: MatchedPath) -> String {
    matched.as_str().to_owned()
}

#[test]
fn z1_every_route_without_a_rule_and_every_rule_without_a_route_is_told_at_once() {
    let rules = Rules::builder()
        .get("/orders/{id}", authenticated())
        .put("/orders", authenticated())
        .get("/Users", authenticated())
        .get("/pages/", authenticated())
        .get("/any", authenticated())
        .options("/get", authenticated())
        .head("/get", authenticated())
        .get("/get", authenticated())
        .delete("/gone", authenticated())
        .any("/assets/{*file}", public("assets"));
    let routes = Routes::new()
        .route("/orders/{order}", get(hello).delete(hello))
        .route("/orders", get(hello).put(hello).post(hello))
        .nest("/users", Routes::new().route("/", get(hello)))
        .route("/pages", get(hello))
        .route("/any", any(hello))
        .route("/get", get(hello))
        .nest_service("/assets", service_fn(served))
        .merge(Routes::new().route("/debug", on(MethodFilter::GET.or(MethodFilter::TRACE), hello)));
    assert_eq!(
        problems(rules, routes),
        [
            "GET, DELETE /orders/{order}: has no rule: `/orders/{id}` names its parameters otherwise",
            "GET /orders: has no rule: rules name PUT alone",
            "POST /orders: has no rule: rules name PUT alone",
            "GET /users: has no rule: `/Users` is another path",
            "GET /pages: has no rule: `/pages/` is another path",
            "* /any: answers every method, and rules name GET alone",
            "* /assets: has no rule",
            "* /assets/: has no rule",
            "GET, TRACE /debug: has no rule",
            "GET /orders/{id}: matches no route: `/orders/{order}` names its parameters otherwise",
            "GET /Users: matches no route: `/users` is another path",
            "GET /pages/: matches no route: `/pages` is another path",
            "OPTIONS /get: matches no handler: the route answers GET",
            "DELETE /gone: matches no route",
        ]
    );
}

#[test]
fn z1_what_axum_would_panic_about_is_a_problem_like_the_others() {
    let fallback = |routes: Routes| routes.fallback(["/{*rest}"], hello);
    let with_fallback = || fallback(Routes::new());
    let routes = Routes::new()
        .route_layer(axum::middleware::map_response(async |response: Response| response))
        .route("/a", get(hello).get(hello))
        .route("/b", get(hello))
        .route("/b", get(hello).post(hello))
        .route("/c/{x}", get(hello))
        .route("/c/{y}", get(hello))
        .route("d", get(hello))
        .route("/e//f", get(hello))
        .route("/g", any(hello))
        .route("/g", any(hello))
        .route("/h", any(hello).get(hello))
        .route("/h", get(hello))
        .route_service("/i", service_fn(served))
        .route("/i", get(hello))
        .route_service("/n", axum::Router::<()>::new())
        .nest("/", Routes::new())
        .nest("/{*rest}", Routes::new().route("/", get(hello)))
        .nest("j", Routes::new())
        .nest_service("/", service_fn(served))
        .merge(Routes::new().route("/b", get(hello)))
        .nest("/k", with_fallback())
        .nest("/k", with_fallback())
        .nest("/l", Routes::new().nest("/m", with_fallback()))
        .merge(with_fallback())
        .merge(with_fallback())
        .fallback([], hello);
    let told = problems(open(&["/{*rest}", "/a", "/b", "/c/{x}", "/g", "/h", "/i"]), routes);
    assert_eq!(
        told,
        [
            "route_layer: stands before all routes, so it is around none",
            "/a: has two handlers for GET",
            "/b: has two handlers for one method",
            "/c/{y}: Insertion failed due to conflict with previously registered route: /c/{x}",
            "d: a pattern starts with `/`",
            "/e//f: holds an empty segment, and a path with it is refused before rules are looked up",
            "/g: has two handlers for every method",
            "/h: has two handlers for one method",
            "/i: has a service, and nothing can stand beside it",
            "/n: is to be served by a whole router; `nest` does that",
            "/: is no prefix to nest under; `merge` does that",
            "/{*rest}: nests under a rest",
            "j: a pattern starts with `/`",
            "/: is no prefix to nest under; `merge` does that",
            "/b: has two handlers for one method",
            "/k: has two fallbacks",
            "/l: holds a fallback and has none of its own, so axum never asks it",
            "fallback: there are two of them",
            "fallback: is for no pattern, so no rule lets anybody reach it",
            "fallback: there are two of them",
            "/k/{*rest}: is for the fallback, and no rule lets anybody reach it",
            "/k/{*rest}: is for the fallback, and no rule lets anybody reach it",
            "/l/m/{*rest}: is for the fallback, and no rule lets anybody reach it",
        ]
    );
}

#[tokio::test]
async fn z1_a_fallback_is_reached_where_a_rule_says_so_and_nowhere_else() {
    let routes = |patterns: &[&str]| {
        let inner = Routes::new()
            .route("/here", get(hello))
            .fallback(["/{*rest}"], async || "inner fallback");
        Routes::new()
            .route("/here", get(hello))
            .nest("/api", inner)
            .fallback(patterns.iter().copied(), async || "fallback")
    };
    let rules = || open(&["/here", "/api/here", "/{*rest}", "/api/{*rest}"]);
    let service = guarded(rules(), routes(&["/{*rest}"])).unwrap();
    for (path, status, text) in [
        ("/here", 200, "hello"),
        ("/there", 200, "fallback"),
        ("/here/there", 200, "fallback"),
        ("/api/here", 200, "hello"),
        ("/api/there", 200, "inner fallback"),
    ] {
        let answer = sent(&service, "GET", path).await;
        assert_eq!((answer.status, answer.text()), (status, text), "{path}");
    }
    assert_eq!(sent(&service, "GET", "/").await.reason(), "route_not_declared");

    assert_eq!(
        problems(open(&["/here", "/api/here", "/api/{*rest}"]), routes(&["/{*rest}", "/here"])),
        [
            "/{*rest}: is for the fallback, and no rule lets anybody reach it",
            "/here: is a route, so the fallback is never asked there",
        ]
    );
    // A rule that is for no pattern of a fallback has to have a route, fallback or not.
    assert_eq!(
        problems(rules().get("/typo", public("t")), routes(&["/{*rest}"])),
        ["GET /typo: matches no route"]
    );
}

#[tokio::test]
async fn z13_a_rule_for_the_fallback_decides_on_no_path_that_a_route_matches() {
    let rules = Rules::builder()
        .get("/users/{id}", role("admin"))
        .any("/users/me", public("the old page says where the new one is"))
        .any("/{*rest}", public("not found"));
    let routes = Routes::new()
        .route("/users/{id}", get(hello))
        .fallback(["/users/me", "/{*rest}"], async || "fallback");
    let service = guarded(rules, routes).unwrap();
    assert_eq!(sent(&service, "GET", "/users/7").await.status, 401);
    assert_eq!(sent(&service, "GET", "/elsewhere").await.text(), "fallback");
    let answer = sent(&service, "GET", "/users/me").await;
    assert_eq!((answer.status, answer.reason()), (500, "rule_and_route_disagree"));
    assert!(!answer.text().contains("hello"));
}

#[test]
fn z1_a_route_needs_its_rule_in_one_section_of_a_host() {
    let rules = || {
        Rules::builder()
            .get("/", public("home"))
            .host("admin.example", |admin| admin.get("/users", role("admin")).post("/", role("a")))
    };
    let routes = || Routes::new().route("/", get(hello).post(hello)).route("/users", get(hello));
    assert!(guarded(rules(), routes()).is_ok());
    assert_eq!(
        problems(
            rules().host("admin.example", |admin| admin.get("/gone", role("admin"))),
            routes().route("/new", get(hello))
        ),
        ["GET /new: has no rule", "GET admin.example/gone: matches no route"]
    );
}

/// One router and what is nested in it or merged with it.
#[derive(Clone, Debug)]
struct Tree {
    routes: Vec<String>,
    children: Vec<(Option<String>, Self)>,
}

fn tree() -> impl Strategy<Value = Tree> {
    let segment = "(/(a|b|c\\{x\\}|\\{y\\}|\\{z\\}|\\{\\{q\\}\\}|d/)){1,2}";
    let routes = move || {
        proptest::collection::vec(
            prop_oneof![segment, Just("/".to_owned()), Just("/e/{*w}".to_owned())],
            0..4,
        )
    };
    let leaf = routes().prop_map(|routes| Tree { routes, children: Vec::new() });
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let child = (proptest::option::of("/(a|n|p\\{t\\}|\\{u\\}|m/)"), inner);
        (routes(), proptest::collection::vec(child, 0..3))
            .prop_map(|(routes, children)| Tree { routes, children })
    })
}

impl Tree {
    fn build(&self) -> Routes {
        let own =
            self.routes.iter().fold(Routes::new(), |routes, pattern| routes.route(pattern, echo()));
        self.children.iter().fold(own, |routes, (prefix, child)| match prefix {
            Some(prefix) => routes.nest(prefix, child.build()),
            None => routes.merge(child.build()),
        })
    }
}

/// The patterns that a guard reports when there are no rules but one that is in nobody's way.
fn recorded(routes: Routes) -> Result<Vec<String>, Vec<String>> {
    let told = problems(Rules::builder().get("/unrelated/rule", public("test")), routes);
    let (patterns, others): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|problem| problem.contains(": has no rule"));
    let others: Vec<_> = others.into_iter().filter(|other| !other.contains("/unrelated")).collect();
    let pattern = |problem: String| {
        let (route, _) = problem.strip_prefix("GET ").unwrap().split_once(": has no rule").unwrap();
        route.to_owned()
    };
    if others.is_empty() { Ok(patterns.into_iter().map(pattern).collect()) } else { Err(others) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What is recorded is what axum matches, for every route, and the rules agree on every path. No tree makes axum panic.
    #[test]
    fn z1_recorded_patterns_are_those_that_axum_matches(
        tree in tree(),
        paths in proptest::collection::vec("(/(a|b|c1|n|p2|m|d|e|x|\\{q\\})){0,4}/?", 1..12),
    ) {
        // Conflicts are told instead of a panic.
        let recorded = recorded(tree.build());
        prop_assume!(recorded.is_ok());
        let patterns = recorded.unwrap();
        let router = tree.build().into_unguarded_router();
        // In another order than the routes have.
        let rules = patterns.iter().rev().fold(Rules::builder(), |rules, pattern| rules.get(pattern, public("test")));
        let rules = rules.get("/unrelated/rule", public("test"));
        let table = rules.clone().build().unwrap();
        let routes = tree.build().route("/unrelated/rule", get(hello));
        prop_assert!(guarded(rules, routes).is_ok());

        // Each pattern without its braces, and paths of chance.
        let plain = |pattern: &String| {
            let literal = pattern.replace("{{", "\u{1}").replace("}}", "\u{2}");
            literal.replace("{*", "").replace(['{', '}'], "").replace('\u{1}', "{").replace('\u{2}', "}")
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for path in patterns.iter().map(plain).chain(paths.into_iter().filter(|path| path.starts_with('/') && !path.contains("//"))) {
            let request = http::Request::get(&path).body(Body::empty()).unwrap();
            let answer = runtime.block_on(ask(router.clone(), request));
            let matched = (answer.status == 200).then(|| answer.text().to_owned());
            prop_assert_eq!(table.rule_for(&Method::GET, &path).map(Rule::pattern), matched.as_deref(), "{}", path);
            if let Some(matched) = matched {
                prop_assert!(patterns.contains(&matched), "{} is not recorded", matched);
            }
        }
    }
}
