//! Groups, names of policies, and methods that are decided explicitly.

use http::Method;
use tower_warden::authz::{
    Rule, Rules, RulesBuilder, all_of, any_of, authenticated, check_async, not, public, role,
    scope, tenant_in_path,
};

fn listed(rules: RulesBuilder) -> Vec<String> {
    rules.build().unwrap().iter().map(ToString::to_string).collect()
}

fn problems(rules: RulesBuilder) -> Vec<String> {
    rules.build().unwrap_err().problems().iter().map(ToString::to_string).collect()
}

#[test]
fn z1_a_group_adds_its_prefix_and_policy_to_every_rule_inside() {
    let rules = Rules::builder()
        .get("/health", public("probe"))
        .group("/tenants/{tenant}", tenant_in_path("tenant").named("member"), |tenant| {
            tenant
                .get("/", authenticated())
                .head("/orders", scope("orders:count"))
                .options("/orders", scope("orders:read"))
                .group("/admin/", role("admin"), |admin| {
                    admin.any("/", scope("a")).post("/{*rest}", any_of([scope("b"), role("c")]))
                })
        })
        .group("/", authenticated(), |rules| {
            rules.get("/me", role("staff")).grpc("/orders.v1.Orders/Get", scope("orders:read"))
        });
    assert_eq!(
        listed(rules),
        [
            "GET /health: public(probe)",
            "GET /tenants/{tenant}: member and authenticated",
            "HEAD /tenants/{tenant}/orders: member and scope(orders:count)",
            "OPTIONS /tenants/{tenant}/orders: member and scope(orders:read)",
            "* /tenants/{tenant}/admin/: member and (role(admin) and scope(a))",
            "POST /tenants/{tenant}/admin/{*rest}: member and (role(admin) and (scope(b) or role(c)))",
            "GET /me: authenticated and role(staff)",
            "POST /orders.v1.Orders/Get: authenticated and scope(orders:read)",
        ]
    );
}

#[test]
fn z1_a_group_tells_what_cannot_stand_in_it() {
    let slow = check_async("slow", |_, _| async { Ok(true) });
    let rules = Rules::builder().group("/admin", all_of([slow, role("")]), |admin| {
        admin
            .get("/open", public("all may see it"))
            .grpc("/orders.v1.Orders/Get", authenticated())
            .get("users", authenticated())
            .get("/same", authenticated())
            .get("/same", authenticated())
    });
    assert_eq!(
        problems(rules),
        [
            "GET /admin/open: is public inside of a group with a policy",
            "POST /orders.v1.Orders/Get: is a gRPC method, whose path has no prefix",
            "POST /orders.v1.Orders/Get: `role()` names no role",
            "GET users: is in a group and does not start with `/`",
            "GET users: `role()` names no role",
            "GET /admin/same: `role()` names no role",
            "GET /admin/same: `role()` names no role",
            "GET /admin/same: declared twice",
        ]
    );
    assert_eq!(
        problems(
            Rules::builder().group("admin", authenticated(), |rules| rules.get("/", role("a")))
        ),
        ["GET admin: a pattern starts with `/`"]
    );
}

#[test]
fn z1_the_name_of_a_policy_stands_for_it_and_cannot_be_mistaken_for_another() {
    let member = || tenant_in_path("tenant").named("tenant-member");
    let policy = all_of([scope("orders:read"), any_of([role("admin"), member()])]);
    assert_eq!(policy.to_string(), "scope(orders:read) and (role(admin) or tenant-member)");
    assert_eq!(
        problems(
            Rules::builder()
                .get("/a", role("x").named(""))
                .get("/b", role("x").named("role(x) or y"))
                .get("/c", role("x").named("and"))
                // What is wrong inside is told all the same.
                .get(
                    "/d",
                    all_of([member(), not(tower_warden::authz::acr(["gold"]).named("gold"))])
                )
        ),
        [
            "GET /a: `` is no name of one word",
            "GET /b: `role(x) or y` is no name of one word",
            "GET /c: `and` is no name of one word",
            "GET /d: `tenant_in_path(tenant)` names no parameter of the pattern",
            "GET /d: `not(gold)` would let in who does not say how it was authenticated: name what is accepted",
        ]
    );
}

#[test]
fn z13_head_and_options_are_decided_by_rules_of_their_own() {
    let rules = Rules::builder()
        .get("/orders", scope("read"))
        .head("/orders", scope("count"))
        .options("/orders", public("what there is"))
        .build()
        .unwrap();
    let access =
        |method| rules.rule_for(&method, "/orders").map(Rule::access).map(ToString::to_string);
    assert_eq!(access(Method::GET).as_deref(), Some("scope(read)"));
    assert_eq!(access(Method::HEAD).as_deref(), Some("scope(count)"));
    assert_eq!(access(Method::OPTIONS).as_deref(), Some("public(what there is)"));
    assert_eq!(access(Method::TRACE), None);
}
