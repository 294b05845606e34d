//! A whole `Warden`, over a trivial service and over the axum router with a JSON handler that the neighbours have.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use axum::extract::{ConnectInfo, Path};
use axum::{Json, Router, routing};
use http::Request;
use serde::Serialize;
use tower::Layer;
use tower_warden::authn::api_key::ApiKeyAuthenticator;
use tower_warden::authz::{Rules, public, scope};
use tower_warden::rate_limit::Quota;
use tower_warden::response_headers::ResponseHeadersLayer;
use tower_warden::warden::{Warden, WardenBuilder};

use super::api_keys::ISSUED;
use super::tokens::{checking, trust};
use super::with;
use crate::harness::{Bare, Case, Run, case, get, service, tokens::Signer};

pub(crate) fn trivial_case() -> Case {
    case("an empty 200, a token and the peer in the request", || {
        service(Bare, with(peer(), get(ORDER, &authorization(&Signer::rs256().bearer()))), 200)
    })
}

pub(crate) fn router_alone() -> Case {
    case("an axum router with a JSON handler", || {
        service(router(), request_of(&Signer::rs256().bearer()), 200)
    })
}

pub(crate) fn over_trivial() -> Vec<Case> {
    let over = |warden: Warden, header: &'static str, value: &str| -> Run {
        Box::new(service(warden.layer(Bare), with(peer(), get(ORDER, &[(header, value)])), 200))
    };
    kinds(over)
}

pub(crate) fn over_router() -> Vec<Case> {
    let over = |warden: Warden, header: &'static str, value: &str| -> Run {
        let request = with(peer(), get::<Body>(ORDER, &[(header, value)]));
        Box::new(service(warden.guard(router()), request, 200))
    };
    kinds(over)
}

/// The same stacks, over what `over` puts them.
fn kinds(over: impl Fn(Warden, &'static str, &str) -> Run + Copy + 'static) -> Vec<Case> {
    let bearer = move |signer: Signer, builder: WardenBuilder| {
        over(built(builder), "authorization", &signer.bearer())
    };
    let remembering = || {
        let signer = Signer::rs256();
        let builder = Warden::builder().trust_issuer(trust(&signer));
        (signer, builder)
    };
    let checking = move |signer: Signer| {
        let builder = Warden::builder().authenticate(checking(&signer));
        bearer(signer, builder)
    };
    vec![
        case("Warden, RS256, seen before", move || {
            let (signer, builder) = remembering();
            bearer(signer, builder)
        }),
        case("Warden, the same, over TLS (HSTS too)", move || {
            let (signer, builder) = remembering();
            bearer(signer, builder.response_headers(ResponseHeadersLayer::api().assume_https()))
        }),
        case("Warden, RS256, not seen before", move || checking(Signer::rs256())),
        case("Warden, ES256, not seen before", move || checking(Signer::es256())),
        case("Warden, API key", move || {
            let scheme = ApiKeyAuthenticator::new(ISSUED.store.clone());
            let warden = built(Warden::builder().authenticate(scheme));
            over(warden, "x-api-key", ISSUED.admitted[0].to_str().expect("ASCII"))
        }),
    ]
}

const ORDER: &str = "/orders/17";

/// Every control on, with quotas that no loop can use up.
fn built(builder: WardenBuilder) -> Warden {
    const PLENTY: Quota = Quota::per_second(1_000_000_000).burst(1_000_000);
    let rules = Rules::builder()
        .get("/health", public("probe"))
        .get("/orders", scope("orders:read"))
        .post("/orders", scope("orders:write"))
        .get("/orders/{id}", scope("orders:read"));
    let limited = builder.limit_by_address(PLENTY).limit_by_principal(PLENTY);
    limited.rules(rules).build().expect("a sound stack")
}

pub(super) fn peer() -> ConnectInfo<SocketAddr> {
    ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000)))
}

fn authorization(value: &str) -> [(&'static str, &str); 1] {
    [("authorization", value)]
}

/// A request for the order, with this `Authorization` field.
pub(crate) fn request_of(value: &str) -> impl Fn() -> Request<Body> + use<> {
    with(peer(), get(ORDER, &authorization(value)))
}

pub(crate) fn router() -> Router {
    Router::new().route("/orders/{id}", routing::get(order))
}

#[derive(Serialize)]
pub(crate) struct Order {
    id: u64,
    customer: &'static str,
    lines: [&'static str; 3],
    total: u64,
}

pub(crate) async fn order(Path(id): Path<u64>) -> Json<Order> {
    Json(Order { id, customer: "ada", lines: ["tea", "milk", "sugar"], total: 1_250 })
}
