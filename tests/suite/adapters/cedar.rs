//! Cedar policies decide on routes and objects.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_warden::authz::{all_of, any_of, not, role, scope};

use super::mill::{Mill, POLICIES, SCHEMA, builder, cedar};
use crate::support::Logs;

/// Permits everything, so that what refuses is to be seen.
const EVERYTHING: &str = "permit (principal, action, resource);";

/// Fails for every order with a total above zero: the sum does not fit.
const OVERFLOW: &str = r#"
@id("too much")
forbid (principal, action, resource is Mill::Order) when { resource.total + 9223372036854775807 < 0 };"#;

#[tokio::test]
async fn a_route_is_for_whom_cedar_permits_it_over_http_and_grpc() {
    let mill = Mill::new(&cedar(POLICIES));
    for (scope, role, admitted) in [
        ("orders:read", "clerk", true),
        ("orders:write", "clerk", false),
        ("orders:read", "suspended", false),
    ] {
        let token = || mill.token("ada").scope(scope).role(role);
        let answer = mill.ask("GET", "/orders", token()).await;
        assert_eq!(answer.status, if admitted { 200 } else { 403 }, "{scope} {role}");
        let answer = mill.ask("POST", "/orders.v1.Orders/List", token()).await;
        assert_eq!(
            answer.header("grpc-status"),
            if admitted { "0" } else { "7" },
            "{scope} {role}"
        );
    }
}

#[tokio::test]
async fn an_order_is_for_its_owner_and_may_be_looked_at_by_clerks_of_its_tenant() {
    let mill = Mill::new(&cedar(POLICIES));
    let clerk = || mill.token("bob").role("clerk").tenant("mill");
    for (method, path, token, status) in [
        ("GET", "/orders/1", mill.token("ada"), 200),
        ("DELETE", "/orders/1", mill.token("ada"), 200),
        ("GET", "/orders/2", mill.token("ada"), 404),
        ("GET", "/orders/1", clerk(), 200),
        ("DELETE", "/orders/1", clerk(), 404),
        ("GET", "/orders/3", clerk(), 404), // of another tenant
        ("GET", "/orders/1", mill.token("bob").role("clerk"), 404), // of none
        ("GET", "/orders/9", mill.token("ada"), 404),
    ] {
        assert_eq!(mill.ask(method, path, token).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn z9_what_cedar_forbids_wins_over_what_it_permits() {
    let mill = Mill::new(&cedar(&format!("{EVERYTHING}{POLICIES}")));
    assert_eq!(mill.ask("DELETE", "/orders/1", mill.token("ada")).await.status, 200);
    assert_eq!(mill.ask("DELETE", "/orders/4", mill.token("ada")).await.reason(), "object_hidden"); // archived
    assert_eq!(mill.ask("GET", "/orders/4", mill.token("ada")).await.status, 200);
    assert_eq!(mill.ask("GET", "/orders/1", mill.token("ada").role("suspended")).await.status, 404);
}

#[tokio::test]
async fn z9_a_policy_that_fails_denies_even_where_another_permits() {
    let logs = Logs::capture();
    let mill = Mill::new(&cedar(&format!("{EVERYTHING}{OVERFLOW}")));
    // Cedar alone would go on without the forbid that failed, and allow it.
    assert_eq!(mill.ask("GET", "/orders/1", mill.token("ada")).await.status, 403);
    assert!(logs.text().contains("overflow"), "{}", logs.text());

    // Where nothing permits, the denial is told as such: a failure must not say that the order is there.
    let mill = Mill::new(&cedar(OVERFLOW));
    assert_eq!(mill.ask("GET", "/orders/1", mill.token("ada")).await.reason(), "object_hidden");
}

#[tokio::test]
async fn z9_a_failure_is_no_denial_that_not_could_turn_around() {
    // The claim has another type than the schema says, so that the caller is no entity.
    let cedar = cedar(POLICIES);
    let mill = Mill::with(&cedar, not(cedar.policy("listOrders").unwrap()));
    assert_eq!(mill.ask("GET", "/orders", mill.token("ada")).await.status, 200); // denied, and turned around
    let strange = mill.token("ada").claim("level", "high");
    assert_eq!(mill.ask("GET", "/orders", strange).await.status, 403);
}

#[tokio::test]
async fn z9_an_action_that_cedar_has_no_name_for_is_denied() {
    let mill = Mill::new(&cedar(EVERYTHING));
    assert_eq!(mill.ask("GET", "/orders/1", mill.token("ada")).await.status, 200);
    assert_eq!(mill.ask("PUT", "/orders/1", mill.token("ada")).await.status, 403);
}

#[tokio::test]
async fn cedar_goes_together_with_other_policies() {
    let cedar = cedar(POLICIES);
    let list = || cedar.policy("listOrders").unwrap();
    let policy = all_of([any_of([list(), role("admin")]), scope("orders:read")]);
    assert_eq!(
        policy.to_string(),
        "(check(cedar listOrders) or role(admin)) and scope(orders:read)"
    );
    let mill = Mill::with(&cedar, policy);
    assert_eq!(
        mill.ask("GET", "/orders", mill.token("ada").scope("orders:read")).await.status,
        200
    );
    assert_eq!(mill.ask("GET", "/orders", mill.token("ada").role("admin")).await.status, 403);
}

#[tokio::test]
async fn the_context_is_made_for_each_request() {
    let cedar = cedar(POLICIES);
    let export = cedar.policy_in_context("exportOrders", |_, request, context| {
        if let Some(region) = request.uri().query() {
            context.string("region", region);
        }
    });
    let mill = Mill::with(&cedar, export.unwrap());
    let loomer = || mill.token("ada").claim("department", "looms");
    for (path, token, status) in [
        ("/orders?eu", loomer(), 200),
        ("/orders?us", loomer(), 403),
        ("/orders", loomer(), 403), // the schema demands a region
        ("/orders?eu", mill.token("ada"), 403), // no department
    ] {
        assert_eq!(mill.ask("GET", path, token).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn what_was_decided_for_one_token_does_not_hold_for_another_of_the_same_caller() {
    for remembered in [0, 1, 1024] {
        let cedar = builder(POLICIES, SCHEMA).remember_callers(remembered).build().unwrap();
        let mill = Mill::new(&cedar);
        for _ in 0..2 {
            let reader = mill.token("ada").scope("orders:read").sign();
            let nobody = mill.token("ada").scope("orders:write").sign();
            let suspended = mill.token("ada").scope("orders:read").role("suspended").sign();
            for (token, status) in
                [(&reader, 200), (&nobody, 403), (&reader, 200), (&suspended, 403), (&reader, 200)]
            {
                assert_eq!(
                    mill.ask_as("GET", "/orders", token).await.status,
                    status,
                    "{remembered}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_reload_holds_from_the_next_request_on() {
    let cedar = cedar(POLICIES);
    let mill = Mill::new(&cedar);
    let token = mill.token("ada").scope("orders:read").sign();
    assert_eq!(mill.ask_as("GET", "/orders", &token).await.status, 200);
    assert_eq!(mill.ask_as("GET", "/orders/2", &token).await.status, 404);
    cedar
        .reload(r#"permit (principal, action in Mill::Action::"look", resource is Mill::Order);"#)
        .unwrap();
    assert_eq!(mill.ask_as("GET", "/orders", &token).await.status, 403);
    assert_eq!(mill.ask_as("GET", "/orders/2", &token).await.status, 200);
}

#[tokio::test]
async fn a_reload_that_is_wrong_leaves_the_policies_in_force() {
    let logs = Logs::capture();
    let cedar = cedar(POLICIES);
    let mill = Mill::new(&cedar);
    let token = mill.token("ada").scope("orders:read").sign();
    let without_list = SCHEMA.replace("listOrders", "listAll");
    for error in [
        cedar.reload("permit (principal, action, resource").unwrap_err(),
        cedar
            .reload("permit (principal, action, resource) when { principal.shoe_size > 40 };")
            .unwrap_err(),
        cedar.reload("").unwrap_err(),
        cedar.reload_with_schema(EVERYTHING, without_list.as_str()).unwrap_err(),
        cedar.reload_with_schema(EVERYTHING, "entity").unwrap_err(),
    ] {
        assert!(!error.problems().is_empty());
        assert_eq!(mill.ask_as("GET", "/orders", &token).await.status, 200, "{error}");
        assert_eq!(mill.ask_as("GET", "/orders/2", &token).await.status, 404, "{error}");
    }
    assert_eq!(logs.text().matches("not reloaded").count(), 5);
    cedar.reload_with_schema(EVERYTHING, SCHEMA.replace("level?: Long", "level?: String")).unwrap();
    assert_eq!(
        mill.ask("GET", "/orders/2", mill.token("ada").claim("level", "high")).await.status,
        200
    );
}

/// Every version lets bob in, and none lets eve in: whatever is being exchanged, so it stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn z9_no_request_falls_between_two_versions() {
    let version =
        |role: &str| format!("permit (principal in Mill::Role::\"{role}\", action, resource);");
    let cedar = cedar(&version("odd"));
    let mill = Arc::new(Mill::new(&cedar));
    let stop = Arc::new(AtomicBool::new(false));
    let asking = ["bob", "eve"].map(|subject| {
        let (mill, stop) = (Arc::clone(&mill), Arc::clone(&stop));
        tokio::spawn(async move {
            let token = match subject {
                "bob" => {
                    mill.token("bob").claim("roles", serde_json::json!(["odd", "even"])).sign()
                }
                _ => mill.token("eve").role("neither").sign(),
            };
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) || asked == 0 {
                let expected = if subject == "bob" { [200, 200] } else { [403, 404] };
                let list = mill.ask_as("GET", "/orders", &token).await.status;
                let read = mill.ask_as("GET", "/orders/2", &token).await.status;
                assert_eq!([list, read], expected, "{subject}");
                asked += 1;
            }
        })
    });
    for number in 0..40 {
        cedar.reload(&version(if number % 2 == 0 { "even" } else { "odd" })).unwrap();
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in asking {
        task.await.unwrap();
    }
}
