//! Which fields of an order leave `orders_api`, and which come in.

use serde_json::json;

use super::{House, api_properties};

#[tokio::test]
async fn z11_owners_see_their_address_and_administrators_its_mask_and_the_margin() {
    let house = House::start("orders_api");
    let own = house.ask("ada", "GET", "/orders/1", "").await;
    let loom = json!(
        {"id": 1, "owner": "ada", "tenant": "acme", "item": "a loom", "email": "ada@acme.example"}
    );
    assert_eq!(own.json(), loom);
    assert_eq!(own.header("cache-control"), "no-store");
    assert_eq!(house.ask("ada", "GET", "/orders", "").await.json(), json!([loom]));

    let overseen = house.ask("admin", "GET", "/admin/orders?limit=1", "").await;
    let mut loom = loom;
    loom["email"] = "a***@acme.example".into();
    loom["margin"] = 40.into();
    assert_eq!(overseen.json(), json!([loom]));
    // What nobody may see is in no answer, and who sees what is printed.
    assert!(!overseen.text().contains("issuer"), "{}", overseen.text());
    let declared = api_properties::of_orders().unwrap().to_string();
    assert!(house.stderr().contains(&declared), "{declared}");
}

#[tokio::test]
async fn z12_nobody_gives_himself_an_order_or_a_price() {
    let house = House::start("orders_api");
    for (field, value) in [
        ("owner", r#""bob""#),
        ("issuer", r#""https://issuer.example""#),
        ("tenant", r#""globex""#),
        ("margin", "0"),
        ("id", "9"),
        ("is_admin", "true"),
    ] {
        let body = format!(r#"{{"item":"two looms","{field}":{value}}}"#).leak();
        for (method, path) in [("POST", "/orders"), ("PUT", "/orders/1")] {
            let refused = house.ask("ada", method, path, body).await;
            assert_eq!(refused.status, 400, "{method} {body}");
            assert!(
                !refused.text().contains(&format!("\"{field}\"")),
                "{method} {}",
                refused.text()
            );
        }
    }
    let changed = r#"{"item":"two looms","email":"looms@acme.example"}"#;
    let changed = house.ask("ada", "PUT", "/orders/1", changed).await.json();
    assert_eq!(
        (&changed["item"], &changed["email"]),
        (&json!("two looms"), &json!("looms@acme.example"))
    );
    // An address that is not given stays.
    let kept = house.ask("ada", "PUT", "/orders/1", r#"{"item":"a loom"}"#).await.json();
    assert_eq!((&kept["item"], &kept["email"]), (&json!("a loom"), &json!("looms@acme.example")));
}

#[tokio::test]
async fn z3_nothing_leaves_the_handler_that_asked_nobody() {
    let house = House::start("orders_api");
    for actor in ["gil", "ada", "admin"] {
        let withheld = house.ask(actor, "GET", "/orders/3/invoice", "").await;
        assert_eq!(withheld.status, 500, "{actor}");
        assert_eq!(withheld.json()["code"], "internal_error", "{actor}");
        let told = format!("{:?} {}", withheld.headers, withheld.text());
        for secret in ["telescope", "gil", "globex", "margin"] {
            assert!(!told.contains(secret), "{actor}: {told}");
        }
    }
    assert!(house.stderr().contains("authz_not_performed"), "{}", house.stderr());
}
