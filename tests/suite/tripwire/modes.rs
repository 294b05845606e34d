//! Reporting instead of withholding; what is listed; what is demanded at start-up.

use tower::ServiceExt;
use tower_warden::authz::object::Read;
use tower_warden::authz::{Rules, RulesLayer, authenticated, public};

use super::{HIDDEN, Order, Policies, asked, handler, inner, layered, reply, rules, warden};
use crate::support::{Answer, Logs};

#[tokio::test]
async fn z3_report_mode_lets_everything_out_and_tells_it_once() {
    let serving = || rules(authenticated().serving::<Order>());
    let forgets = handler(async |_, _| reply(200));
    let swallows = handler(async |orders, _| {
        let _ = orders.check(Read, &HIDDEN).await;
        reply(200)
    });
    for (handler, reason) in
        [(forgets, "authz_not_performed"), (swallows, "authz_denial_swallowed")]
    {
        let logs = Logs::capture();
        let alone = RulesLayer::new(serving().build().unwrap()).insecure_report_unchecked_objects();
        let whole = warden(serving()).insecure_report_unchecked_objects().build().unwrap();
        assert_eq!(logs.text().matches("are only reported").count(), 2, "{}", logs.text());
        for service in [layered(&alone, inner(&handler)), layered(&whole, inner(&handler))] {
            let logs = Logs::capture();
            let answer = Answer::read(service.oneshot(asked(&[])).await.unwrap()).await;
            assert_eq!((answer.status, answer.text()), (200, "the order"));
            assert_eq!(logs.text().matches(reason).count(), 1, "{}", logs.text());
        }
    }
}

#[test]
fn z3_the_posture_tells_the_mode_and_what_is_undeclared() {
    let rules = || {
        rules(authenticated().serving::<Order>())
            .get("/users/{id}", authenticated())
            .get("/users", authenticated())
            .get("/pages/{id}", public("a page"))
            .get("/rates/{day}", authenticated().serving_nothing("the same for all"))
    };
    let posture = warden(rules()).build().unwrap().to_string();
    assert!(posture.contains("object checks             enforced\n"), "{posture}");
    assert!(posture.contains("* /orders/{id}: authenticated serving Order\n"), "{posture}");
    assert!(posture.contains("authenticated serving nothing(the same for all)\n"), "{posture}");
    let undeclared: Vec<_> =
        posture.lines().filter(|line| line.starts_with("objects undeclared")).collect();
    assert_eq!(undeclared, ["objects undeclared        GET /users/{id}"]);
    let reporting = warden(rules()).insecure_report_unchecked_objects().build().unwrap();
    assert!(reporting.to_string().contains("INSECURE, reported only"), "{reporting}");
}

#[test]
fn z1_undeclared_objects_are_a_problem_where_declarations_are_demanded() {
    let table = || {
        Rules::builder()
            .object_policy::<Order>(Policies)
            .get("/orders/{id}", authenticated().serving::<Order>())
            .get("/rates/{day}", authenticated().serving_nothing("the same for all"))
            .get("/pages/{id}", public("a page"))
            .get("/users", authenticated())
    };
    assert!(table().demand_declared_objects().build().is_ok());
    let open = || {
        table()
            .get("/users/{id}", authenticated())
            .get("/files/{*rest}", authenticated())
            .grpc_service("orders.v1.Orders", authenticated())
    };
    assert!(open().build().is_ok());
    let error = open().demand_declared_objects().build().unwrap_err();
    let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("GET /users/{id}: has a parameter"), "{told:?}");
    let error = table().get("/x/{id}", authenticated().serving_nothing(" ")).build().unwrap_err();
    assert!(error.to_string().contains("serves nothing without a reason"), "{error}");
}

#[tokio::test]
async fn z4_the_reasons_of_skips_are_listed_with_their_rule() {
    let whole = warden(rules(authenticated().serving::<Order>())).build().unwrap();
    assert_eq!(whole.rules().skipped_checks().count(), 0);
    let skips = handler(async |orders, _| {
        orders.skip("the catalogue is for all");
        reply(200)
    });
    let service = layered(&whole, inner(&skips));
    for _ in 0..2 {
        assert_eq!(service.clone().oneshot(asked(&[])).await.unwrap().status(), 200);
    }
    let listed: Vec<_> = whole.rules().skipped_checks().collect();
    assert_eq!((listed.len(), listed[0].times()), (1, 2));
    assert_eq!(listed[0].reason(), "the catalogue is for all");
    assert_eq!(listed[0].rule().pattern(), "/orders/{id}");
}
