//! What Cedar policies, their schema and their use are refused for at start-up.

use tower_warden::ConfigError;
use tower_warden::authz::cedar::{Attributes, Cedar, Resource};
use tower_warden::authz::object::{Delete, Read};
use tower_warden::principal::PrincipalKind;

use super::mill::{Order, POLICIES, SCHEMA, builder, cedar};

fn refused(policies: &str, schema: &str) -> ConfigError {
    builder(policies, schema).build().unwrap_err()
}

#[test]
fn everything_that_is_wrong_with_policies_and_schema_is_told() {
    const NONE: &str = "";
    for (policies, schema, told) in [
        ("permit (principal, action, resource", SCHEMA, "unexpected"),
        ("permit (principal, action, resource); permit (", SCHEMA, "unexpected"),
        (NONE, SCHEMA, "there is none"),
        (
            "permit (principal, action, resource) when { principal.scops.isEmpty() };",
            SCHEMA,
            "scops",
        ),
        ("permit (principal == User::\"a\", action, resource);", SCHEMA, "User"),
        ("permit (principal, action == Mill::Action::\"sell\", resource);", SCHEMA, "sell"),
        (
            "permit (principal, action, resource) when { principal.tenant == \"a\" };",
            SCHEMA,
            "tenant",
        ), // optional
        ("permit (principal, action, resource) when { false };", SCHEMA, "policy is impossible"), // a warning
        (
            "@id(\"t\") permit (principal == ?principal, action, resource);",
            SCHEMA,
            "nothing links it",
        ),
        (POLICIES, "entity User in [", "unexpected"),
        (POLICIES, "{\"\": 7}", "invalid type"),
        (POLICIES, "entity Stranger;", "that a caller could be"),
        (
            "permit (principal, action, resource);",
            "namespace Mill { entity User { shoe: Long }; entity Service; }",
            "shoe",
        ),
        (
            "permit (principal, action, resource);",
            "namespace Mill { entity User { tenant: Long }; entity Service; }",
            "tenant",
        ),
        ("permit (principal, action, resource);", "namespace Mill { entity User; }", "Service"),
    ] {
        let error = refused(policies, schema).to_string();
        assert!(error.to_lowercase().contains(&told.to_lowercase()), "{policies} {told}: {error}");
    }
    let several = "permit (principal, action, resource) when { principal.a }; permit (principal, action, resource) when { principal.b };";
    assert!(refused(several, SCHEMA).problems().len() >= 2);
    let neither = Cedar::builder().build().unwrap_err();
    assert_eq!(neither.problems().len(), 2);
}

#[test]
fn what_is_asked_of_policies_has_to_be_in_the_schema() {
    let cedar = cedar(POLICIES);
    for (error, told) in [
        (cedar.policy("sellOrders").unwrap_err(), "no such action"),
        (cedar.policy("readOrder").unwrap_err(), "Service"), // is for orders
        (cedar.policy("exportOrders").unwrap_err(), "context"), // demands one
        (cedar.policy("x\" || true").unwrap_err(), "no such action"),
        (cedar.objects::<Order>().build().unwrap_err(), "no action"),
        (cedar.objects::<Order>().action::<Read>("listOrders").build().unwrap_err(), "Order"),
        (
            cedar.objects::<Unknown>().action::<Read>("readOrder").build().unwrap_err(),
            "no such entity type",
        ),
    ] {
        assert!(error.to_string().contains(told), "{told}: {error}");
    }
    let both =
        cedar.objects::<Order>().action::<Read>("a").action::<Delete>("b").build().unwrap_err();
    assert_eq!(both.problems().len(), 2);
    let without_service =
        Cedar::builder().namespace("Mill").policies(POLICIES).schema(SCHEMA).build().unwrap();
    assert!(without_service.policy("listOrders").unwrap_err().to_string().contains("service"));
    let kinds =
        builder(POLICIES, SCHEMA).caller_type(PrincipalKind::Machine, "Robot").build().unwrap_err();
    assert!(kinds.to_string().contains("Robot"), "{kinds}");
    for attribute in ["tenant", "department"] {
        let taken = builder(POLICIES, SCHEMA).claim_as("x", attribute).build().unwrap_err();
        assert!(taken.to_string().contains("taken"), "{taken}");
    }
}

#[test]
fn a_schema_may_be_json_and_name_types_elsewhere() {
    let json = r#"{
        "Mill": {
            "commonTypes": { "Person": { "type": "Record", "attributes": { "tenant": { "type": "String", "required": false } } } },
            "entityTypes": { "User": { "shape": { "type": "Person" } }, "Service": {} },
            "actions": { "listOrders": { "appliesTo": { "principalTypes": ["User"], "resourceTypes": ["Service"] } } }
        }
    }"#;
    let policies = "permit (principal, action, resource) when { principal has tenant && principal.tenant == \"mill\" };";
    let cedar = builder(policies, json).build().unwrap();
    assert_eq!(cedar.policy("listOrders").unwrap().to_string(), "check(cedar listOrders)");
}

struct Unknown;

impl Resource for Unknown {
    const TYPE: &'static str = "Unknown";

    fn id(&self) -> std::borrow::Cow<'_, str> {
        "1".into()
    }

    fn describe(&self, _: &mut Attributes<'_>) {}
}
