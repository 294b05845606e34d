//! Rules: tables of twelve to ten thousand routes, half of them with parameters.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_warden::authz::scope_use::ScopeUse;
use tower_warden::authz::{Rules, RulesLayer, all_of, public, scope};

use super::{caller, with};
use crate::harness::{Bare, Case, Run, case, get, service};

pub(crate) fn bare_case() -> Case {
    case("an empty 200, a principal in the request", || service(Bare, by_caller("/health"), 200))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("12 routes, public", || asked(12, "/health", 200)),
        case("12 routes, scope", || asked(12, "/service4/orders", 200)),
        case("12 routes, parameters and two scopes", || asked(12, TWO_PARAMETERS, 200)),
        case("12 routes, scope, use recorded", || recorded(12, "/service4/orders")),
        case("12 routes, parameters and two scopes, use recorded", || recorded(12, TWO_PARAMETERS)),
        case("100 routes, public", || asked(100, "/health", 200)),
        case("100 routes, scope", || asked(100, "/service4/orders", 200)),
        case("100 routes, parameters and two scopes", || asked(100, TWO_PARAMETERS, 200)),
        case("500 routes, public", || asked(500, "/health", 200)),
        case("500 routes, scope", || asked(500, "/service4/orders", 200)),
        case("500 routes, parameters and two scopes", || asked(500, TWO_PARAMETERS, 200)),
        case("10,000 routes, public", || asked(10_000, "/health", 200)),
        case("10,000 routes, scope", || asked(10_000, "/service4/orders", 200)),
        case("10,000 routes, parameters and two scopes", || asked(10_000, TWO_PARAMETERS, 200)),
        case("500 routes, no such route, refused", || asked(500, "/service4/bills", 403)),
        case("500 routes, scope missing, refused", || asked(500, "/admin", 403)),
    ]
}

const TWO_PARAMETERS: &str = "/service4/orders/17/lines/3";

/// As a browser or a program asks, and somebody authenticated.
fn by_caller(path: &'static str) -> impl Fn() -> Request<Full<Bytes>> + 'static {
    with(caller(), get(path, &[("accept", "application/json")]))
}

pub(crate) fn table(routes: usize) -> Rules {
    let both = || all_of([scope("orders:read"), scope("orders:write")]);
    let mut rules = Rules::builder().get("/health", public("probe")).get("/admin", scope("admin"));
    for number in 0..(routes - 2) / 2 {
        rules = rules
            .get(&format!("/service{number}/orders"), scope("orders:read"))
            .get(&format!("/service{number}/orders/{{id}}/lines/{{line}}"), both());
    }
    rules.build().expect("a sound table")
}

/// By somebody whom the recorder has seen before.
fn recorded(routes: usize, path: &'static str) -> Run {
    let scope_use = ScopeUse::new(20_000);
    let rules = RulesLayer::new(table(routes)).scope_use(&scope_use);
    Box::new(service(rules.layer(Bare), by_caller(path), 200))
}

fn asked(routes: usize, path: &'static str, expected: u16) -> Run {
    let rules = RulesLayer::new(table(routes));
    Box::new(service(rules.layer(Bare), by_caller(path), expected))
}
