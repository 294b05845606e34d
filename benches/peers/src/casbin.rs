//! casbin behind a rule and behind an object policy, beside the enforcer alone.

use std::borrow::Cow;
use std::hint::black_box;

use casbin::{CoreApi, DefaultModel, Enforcer, StringAdapter};
use tower::Layer;
use tower_warden::authz::casbin::{Casbin, Resource};
use tower_warden::authz::object::{ActionKind, ObjectPolicy, Read};
use tower_warden::authz::{Rules, RulesLayer, caller_id};

use crate::harness::{Bare, Case, Run, case, get, service};
use crate::ours::{caller, with};

const MODEL: &str = "
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("casbin alone, the subject's name at hand", alone),
        case("casbin object policy", object),
    ]
}

/// Over the same without any.
pub(crate) fn behind_rules() -> Vec<Case> {
    vec![case("casbin rule", rule)]
}

/// Ten rules and five roles, of which the last rule permits.
fn enforcer() -> Enforcer {
    let mut policy: String =
        (0..9).map(|number| format!("p, group{number}, thing{number}, read\n")).collect();
    policy.push_str("p, group9, orders, read\n");
    for number in 5..10 {
        policy.push_str(&format!("g, {}, group{number}\n", subject()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let model = DefaultModel::from_str(MODEL).await.expect("a model");
        Enforcer::new(model, StringAdapter::new(policy)).await.expect("a policy")
    })
}

fn subject() -> String {
    let caller = caller();
    let (issuer, subject) = caller.identity();
    caller_id(issuer, subject)
}

fn adapter() -> Casbin {
    let enforcer = enforcer();
    let ask = move |ask: &tower_warden::authz::casbin::Ask<'_>| {
        Ok(enforcer.enforce((ask.subject(), ask.object(), ask.action()))?)
    };
    Casbin::new(ask).expect("a sound enforcer")
}

struct Order;

impl Resource for Order {
    fn object(&self) -> Cow<'_, str> {
        "orders".into()
    }

    fn tenant(&self) -> Option<&str> {
        None
    }
}

fn alone() -> Run {
    let (enforcer, subject) = (enforcer(), subject());
    Box::new(move |requests| {
        for _ in 0..requests {
            let allowed = enforcer.enforce((black_box(subject.as_str()), "orders", "read"));
            assert!(allowed.expect("a decision"));
        }
    })
}

fn object() -> Run {
    let (objects, caller) = (adapter().objects::<Order>(), caller());
    let read = ActionKind::of::<Read>();
    assert_eq!(format!("{:?}", objects.judge(&caller, read, &Order)), "Allow");
    Box::new(move |requests| {
        for _ in 0..requests {
            let _ = black_box(objects.judge(black_box(&caller), read, &Order));
        }
    })
}

fn rule() -> Run {
    let rules = Rules::builder().get("/service4/orders", adapter().policy("orders", "read"));
    let layer = RulesLayer::new(rules.build().expect("a sound table"));
    let ask = with(caller(), get("/service4/orders", &[("accept", "application/json")]));
    Box::new(service(layer.layer(Bare), ask, 200))
}
