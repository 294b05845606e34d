//! Every actor at every route of `orders_api`.

use super::{ACTORS, House};

/// Method, path, body, and the status for each of the [`ACTORS`]. Order 1 is ada's, 2 bob's, 3 gil's.
type Row = (&'static str, &'static str, &'static str, [u16; 6]);

#[rustfmt::skip]
const READS: &[Row] = &[
    // method  path                          body ada  bob  gil  admin key nobody
    ("GET",     "/",                          "", [200, 200, 200, 200, 200, 200]),
    ("GET",     "/style.css",                 "", [200, 200, 200, 200, 200, 200]),
    ("GET",     "/openapi.json",              "", [200, 200, 200, 200, 200, 200]),
    ("GET",     "/health",                    "", [200, 200, 200, 200, 200, 200]),
    ("GET",     "/orders",                    "", [200, 200, 200, 200, 200, 401]),
    ("GET",     "/orders?limit=0",            "", [200, 200, 200, 200, 200, 401]),
    ("GET",     "/orders?limit=many",         "", [400, 400, 400, 400, 400, 401]),
    ("GET",     "/orders?owner=bob",          "", [400, 400, 400, 400, 400, 401]),
    ("GET",     "/orders/1",                  "", [200, 404, 404, 404, 404, 401]),
    ("HEAD",    "/orders/1",                  "", [200, 404, 404, 404, 404, 401]),
    ("GET",     "/orders/2",                  "", [404, 200, 404, 404, 404, 401]),
    ("GET",     "/orders/3",                  "", [404, 404, 200, 404, 404, 401]),
    ("GET",     "/orders/999",                "", [404, 404, 404, 404, 404, 401]),
    ("GET",     "/orders/one",                "", [404, 404, 404, 404, 404, 401]),
    // Broken: its handler asks nobody whose order it is.
    ("GET",     "/orders/1/invoice",          "", [500, 500, 500, 500, 500, 401]),
    ("HEAD",    "/orders/1/invoice",          "", [500, 500, 500, 500, 500, 401]),
    ("GET",     "/orders/999/invoice",        "", [404, 404, 404, 404, 404, 401]),
    ("GET",     "/admin/orders",              "", [403, 403, 403, 200, 403, 401]),
    // What nobody declared is refused to everybody, and nobody learns what there is.
    ("GET",     "/debug",                     "", [403, 403, 403, 403, 403, 403]),
    ("GET",     "/no-such-route",             "", [403, 403, 403, 403, 403, 403]),
    ("GET",     "/orders/",                   "", [403, 403, 403, 403, 403, 403]),
    ("PATCH",   "/orders/1",                  "", [403, 403, 403, 403, 403, 403]),
    ("OPTIONS", "/orders",                    "", [403, 403, 403, 403, 403, 403]),
    ("TRACE",   "/orders",                    "", [403, 403, 403, 403, 403, 403]),
    ("GET",     "/orders/%2e%2e/debug",       "", [400, 400, 400, 400, 400, 400]),
    ("GET",     "//debug",                    "", [400, 400, 400, 400, 400, 400]),
];

#[rustfmt::skip]
const CHANGES: &[Row] = &[
    // method  path               body                             ada  bob  gil  admin key nobody
    ("POST",   "/orders",         r#"{"item":"a sieve"}"#,          [201, 201, 201, 403, 201, 401]),
    ("POST",   "/orders",         r#"{"item":""}"#,                 [422, 422, 422, 403, 422, 401]),
    ("POST",   "/orders",         r#"{"item":"a\r\nsieve"}"#,       [422, 422, 422, 403, 422, 401]),
    ("POST",   "/orders",         r#"{"item":"x","email":"y"}"#,    [422, 422, 422, 403, 422, 401]),
    ("POST",   "/orders",         r#"{"item":"x","owner":"bob"}"#,  [400, 400, 400, 403, 400, 401]),
    ("POST",   "/orders",         r#"{"item":"x","item":"y"}"#,     [400, 400, 400, 403, 400, 401]),
    ("POST",   "/orders",         r#"{"item":5}"#,                  [400, 400, 400, 403, 400, 401]),
    ("POST",   "/orders",         "no JSON",                        [400, 400, 400, 403, 400, 401]),
    ("POST",   "/orders",         "",                               [415, 415, 415, 403, 415, 401]),
    ("PUT",    "/orders/1",       r#"{"item":"two looms"}"#,        [200, 404, 404, 403, 404, 401]),
    ("PUT",    "/orders/2",       r#"{"item":"two looms"}"#,        [404, 200, 404, 403, 404, 401]),
    ("PUT",    "/orders/1",       r#"{"item":"x","tenant":"y"}"#,   [400, 404, 404, 403, 404, 401]),
    ("DELETE", "/admin/orders/3", "",                               [403, 403, 403, 404, 403, 401]),
    ("DELETE", "/admin/orders/x", "",                               [403, 403, 403, 404, 403, 401]),
    ("DELETE", "/orders/3",       "",                               [404, 404, 204, 403, 404, 401]),
    ("DELETE", "/orders/2",       "",                               [404, 204, 404, 403, 404, 401]),
    ("DELETE", "/admin/orders/1", "",                               [403, 403, 403, 204, 403, 401]),
    ("GET",    "/orders/1",       "",                               [404, 404, 404, 404, 404, 401]),
    ("GET",    "/orders/4",       "",                               [200, 404, 404, 404, 404, 401]),
];

async fn knock(rows: &[Row]) {
    let house = House::start("orders_api");
    let description = house.ask("nobody", "GET", "/openapi.json", "").await.json();
    for (method, path, body, expected) in rows {
        for (actor, expected) in ACTORS.into_iter().zip(expected) {
            let answer = house.ask(actor, method, path, body).await;
            let context = format!("{actor}: {method} {path} {body}");
            assert_eq!(answer.status, *expected, "{context}");
            assert!(!answer.header("x-request-id").is_empty(), "{context}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{context}");
            assert!(super::description::allows(&description, method, path, &answer), "{context}");
            if answer.status < 400 {
                continue;
            }
            assert_eq!(answer.header("content-type"), "application/problem+json", "{context}");
            assert_eq!(answer.header("cache-control"), "no-store", "{context}");
            assert_eq!(answer.all("www-authenticate").len(), challenges(&answer), "{context}");
            if *method != "HEAD" {
                assert_eq!(answer.json()["status"], *expected, "{context}");
            }
        }
    }
}

/// A 401 names both schemes, a missing scope the one that has scopes in its challenges.
fn challenges(answer: &crate::support::Answer) -> usize {
    match answer.status {
        401 => 2,
        403 if !answer.body.is_empty() && answer.json()["code"] == "insufficient_scope" => 1,
        _ => 0,
    }
}

#[tokio::test]
async fn z1_z7_who_may_read_what() {
    knock(READS).await;
}

#[tokio::test]
async fn z1_z7_who_may_change_what() {
    knock(CHANGES).await;
}

#[tokio::test]
async fn z6_z10_lists_hold_what_the_caller_may_see_and_the_tenant_is_the_callers_own() {
    let house = House::start("orders_api");
    let ids = async |actor: &str, path: &str| {
        let orders = house.ask(actor, "GET", path, "").await.json();
        let ids = orders.as_array().unwrap().iter().map(|order| order["id"].as_u64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids("ada", "/orders").await, [1]);
    assert_eq!(ids("bob", "/orders").await, [2]);
    assert_eq!(ids("gil", "/orders").await, [3]);
    assert!(ids("api_key", "/orders").await.is_empty());
    assert!(ids("admin", "/orders").await.is_empty());
    assert_eq!(ids("admin", "/admin/orders").await, [1, 2], "gil's is of another tenant");

    let placed = house.ask("ada", "POST", "/orders", r#"{"item":"a sieve"}"#).await;
    assert_eq!(placed.header("location"), "/orders/4");
    let sieve = serde_json::json!(
        {"id": 4, "owner": "ada", "tenant": "acme", "item": "a sieve", "email": null}
    );
    assert_eq!(placed.json(), sieve);
    assert_eq!(house.ask("ada", "GET", "/orders/4", "").await.json(), sieve);
    assert_eq!(ids("ada", "/orders").await, [1, 4]);
    assert_eq!(ids("ada", "/orders?limit=1").await, [1]);
    assert_eq!(ids("ada", "/orders?limit=1&after=1").await, [4]);
    assert!(ids("ada", "/orders?after=18446744073709551615").await.is_empty());
}

#[tokio::test]
async fn b2_two_credentials_are_one_too_many() {
    let house = House::start("orders_api");
    let request =
        ["ada", "api_key"].into_iter().fold(house.request("GET", "/orders"), |it, who| {
            let (name, value) = house.credential(who).unwrap();
            it.header(name, value)
        });
    let answer = house.send(request.body(crate::support::TestBody::default()).unwrap()).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_request")));
}

#[tokio::test]
async fn h4_the_page_has_a_policy_of_its_own_and_everything_else_the_presets() {
    let house = House::start("orders_api");
    for (path, policy) in [
        (
            "/",
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (
            "/health",
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (
            "/debug",
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ] {
        let answer = house.ask("nobody", "GET", path, "").await;
        assert_eq!(answer.header("content-security-policy"), policy, "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
    }
}
