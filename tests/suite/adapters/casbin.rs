//! What stands between a casbin enforcer and a stack; the enforcers here are stand-ins.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use tower_warden::authz::casbin::{Answer, Ask, Casbin, Resource, role_id};
use tower_warden::authz::object::{ActionKind, ObjectPolicy, Read};
use tower_warden::authz::{Policy, Rules, RulesLayer, caller_id, not};
use tower_warden::principal::{Principal, PrincipalKind};

use crate::support::{request, through};

const ADA: &str = "https://issuer.example|ada";

fn caller(subject: &str) -> Principal {
    Principal::builder("https://issuer.example", subject, PrincipalKind::User, "Bearer")
        .tenant("mill")
        .build()
}

/// Asks a route with this policy, as this caller.
async fn status(policy: &Policy, caller: &Principal) -> u16 {
    let rules =
        RulesLayer::new(Rules::builder().get("/orders/{id}", policy.clone()).build().unwrap());
    let mut asked = request(Method::GET, "/orders/7", &[]);
    asked.extensions_mut().insert(caller.clone());
    through(&rules, asked).await.status
}

fn ada_lists(ask: &Ask<'_>) -> Answer {
    Ok((ask.subject(), ask.object(), ask.action()) == (ADA, "orders", "list"))
}

#[tokio::test]
async fn a_route_is_for_whom_the_enforcer_allows_it() {
    let casbin = Casbin::new(ada_lists).unwrap();
    let policy = casbin.policy("orders", "list");
    assert_eq!(policy.to_string(), "check(casbin orders list)");
    assert_eq!(status(&policy, &caller("ada")).await, 200);
    assert_eq!(status(&policy, &caller("eve")).await, 403);
    assert_eq!(status(&casbin.policy("orders", "export"), &caller("ada")).await, 403);

    let by_route = Casbin::new(|ask| {
        Ok((ask.subject(), ask.object(), ask.action()) == (ADA, "/orders/{id}", "GET"))
    });
    assert_eq!(status(&by_route.unwrap().route_policy(), &caller("ada")).await, 200);
}

#[tokio::test]
async fn z9_an_enforcer_that_fails_or_panics_denies_under_not_too() {
    let strange = |ask: &Ask<'_>| -> Answer {
        match ask.caller().subject() {
            "ada" => Err("the matcher failed".into()),
            "eve" => panic!("the interpreter did"),
            _ => Ok(false),
        }
    };
    let casbin = Casbin::new(strange).unwrap();
    for policy in [casbin.policy("orders", "list"), not(casbin.policy("orders", "list"))] {
        for subject in ["ada", "eve"] {
            assert_eq!(status(&policy, &caller(subject)).await, 403, "{policy} {subject}");
        }
    }
    assert_eq!(status(&not(casbin.policy("orders", "list")), &caller("joe")).await, 200);
}

#[test]
fn an_enforcer_that_allows_a_stranger_or_cannot_be_asked_is_refused() {
    let error = Casbin::new(|_| Ok(true)).unwrap_err();
    assert!(error.to_string().contains("stranger"), "{error}");
    let error = Casbin::new(|_| Err("expected length: 4, found length 3".into())).unwrap_err();
    assert!(error.to_string().contains("expected length: 4"), "{error}");
    let error = Casbin::new(|_| panic!("unsupported effect")).unwrap_err();
    assert!(error.to_string().contains("panics"), "{error}");
}

#[tokio::test]
async fn an_enforcer_is_exchanged_for_a_good_one_only() {
    let casbin = Casbin::new(ada_lists).unwrap();
    let policy = casbin.policy("orders", "list");
    casbin.reload(|_| Ok(true)).unwrap_err();
    casbin.reload(|_| Err("broken".into())).unwrap_err();
    assert_eq!(status(&policy, &caller("ada")).await, 200);
    casbin.reload(|ask| Ok(ask.caller().subject() == "eve")).unwrap();
    assert_eq!(status(&policy, &caller("ada")).await, 403);
    assert_eq!(status(&policy, &caller("eve")).await, 200);
}

#[test]
fn no_caller_is_called_like_a_role_or_another_caller() {
    for (role, issuer, subject) in [
        ("a|b", "role:a", "b"),
        ("a%7Cb", "role:a", "b"),
        ("admin", "role:admin", ""),
        ("", "role:", ""),
    ] {
        assert_ne!(role_id(role), caller_id(issuer, subject), "{role}");
    }
    for subject in ["admin", "role:admin", "x\", \"admin", "*", "https://issuer.example|ada"] {
        assert!(
            caller_id("https://issuer.example", subject).starts_with("https://issuer.example|")
        );
        assert_ne!(caller_id("https://issuer.example", subject), ADA);
    }
}

#[tokio::test]
async fn z6_a_caller_without_a_tenant_is_denied_where_the_model_has_domains() {
    let casbin = Casbin::new(|ask| Ok(ask.domain()? == "mill")).unwrap();
    let policy = casbin.policy("orders", "list");
    assert_eq!(status(&policy, &caller("ada")).await, 200);
    for tenant in [None, Some("")] {
        let ada =
            Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
        let ada = if let Some(tenant) = tenant { ada.tenant(tenant) } else { ada }.build();
        assert_eq!(status(&policy, &ada).await, 403);
    }
}

struct Order(&'static str);

impl Resource for Order {
    fn object(&self) -> Cow<'_, str> {
        "order".into()
    }

    fn tenant(&self) -> Option<&str> {
        Some(self.0)
    }
}

#[test]
fn z6_an_object_of_another_tenant_is_hidden_without_asking() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let casbin = Casbin::new(move |ask| {
        counted.fetch_add(1, Ordering::Relaxed);
        if ask.action() == "read" {
            Ok(ask.subject() == ADA)
        } else {
            Ok::<_, Box<dyn Error + Send + Sync>>(false)
        }
    });
    let objects = casbin.unwrap().objects::<Order>();
    let read = ActionKind::of::<Read>();
    let ruling =
        |caller: &Principal, tenant| format!("{:?}", objects.judge(caller, read, &Order(tenant)));
    assert_eq!(ruling(&caller("ada"), "forge"), "Hide");
    assert_eq!(asked.load(Ordering::Relaxed), 1); // when it was tried out
    assert_eq!(ruling(&caller("ada"), "mill"), "Allow");
    assert_eq!(ruling(&caller("eve"), "mill"), "Hide");
    let nobodys =
        Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").build();
    assert_eq!(ruling(&nobodys, "mill"), "Hide");
}
