//! What the adapter relies on in casbin itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

use casbin::{CoreApi, DefaultModel, Enforcer, StringAdapter};
use tower_warden::authz::casbin::{Answer, Ask, Casbin, Resource};
use tower_warden::authz::object::{ActionKind, Delete, ObjectPolicy, Read};
use tower_warden::principal::{Principal, PrincipalKind};

const ALLOW: &str = "some(where (p.eft == allow))";
const MATCHER: &str = "g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act";
const POLICY: &str = "
p, editors, order:7, read
p, admin, *, delete
g, https://issuer.example|ada, editors
";

fn enforcer(effect: &str, matcher: &str, policy: &str) -> Enforcer {
    let model = format!(
        "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[role_definition]\ng = _, _\n\
         [policy_effect]\ne = {effect}\n[matchers]\nm = {matcher}\n"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        Enforcer::new(DefaultModel::from_str(&model).await.unwrap(), StringAdapter::new(policy)).await.unwrap()
    })
}

fn asking(enforcer: Enforcer) -> impl Fn(&Ask<'_>) -> Answer + Send + Sync {
    move |ask| Ok(enforcer.enforce((ask.subject(), ask.object(), ask.action()))?)
}

struct Order(&'static str);

impl Resource for Order {
    fn object(&self) -> std::borrow::Cow<'_, str> {
        format!("order:{}", self.0).into()
    }

    fn tenant(&self) -> Option<&str> {
        None
    }
}

fn ruling(casbin: &Casbin, subject: &str, action: ActionKind, order: &'static str) -> String {
    let caller = Principal::builder("https://issuer.example", subject, PrincipalKind::User, "Bearer").role("admin").build();
    format!("{:?}", casbin.objects::<Order>().judge(&caller, action, &Order(order)))
}

#[test]
fn an_object_is_for_whom_the_table_says() {
    let casbin = Casbin::new(asking(enforcer(ALLOW, MATCHER, POLICY))).unwrap();
    let read = ActionKind::of::<Read>();
    assert_eq!(ruling(&casbin, "ada", read, "7"), "Allow");
    assert_eq!(ruling(&casbin, "ada", read, "8"), "Hide");
    assert_eq!(ruling(&casbin, "ada", ActionKind::of::<Delete>(), "7"), "Hide");
    assert_eq!(ruling(&casbin, "eve", read, "7"), "Hide");
}

/// casbin takes a subject for a member of the role of its own name.
#[test]
fn a_subject_called_like_a_role_does_not_hold_it() {
    let bare = enforcer(ALLOW, MATCHER, POLICY);
    assert!(bare.enforce(("admin", "order:7", "delete")).unwrap());
    let casbin = Casbin::new(asking(bare)).unwrap();
    let delete = ActionKind::of::<Delete>();
    for subject in ["admin", "editors", "\"admin\"", "admin\") || (\"a\" == \"a", "*", "p.sub", "admin\u{200b}"] {
        assert_eq!(ruling(&casbin, subject, delete, "7"), "Hide", "{subject}");
    }
}

#[test]
fn enforcers_that_let_strangers_in_or_cannot_be_asked_are_refused() {
    let refused = |enforcer| Casbin::new(asking(enforcer)).unwrap_err().to_string();
    let mut off = enforcer(ALLOW, MATCHER, POLICY);
    off.enable_enforce(false);
    assert!(refused(off).contains("stranger"));
    assert!(refused(enforcer("!some(where (p.eft == deny))", MATCHER, POLICY)).contains("stranger"));
    assert!(refused(enforcer(ALLOW, "r.act == r.act", POLICY)).contains("stranger"));
    assert!(refused(enforcer(ALLOW, "r.nothing == p.obj", POLICY)).contains("cannot be asked"));
    assert!(refused(enforcer(ALLOW, MATCHER, "p, editors, order:7")).contains("cannot be asked"));
    assert!(refused(enforcer("most(where (p.eft == allow))", MATCHER, POLICY)).contains("panics"));
    let four = enforcer(ALLOW, MATCHER, POLICY);
    let four = Casbin::new(move |ask| Ok(four.enforce((ask.subject(), "dom", ask.object(), ask.action()))?));
    assert!(four.unwrap_err().to_string().contains("cannot be asked"));
}

#[test]
fn a_matcher_that_fails_for_some_callers_denies_them() {
    let casbin = Casbin::new(asking(enforcer(ALLOW, "g(r.sub, p.sub) && regexMatch(r.act, \"re\" + \"ad\") && keyMatch(r.obj, p.obj)", POLICY)));
    assert_eq!(ruling(&casbin.unwrap(), "ada", ActionKind::of::<Read>(), "7"), "Allow");
    let fails = "g(r.sub, p.sub) && (r.act == \"read\" || missing(r.act))";
    let casbin = Casbin::new(asking(enforcer(ALLOW, fails, POLICY))).unwrap();
    assert_eq!(ruling(&casbin, "ada", ActionKind::of::<Read>(), "7"), "Allow");
    assert!(ruling(&casbin, "ada", ActionKind::of::<Delete>(), "7").contains("PolicyError"));
}
