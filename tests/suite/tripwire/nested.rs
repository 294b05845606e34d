//! Rules inside of rules, and rules that are not there.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::get;
use tower::{ServiceExt, service_fn};
use tower_warden::authz::object::{Delete, Guard, Read};
use tower_warden::authz::{Access, RulesLayer, authenticated, public};

use super::{
    Draft, HIDDEN, Handler, MINE, Order, Service, asked, handler, inner, layered, reply, rules,
    warden,
};
use crate::support::{Answer, Logs};

/// All ways to put one stack into another.
fn nestings(outer: &Access, innermost: &Access, handler: &Handler) -> Vec<(&'static str, Service)> {
    let alone = |access: &Access| RulesLayer::new(rules(access.clone()).build().unwrap());
    let whole = |access: &Access| warden(rules(access.clone())).build().unwrap();
    let service = || inner(handler);
    vec![
        ("rules in rules", layered(&alone(outer), layered(&alone(innermost), service()))),
        ("rules in a stack", layered(&whole(outer), layered(&alone(innermost), service()))),
        ("a stack in rules", layered(&alone(outer), layered(&whole(innermost), service()))),
        ("a stack in a stack", layered(&whole(outer), layered(&whole(innermost), service()))),
    ]
}

#[tokio::test]
async fn z3_a_check_counts_for_all_rules_around_it() {
    let serving = || authenticated().serving::<Order>();
    let plain = || Access::from(authenticated());
    let open = || public("inside");
    for (outer, innermost, status) in [
        (serving(), serving(), 200),
        (serving(), plain(), 200),
        (serving(), open(), 200),
        (plain(), serving(), 200),
        (serving().by(Delete), serving(), 500),
        (serving(), serving().by(Delete), 500),
        (authenticated().serving::<Draft>(), serving(), 500),
        (serving(), authenticated().serving::<Draft>(), 500),
    ] {
        let checks = handler(async |orders: Guard<Order>, _| {
            orders.check(Read, &MINE).await.unwrap();
            reply(200)
        });
        for (name, service) in nestings(&outer, &innermost, &checks) {
            let answer = Answer::read(service.oneshot(asked(&[])).await.unwrap()).await;
            assert_eq!(answer.status, status, "{name}: {innermost} in {outer}");
        }
    }
}

#[tokio::test]
async fn z3_a_forgotten_check_trips_whichever_rule_demands_it_and_is_told_once() {
    let serving = || authenticated().serving::<Order>();
    let plain = || Access::from(authenticated());
    for (outer, innermost) in [(serving(), serving()), (serving(), plain()), (plain(), serving())] {
        let forgets = handler(async |_, _| reply(200));
        for (name, service) in nestings(&outer, &innermost, &forgets) {
            let logs = Logs::capture();
            let answer = Answer::read(service.oneshot(asked(&[])).await.unwrap()).await;
            let name = format!("{name}: {innermost} in {outer}");
            assert_eq!((answer.status, answer.reason()), (500, "authz_not_performed"), "{name}");
            let told = logs.text().matches("authz_not_performed").count();
            assert_eq!(told, 1, "{name}: {}", logs.text());
        }
    }
}

#[tokio::test]
async fn z4_a_denial_inside_trips_all_rules_around_it() {
    // The inner rule serves nothing, so only the outer one can trip.
    let outer = authenticated().serving::<Order>();
    let swallows = handler(async |orders: Guard<Order>, _| {
        let _ = orders.check(Read, &MINE).await;
        let _ = orders.check(Read, &HIDDEN).await;
        reply(200)
    });
    for (name, service) in nestings(&outer, &authenticated().into(), &swallows) {
        let answer = Answer::read(service.oneshot(asked(&[])).await.unwrap()).await;
        assert_eq!((answer.status, answer.reason()), (404, "authz_denial_swallowed"), "{name}");
    }
}

/// A handler that takes a guard is not called where no rules ran, or where its rule serves nothing.
#[tokio::test]
async fn z2_a_guard_without_its_rules_is_a_500_and_the_handler_is_not_called() {
    static CALLED: AtomicBool = AtomicBool::new(false);
    let router = Router::new()
        .route("/orders/{id}", get(async |_: Guard<Order>| CALLED.store(true, Ordering::SeqCst)));
    let request = || asked(&[]).map(axum::body::Body::new);
    let bare = router.clone().oneshot(request()).await.unwrap();
    assert_eq!(Answer::read(bare).await.reason(), "rule_serves_no_objects");
    let undeclared = RulesLayer::new(rules(authenticated()).build().unwrap());
    let ruled = tower::Layer::layer(&undeclared, router).oneshot(request()).await.unwrap();
    assert_eq!(ruled.status(), 500);
    assert!(!CALLED.load(Ordering::SeqCst));
}

/// One that is asked by another inside the same process has a record of its own, and counts for the one that asks.
#[tokio::test]
async fn z3_a_request_within_a_request_counts_for_both() {
    let access = authenticated().serving::<Order>();
    let checks = handler(async |orders: Guard<Order>, _| {
        orders.check(Read, &MINE).await.unwrap();
        reply(200)
    });
    let inside = layered(&RulesLayer::new(rules(access.clone()).build().unwrap()), inner(&checks));
    let outside = service_fn(move |request| {
        let inside = inside.clone();
        async move { Ok::<_, Infallible>(inside.oneshot(request).await.unwrap()) }
    });
    let outside = Service::new(outside);
    let service = layered(&warden(rules(access)).build().unwrap(), outside);
    assert_eq!(service.oneshot(asked(&[])).await.unwrap().status(), 200);
}
