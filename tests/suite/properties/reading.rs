//! Who sees what.

use serde_json::{Value, json};
use tower_warden::authz::property::{DisclosureError, Field, Owner, Properties, Who};
use tower_warden::principal::{Principal, PrincipalKind};

use super::{ISSUER, ORDER, ada, lines, order, user};

fn seen<'c>(
    properties: &Properties,
    caller: impl Into<Option<&'c Principal>>,
    text: &str,
) -> Value {
    serde_json::from_slice(&properties.disclose_json(caller, text.as_bytes()).unwrap()).unwrap()
}

#[test]
fn z11_a_caller_sees_what_is_declared_for_him() {
    let bob = user("bob");
    let of_other_tenant =
        Principal::builder(ISSUER, "bob", PrincipalKind::User, "Bearer").tenant("globex");
    let of_other_issuer =
        Principal::builder("https://other.example", "ada", PrincipalKind::User, "Bearer");
    let public = json!({"id": 7, "lines": [{"sku": "x"}, null]});
    let known = json!({"id": 7, "item": "a loom", "note": "***", "lines": [{"sku": "x"}, null]});
    let with = |base: &Value, more: Value| {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let costs = json!([{"sku": "x", "cost": 1.50}, null]);
    for (caller, expected) in [
        (None, public),
        (Some(of_other_tenant.build()), known.clone()),
        (Some(of_other_issuer.build()), known.clone()),
        (Some(bob.clone().build()), with(&known, json!({"email": "j***@example.com"}))),
        (
            Some(bob.clone().scope("notes:read").build()),
            with(&known, json!({"email": "j***@example.com", "note": null})),
        ),
        (
            Some(bob.clone().scope("margins:read").build()),
            with(&known, json!({"email": "j***@example.com", "lines": costs})),
        ),
        (
            Some(ada()),
            with(&known, json!({"email": "jane@example.com", "card": "***1234", "lines": costs})),
        ),
        (
            Some(bob.role("admin").build()),
            with(
                &known,
                json!({"email": "j***@example.com", "is_admin": false, "owner": "ada",
                "owner_issuer": ISSUER, "tenant": "acme"}),
            ),
        ),
    ] {
        assert_eq!(seen(&order(), caller.as_ref(), ORDER), expected, "{caller:?}");
        // Each object of a list is judged for itself.
        let list =
            format!("[{ORDER},{},null]", ORDER.replace(r#""owner": "ada""#, r#""owner": "eve""#));
        let list = seen(&order(), caller.as_ref(), &list);
        assert_eq!((&list[0], &list[2]), (&expected, &Value::Null));
        assert_eq!(list[1].get("card"), None, "{caller:?}");
    }
}

#[test]
fn z11_what_does_not_name_the_caller_names_nobody() {
    let whole = [r#""owner": "ada""#, r#""owner_issuer": "https://issuer.example""#];
    for (place, instead) in [
        (whole[0], r#""owner": "Ada""#),
        (whole[0], r#""owner": null"#),
        (whole[0], r#""owner": ["ada"]"#),
        (whole[0], r#""Owner": "ada""#),
        (whole[0], r#""owner": "ada ""#),
        (whole[1], r#""owner_issuer": null"#),
        (whole[1], r#""owner_issuer": """#),
        (whole[1], r#""issuer": "https://issuer.example""#),
    ] {
        let text = ORDER.replace(place, instead);
        assert_ne!(text, ORDER);
        assert_eq!(seen(&order(), &ada(), &text).get("card"), None, "{instead}");
    }
    let escaped = ORDER.replace(whole[0], r#""\u006fwner": "\u0061da""#);
    assert_eq!(seen(&order(), &ada(), &escaped)["card"], "***1234");

    // A number is nobody's subject, and no subject is nobody's either.
    let owned = Properties::builder("Owned")
        .owner(Owner::subject(ISSUER, "owner"))
        .field(Field::new("owner"))
        .field(Field::new("secret").read(Who::owner()))
        .build()
        .unwrap();
    for (subject, text, sees) in [
        ("42", r#"{"secret": 1, "owner": 42}"#, false),
        ("42", r#"{"secret": 1, "owner": "42"}"#, true),
        ("", r#"{"secret": 1, "owner": ""}"#, false),
        ("null", r#"{"secret": 1, "owner": null}"#, false),
    ] {
        let caller = user(subject).build();
        assert_eq!(seen(&owned, &caller, text).get("secret").is_some(), sees, "{text}");
    }
}

#[test]
fn z11_parts_that_stand_alone_belong_to_nobody() {
    assert_eq!(
        seen(&lines(), &ada(), r#"{"sku": "x", "cost": 1, "owner": "ada"}"#),
        json!({"sku": "x"})
    );
}

#[test]
fn z11_undeclared_shapes_are_not_let_through() {
    for text in [
        "1",
        "\"text\"",
        "[1]",
        "[[]]",
        r#"{"id": {"secret": 1}}"#,
        r#"{"id": [[{"secret": 1}]]}"#,
        r#"{"lines": "x"}"#,
        r#"{"lines": [7]}"#,
        r#"{"lines": [[{"sku": "x"}]]}"#,
    ] {
        let refused = order().disclose_json(None, text.as_bytes()).unwrap_err();
        assert!(matches!(refused, DisclosureError::UndeclaredShape { .. }), "{text}: {refused}");
    }
    for text in ["null", "[]", "[null]", "{}", r#"{"id": [[1], []]}"#, r#"{"lines": null}"#] {
        assert_eq!(&*order().disclose_json(None, text.as_bytes()).unwrap(), text.as_bytes());
    }
    // Where the caller sees nothing of a field, its shape is no matter.
    assert_eq!(seen(&order(), None, r#"{"item": {"secret": 1}}"#), json!({}));
}

#[test]
fn z11_a_declared_name_twice_is_not_let_through() {
    for text in [
        r#"{"id": 1, "id": 2}"#,
        r#"{"id": 1, "\u0069d": 2}"#,
        r#"{"owner": "ada", "x": 1, "owner": "eve"}"#,
    ] {
        let refused = order().disclose_json(&ada(), text.as_bytes()).unwrap_err();
        assert!(matches!(refused, DisclosureError::RepeatedName { .. }), "{text}: {refused}");
    }
    let many = (0..200).fold(Properties::builder("Wide"), |wide, number| {
        wide.field(Field::new(&format!("f{number}")).read(Who::everybody()))
    });
    let many = many.build().unwrap();
    assert!(many.disclose_json(None, br#"{"f199": 1, "f64": 2, "f128": 3}"#).is_ok());
    assert!(many.disclose_json(None, br#"{"f199": 1, "f64": 2, "f199": 3}"#).is_err());
}

#[test]
fn z11_maps_and_anything_are_said_to_be_so() {
    let text = Properties::builder("Text")
        .field(Field::new("title").read(Who::everybody()))
        .build()
        .unwrap();
    let page = Properties::builder("Page")
        .field(Field::new("texts").read(Who::everybody()).map(&text))
        .field(Field::new("meta").read(Who::everybody()).anything())
        .build()
        .unwrap();
    let body = r#"{"texts":{"de":{"title":"T","draft":1},"en":null},"meta":{"a":[{"b":1}]},"x":1}"#;
    assert_eq!(
        seen(&page, None, body),
        json!({"texts": {"de": {"title": "T"}, "en": null}, "meta": {"a": [{"b": 1}]}})
    );
    assert!(page.disclose_json(None, br#"{"texts":[{"title":"T"}]}"#).is_err());
    assert!(page.disclose_json(None, br#"{"texts":{"de":"T"}}"#).is_err());
}

#[test]
fn z11_values_are_copied_as_they_are_written() {
    let all = Properties::builder("Any")
        .field(Field::new("n").read(Who::everybody()))
        .field(Field::new("s").read(Who::everybody()))
        .build()
        .unwrap();
    let text = br#" { "s" : "\u00e9\/\ud83e\udd80\ud83e" , "n" : [ 12345678901234567890123, 1.50, -0, 1E400 ] } "#;
    assert_eq!(&*all.disclose_json(None, text).unwrap(), text);
    let between = br#"{"x":1, "s":"a","y":{"z":[]},"n":1.0e2 ,"z":0}"#;
    assert_eq!(&*all.disclose_json(None, between).unwrap(), br#"{"s":"a","n":1.0e2}"#);
}

#[test]
fn z11_types_are_disclosed_through_serde() {
    #[derive(serde::Serialize)]
    struct Row {
        id: u128,
        item: &'static str,
        password: &'static str,
    }
    let row = || Row { id: u128::MAX, item: "a \"loom\"", password: "secret" };
    let of_row = order().of::<Row>();
    let text = of_row.disclose(&ada(), &row()).unwrap();
    assert_eq!(
        text.as_bytes(),
        br#"{"id":340282366920938463463374607431768211455,"item":"a \"loom\""}"#
    );
    assert_eq!(
        of_row.disclose_list(None, &[row(), row()]).unwrap().into_bytes(),
        r#"[{"id":340282366920938463463374607431768211455},{"id":340282366920938463463374607431768211455}]"#
    );
    assert!(order().disclose(None, "text").is_err());
}
