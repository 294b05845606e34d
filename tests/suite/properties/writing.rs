//! Who may send what.

use serde_json::json;
use tower_warden::authz::property::{AcceptError, Properties, Write};
use tower_warden::principal::Principal;
use tower_warden::rejection::{Rejection, RejectionKind};

use super::{ORDER, ada, order, user};

fn create<'c>(caller: impl Into<Option<&'c Principal>>, body: &str) -> Result<(), String> {
    told(order().accept(caller, Write::Create, body.as_bytes()))
}

fn told(result: Result<(), AcceptError>) -> Result<(), String> {
    result.map_err(|error| {
        let text = error.to_string();
        format!("{}: {text}", Rejection::from(error).reason())
    })
}

#[test]
fn z12_a_body_holds_only_fields_that_the_caller_may_write() {
    let admin = user("root").role("admin").build();
    assert_eq!(create(&ada(), r#"{"item": "a loom", "lines": [{"sku": "x"}]}"#), Ok(()));
    assert_eq!(create(&admin, r#"{"item": "a loom", "is_admin": true}"#), Ok(()));
    for (body, names) in [
        (r#"{"is_admin": true}"#, r#""is_admin""#),
        (r#"{"\u0069s_admin": true}"#, r#""is_admin""#),
        (r#"{"IsAdmin": true}"#, r#""IsAdmin""#),
        (r#"{"is_admin ": true}"#, r#""is_admin ""#),
        (r#"{"is_admin\u0000": true}"#, r#""is_admin\0""#),
        (r#"{"owner": "ada", "id": 9, "item": "x", "x": {"y": 1}}"#, r#""owner", "id", "x""#),
        (r#"{"id": null}"#, r#""id""#),
        (r#"{"": 1}"#, r#""""#),
        (r#"{"__proto__": {"is_admin": true}}"#, r#""__proto__""#),
        (r#"{"lines": [{"sku": "x"}, {"cost": 0}]}"#, r#""cost""#),
        (r#"{"a\r\nforged": 1}"#, r#""a\r\nforged""#),
    ] {
        assert_eq!(
            create(&ada(), body),
            Err(format!("field_not_writable: not writable: {names}")),
            "{body}"
        );
    }
    assert!(create(None, r#"{"item": "a loom"}"#).is_err());
}

#[test]
fn z12_the_log_holds_few_names_and_the_answer_none() {
    let body = format!(
        "{{{}}}",
        (0..50).map(|n| format!("\"{}{n}\": 0", "x".repeat(100))).collect::<Vec<_>>().join(",")
    );
    let Err(error) = order().accept(&ada(), Write::Create, body.as_bytes()) else { panic!() };
    let text = error.to_string();
    assert!(text.ends_with("\" and 42 more") && text.len() < 700, "{text}");
    let rejection = Rejection::from(error);
    assert_eq!(
        (rejection.kind(), rejection.reason()),
        (RejectionKind::BadRequest, "field_not_writable")
    );
}

#[test]
fn z12_a_body_is_one_object_that_all_readers_read_alike() {
    let deep = format!(r#"{{"item": {}1{}}}"#, "[".repeat(70), "]".repeat(70));
    for (body, reason) in [
        ("", "body_not_json"),
        ("{\"item\": 1", "body_not_json"),
        ("{\"item\": 1} {}", "body_not_json"),
        ("\u{feff}{}", "body_not_json"),
        ("{'item': 1}", "body_not_json"),
        (&deep, "body_not_json"),
        (r#"{"item": "a", "item": "b"}"#, "body_name_repeated"),
        (r#"{"item": "a", "\u0069tem": "b"}"#, "body_name_repeated"),
        (r#"{"lines": [{"sku": 1, "sku": 2}]}"#, "body_name_repeated"),
        (r#"{"item": "\ud83e"}"#, "body_with_lone_surrogate"),
        (r#"{"\udd80": 1}"#, "body_with_lone_surrogate"),
        (r#"[{"item": "a"}]"#, "body_shape_undeclared"),
        ("null", "body_shape_undeclared"),
        ("\"item\"", "body_shape_undeclared"),
        (r#"{"item": {"$ne": null}}"#, "body_shape_undeclared"),
        (r#"{"item": [[{"$ne": null}]]}"#, "body_shape_undeclared"),
        (r#"{"lines": 7}"#, "body_shape_undeclared"),
    ] {
        let refused = create(&ada(), body).unwrap_err();
        assert!(refused.starts_with(reason), "{body}: {refused}");
    }
    assert_eq!(create(&ada(), r#"{"item": null, "lines": null}"#), Ok(()));
}

#[test]
fn z12_creating_and_changing_are_ruled_apart() {
    let body = br#"{"email": "jane@example.com"}"#;
    assert!(order().accept(&ada(), Write::Create, body).is_ok());
    let current: serde_json::Value = serde_json::from_str(ORDER).unwrap();
    let refused = told(order().accept_change(&ada(), &current, body));
    assert_eq!(refused, Err(r#"field_not_writable: not writable: "email""#.to_owned()));
}

#[test]
fn z12_whose_the_object_is_says_the_object_and_not_the_body() {
    let current: serde_json::Value = serde_json::from_str(ORDER).unwrap();
    let change = |subject, current: &serde_json::Value, body: &str| {
        told(order().accept_change(&user(subject).build(), current, body.as_bytes()))
    };
    assert_eq!(
        change("ada", &current, r#"{"item": "two looms", "lines": [{"sku": "x", "cost": 2}]}"#),
        Ok(())
    );
    for body in [
        r#"{"item": "two looms"}"#,
        r#"{"lines": [{"sku": "x", "cost": 2}]}"#,
        r#"{"item": "two looms", "owner": "eve", "owner_issuer": "https://issuer.example"}"#,
        r#"{"lines": [{"cost": 2, "owner": "eve"}]}"#,
    ] {
        assert!(change("eve", &current, body).is_err(), "{body}");
    }
    for nobodys in [json!({"owner": "ada"}), json!(null), json!([current]), json!("ada")] {
        assert!(change("ada", &nobodys, r#"{"item": "x"}"#).is_err(), "{nobodys}");
    }
    // Without the object, nobody is its owner.
    assert!(order().accept(&ada(), Write::Change, br#"{"item": "x"}"#).is_err());
}

#[test]
fn z12_bodies_beyond_the_limit_are_refused() {
    let small: Properties = super::order_builder().body_limit(20).build().unwrap();
    let accept = |body: &str| told(small.accept(&ada(), Write::Create, body.as_bytes()));
    assert_eq!(accept(r#"{"item": "1234567"} "#), Ok(()));
    assert_eq!(accept(r#"{"item": "1234567"}  "#), Err("body_too_large: too large".to_owned()));
}

#[test]
fn z12_types_are_read_after_the_check() {
    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct New {
        #[serde(alias = "Item")]
        item: String,
    }
    let new = order().of::<New>();
    assert_eq!(
        new.accept(&ada(), Write::Create, br#"{"item": "x"}"#).unwrap(),
        New { item: "x".into() }
    );
    let alias = new.accept(&ada(), Write::Create, br#"{"Item": "x"}"#).unwrap_err();
    assert!(matches!(alias, AcceptError::FieldsRefused(_)), "{alias}");
    let number = new.accept(&ada(), Write::Create, br#"{"item": 7}"#).unwrap_err();
    assert_eq!(Rejection::from(number).reason(), "body_not_of_the_type");
}
