//! Ids, tenants and claims that look like something else than they are, in callers and in resources.

use std::borrow::Cow;

use serde_json::json;
use tower_warden::authz::caller_id;
use tower_warden::authz::cedar::{Attributes, Cedar, Resource};
use tower_warden::authz::object::{ActionKind, ObjectPolicy, Read, Ruling};
use tower_warden::principal::{Principal, PrincipalKind};

use super::mill::{ISSUER, Mill, Order, POLICIES, SCHEMA, builder, cedar};
use crate::support::Logs;

const HOSTILE: [&str; 10] = [
    "ada\" || true || \"",
    "Mill::User::\"ada\"",
    "https://issuer.example|ada",
    "|ada",
    "ada\0",
    "ada ",
    "Ada",
    "a\u{301}da",
    "{\"__entity\":{\"type\":\"Mill::Role\",\"id\":\"clerk\"}}",
    "*",
];

fn user(issuer: &str, subject: &str) -> Principal {
    Principal::builder(issuer, subject, PrincipalKind::User, "Bearer").build()
}

fn rules_on<T: Resource>(cedar: &Cedar, caller: &Principal, object: &T) -> String {
    let objects = cedar.objects::<T>().action::<Read>("readOrder").build().unwrap();
    let ruling: Ruling<'_> = objects.judge(caller, ActionKind::of::<Read>(), object);
    format!("{ruling:?}")
}

#[tokio::test]
async fn a_subject_is_nobody_but_itself() {
    let cedar = cedar(POLICIES);
    let mill = Mill::new(&cedar);
    for subject in HOSTILE {
        assert_eq!(
            mill.ask("GET", "/orders/1", mill.token(subject)).await.status,
            404,
            "{subject:?}"
        );
    }
    // The owner is found whatever is in its name, and nobody else is.
    for owner in HOSTILE {
        let order = Order { id: "7", tenant: "mill", owner, folder: None, total: 1 };
        assert_eq!(rules_on(&cedar, &user(ISSUER, owner), &order), "Allow", "{owner:?}");
        assert_eq!(
            rules_on(&cedar, &user("https://other.example", owner), &order),
            "Hide",
            "{owner:?}"
        );
        assert_eq!(rules_on(&cedar, &user(ISSUER, "ada"), &order), "Hide", "{owner:?}");
    }
}

#[tokio::test]
async fn issuer_and_subject_do_not_run_into_each_other() {
    let owner = caller_id("https://issuer.example", "x|ada");
    let cedar = cedar(&format!("permit (principal == Mill::User::{owner:?}, action, resource);"));
    let order = Order { id: "1", tenant: "mill", owner: "joe", folder: None, total: 1 };
    assert_eq!(rules_on(&cedar, &user("https://issuer.example", "x|ada"), &order), "Allow");
    for (issuer, subject) in
        [("https://issuer.example|x", "ada"), ("https://issuer.example%7Cx", "ada"), ("", "x|ada")]
    {
        assert_eq!(rules_on(&cedar, &user(issuer, subject), &order), "Hide", "{issuer} {subject}");
    }
}

#[tokio::test]
async fn a_role_and_a_tenant_are_texts_and_nothing_else() {
    let mill = Mill::new(&cedar(POLICIES));
    for role in ["Mill::Role::\"clerk\"", "clerk\"", "clerk ", "Clerk", "x\"], [\"clerk"] {
        let token = mill.token("bob").tenant("mill").role(role);
        assert_eq!(mill.ask("GET", "/orders/1", token).await.status, 404, "{role}");
    }
    for tenant in ["mill\" || true || \"", "resource.tenant", "mill ", "MILL"] {
        let token = mill.token("bob").tenant(tenant).role("clerk");
        assert_eq!(mill.ask("GET", "/orders/1", token).await.status, 404, "{tenant}");
    }
    // Whoever is called like a role is no member of it.
    assert_eq!(mill.ask("GET", "/orders/1", mill.token("clerk").tenant("mill")).await.status, 404);
}

#[tokio::test]
async fn a_claim_is_the_attribute_that_it_was_declared_as_or_the_caller_is_denied() {
    let _logs = Logs::capture();
    let policies = "permit (principal, action, resource) when { principal has department && principal.department == \"looms\" };";
    let cedar = cedar(policies);
    let mill = Mill::with(&cedar, cedar.policy("listOrders").unwrap());
    for (claim, status) in [
        (json!("looms"), 200),
        (json!(null), 403),
        (json!(["looms"]), 403),
        (json!({"looms": true}), 403),
        (json!({"__extn": {"fn": "ip", "arg": "127.0.0.1"}}), 403),
        (json!({"__entity": {"type": "Mill::Role", "id": "looms"}}), 403),
        (json!(1.5), 403),
        (json!("looms\""), 403),
    ] {
        let token = mill.token("ada").claim("department", claim.clone());
        assert_eq!(mill.ask("GET", "/orders", token).await.status, status, "{claim}");
    }
    // A claim that nobody named is no attribute, whatever it is called.
    for name in ["roles_", "principal", "owner", "__entity"] {
        let token = mill.token("ada").claim(name, "looms");
        assert_eq!(mill.ask("GET", "/orders", token).await.status, 403, "{name}");
    }
}

#[tokio::test]
async fn what_the_log_says_of_a_hostile_claim_stays_in_its_line() {
    let logs = Logs::capture();
    let cedar = cedar(POLICIES);
    let mill = Mill::with(&cedar, cedar.policy("listOrders").unwrap());
    let token = mill.token("ada\n2026-01-01 INFO forged").claim("level", "high\nINFO forged");
    assert_eq!(mill.ask("GET", "/orders", token).await.status, 403);
    assert!(logs.text().contains("check failed"));
    assert!(
        logs.text().lines().all(|line| !line.trim_start().starts_with("INFO forged")),
        "{}",
        logs.text()
    );
}

/// Describes itself in all the wrong ways.
struct Crooked(fn(&mut Attributes<'_>));

impl Resource for Crooked {
    const TYPE: &'static str = "Order";

    fn id(&self) -> Cow<'_, str> {
        "1".into()
    }

    fn describe(&self, attributes: &mut Attributes<'_>) {
        self.0(attributes);
    }
}

#[tokio::test]
async fn z9_a_resource_that_is_not_what_the_schema_says_is_denied() {
    let cedar = cedar("permit (principal, action, resource);");
    fn whole(attributes: &mut Attributes<'_>) {
        attributes
            .string("tenant", "mill")
            .caller("owner", PrincipalKind::User, ISSUER, "ada")
            .long("total", 1);
    }
    assert_eq!(rules_on(&cedar, &user(ISSUER, "ada"), &Crooked(whole)), "Allow");
    let crooked: [fn(&mut Attributes<'_>); 8] = [
        |_| {},
        |a| _ = a.string("tenant", "mill").long("total", 1),
        |a| {
            whole(a);
            a.string("colour", "red");
        },
        |a| {
            whole(a);
            a.string("tenant", "forge");
        },
        |a| {
            whole(a);
            a.parent("Nowhere", "1");
        },
        |a| {
            whole(a);
            a.parent("Service", "orders");
        },
        |a| _ = a.string("tenant", "mill").entity("owner", "Role", "clerk").long("total", 1),
        |a| {
            _ = a
                .string("tenant", "mill")
                .caller("owner", PrincipalKind::App, ISSUER, "ada")
                .long("total", 1);
        },
    ];
    for (number, describe) in crooked.into_iter().enumerate() {
        let ruling = rules_on(&cedar, &user(ISSUER, "ada"), &Crooked(describe));
        assert!(ruling.contains("PolicyError"), "{number}: {ruling}");
    }
}

#[tokio::test]
async fn a_caller_of_a_kind_that_the_schema_does_not_have_is_denied() {
    let cedar = cedar("permit (principal, action, resource);");
    let order = Order { id: "1", tenant: "mill", owner: "ada", folder: None, total: 1 };
    let machine = Principal::builder(ISSUER, "ada", PrincipalKind::Machine, "Bearer").build();
    assert!(rules_on(&cedar, &machine, &order).contains("PolicyError"));
    let one_type = builder("permit (principal, action, resource);", SCHEMA)
        .caller_type(PrincipalKind::Machine, "User");
    assert_eq!(rules_on(&one_type.build().unwrap(), &machine, &order), "Allow");
}
