//! What a caller sees of a denial, and what the log does; over sockets.

use axum::response::IntoResponse;
use http::HeaderMap;
use tower_warden::authz::object::{ActionKind, Decision, Guard, Read};
use tower_warden::frameworks::axum::Refusal;
use tower_warden::rejection::Rejection;
use tower_warden::{Principal, RejectionKind};

use super::shop::{Down, ORDERS, Order, Shop, ShopPolicy, found, rules};
use super::{caller, guard, told};
use crate::support::{Answer, Logs};

/// An answer without what differs from request to request.
fn constant(answer: &Answer) -> (u16, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    for name in ["x-request-id", "date", "ratelimit"] {
        assert!(headers.remove(name).is_some(), "{name}");
    }
    (answer.status, headers, answer.text().replace(answer.header("x-request-id"), "ID"))
}

#[tokio::test]
async fn z7_a_hidden_object_is_answered_as_an_absent_one_in_all_but_id_date_and_count() {
    let shop = Shop::open().await;
    for (what, hidden, absent) in [
        ("read", "GET /orders/4", "GET /orders/9"),
        ("asked whether it is there", "HEAD /orders/4", "HEAD /orders/9"),
        ("deleted", "DELETE /orders/4", "DELETE /orders/9"),
        ("deleted among others", "DELETE /orders?ids=1,4", "DELETE /orders?ids=1,9"),
        ("deleted beside a forbidden one", "DELETE /orders?ids=3,4", "DELETE /orders?ids=3,9"),
    ] {
        let hidden = shop.ask("ada@acme", hidden).await;
        assert_eq!(hidden.status, 404, "{what}");
        assert_eq!(constant(&hidden), constant(&shop.ask("ada@acme", absent).await), "{what}");
    }
}

#[tokio::test]
async fn z7_z8_what_a_caller_may_know_of_is_a_bare_403_and_what_it_may_use_is_200() {
    let shop = Shop::open().await;
    for (who, what, status, text) in [
        ("ada@acme", "GET /orders/1", 200, "1"),
        ("ben@acme", "GET /orders/1", 403, ""),
        ("ben@acme", "DELETE /orders/1", 403, ""),
        ("eve@bolt", "GET /orders/1", 404, ""),
        ("ada@acme", "DELETE /orders/1", 200, "1"),
        ("ada@acme", "DELETE /orders?ids=1,5", 200, "[1,5]"),
        ("ada@acme", "DELETE /orders?ids=1,3", 403, ""),
        ("ada@acme", "GET /orders", 200, "[1,5]"),
        ("ada@acme", "GET /query", 200, "[1,5]"),
        ("eve@bolt", "GET /query", 200, "[4]"),
    ] {
        let answer = shop.ask(who, what).await;
        assert_eq!(answer.status, status, "{who} {what}");
        if status == 200 {
            assert_eq!(answer.text(), text, "{who} {what}");
        } else {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert!(!answer.headers.contains_key("www-authenticate"), "{who} {what}");
        }
    }
}

#[tokio::test]
async fn z6_the_tenant_is_the_callers_whatever_the_request_names() {
    let shop = Shop::open().await;
    for header in ["x-tenant", "x-tenant-id", "tenant", "x-forwarded-user", "host"] {
        let answer = shop.ask_with("ada@acme", "GET /orders/2?tenant=bolt", (header, "bolt")).await;
        assert_eq!(answer.status, 404, "{header}");
        let answer = shop.ask_with("ada@acme", "GET /query?tenant=bolt", (header, "bolt")).await;
        assert_eq!(answer.text(), "[1,5]", "{header}");
    }
}

#[tokio::test]
async fn z9_where_the_policys_backend_is_down_the_answer_is_503_and_says_when_to_come_back() {
    let shop = Shop::with(rules().object_policy(Down)).await;
    for what in ["GET /orders/1", "HEAD /orders/1", "GET /orders", "DELETE /orders?ids=1,5"] {
        let answer = shop.ask("ada@acme", what).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "7"), "{what}");
        assert!(!answer.text().contains("db-7"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_denial_is_logged_once_with_what_was_asked_and_the_callers_request_id() {
    for (rules, what, expected) in [
        (
            rules().query_policy(ShopPolicy::default()),
            "DELETE /orders/3",
            r#"control="guard" code="forbidden" reason="object_forbidden" status=403 correlation_id=ID source="delete of suite::objects::shop::Order, DELETE /orders/{id}: scope(orders) serving Order by delete""#,
        ),
        (
            rules().object_policy(Down),
            "GET /orders/1",
            r#"control="guard" code="unavailable" reason="policy_unavailable" status=503 correlation_id=ID source="read of suite::objects::shop::Order, GET /orders/{id}: scope(orders) serving Order; check(suite::objects::shop::Order) unavailable: db-7.internal\nok""#,
        ),
    ] {
        let logs = Logs::capture();
        let shop = Shop::with(rules).await;
        let answer = shop.ask("ada@acme", what).await;
        let text = logs.text().replace(answer.header("x-request-id"), "ID");
        let lines: Vec<_> = text.lines().filter(|line| line.contains("tower_warden::")).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].contains(expected), "{text}");
    }
}

#[tokio::test]
async fn the_rejection_is_in_the_extensions_of_the_response_of_a_denial() {
    let logs = Logs::capture();
    let denied = guard(ShopPolicy::default()).permit(Read, found(4)).await.unwrap_err();
    let refusal = Refusal::from(denied.clone());
    assert_eq!(logs.text().lines().count(), 1, "a denial that becomes a refusal is logged once");
    for response in [denied.into_response(), refusal.into_response()] {
        assert_eq!(response.status(), 404);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!((rejection.kind(), rejection.control()), (RejectionKind::NotFound, "guard"));
    }
}

#[tokio::test]
async fn z6_a_job_is_judged_as_the_caller_that_it_speaks_for() {
    let owners = |caller: &Principal, _: ActionKind, order: &Order| {
        Decision::from(caller.subject() == order.owner)
    };
    let job = Guard::new(caller("eve", "bolt"), owners);
    assert_eq!(job.permit(Read, found(4)).await.unwrap().id, 4);
    assert_eq!(told(&job.permit(Read, found(1)).await.unwrap_err()), (404, "object_hidden"));
    let absent = job.permit(Read, None).await.unwrap_err();
    assert_eq!(told(&absent), (404, "object_not_found"));
    assert_eq!(absent.into_http().status(), 404);
}

#[tokio::test]
async fn whether_something_is_allowed_can_be_asked_without_a_denial() {
    let logs = Logs::capture();
    let guard = guard(ShopPolicy::default());
    for order in &ORDERS {
        assert_eq!(guard.allows(Read, order).await, [1, 5].contains(&order.id));
    }
    assert_eq!(logs.text(), "");
}

/// `Into<Option<T>>` where T is an Option: the policy is asked about that, whatever it is.
#[tokio::test]
async fn an_object_that_is_an_option_itself_is_never_taken_for_one_that_is_absent() {
    type Maybe = Option<u64>;
    let some_only = |_: &Principal, _: ActionKind, object: &Maybe| object.is_some().into();
    let guard = Guard::<Maybe>::new(caller("ada", "acme"), some_only);
    assert_eq!(*guard.permit(Read, Some(1)).await.unwrap(), Some(1));
    assert_eq!(*guard.permit(Read, Some(Some(1))).await.unwrap(), Some(1));
    let empty: Maybe = None;
    assert_eq!(told(&guard.permit(Read, empty).await.unwrap_err()), (404, "object_hidden"));
    let absent: Option<Maybe> = None;
    assert_eq!(told(&guard.permit(Read, absent).await.unwrap_err()), (404, "object_not_found"));
}

#[tokio::test]
async fn checks_side_by_side_on_one_guard_do_not_mix() {
    let guard = guard(ShopPolicy::default());
    let asked = (0..300_u64).map(|round| {
        let guard = &guard;
        async move {
            tokio::task::yield_now().await;
            let order = found(round % 5 + 1);
            (round % 5 + 1, guard.permit(Read, order).await.is_ok())
        }
    });
    for (id, allowed) in futures_util::future::join_all(asked).await {
        assert_eq!(allowed, [1, 5].contains(&id), "{id}");
    }
}
