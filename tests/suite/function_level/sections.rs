//! Rules for one host or one version alone.

use http::{Method, Request, request};
use tower_warden::authz::{
    Rules, RulesBuilder, RulesLayer, VersionBy, authenticated, public, role, scope,
};
use tower_warden::principal::{Principal, PrincipalKind};

use crate::support::{Answer, TestBody, request as request_to, through};

/// What the layer answers to somebody who is no admin.
async fn asked(rules: RulesBuilder, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = request_to(Method::GET, target, headers);
    let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
    request.extensions_mut().insert(ada.build());
    through(&RulesLayer::new(rules.build().unwrap()), request).await
}

/// Everybody may see the pages; on the host of admins, admins alone.
fn by_host() -> RulesBuilder {
    Rules::builder()
        .any("/{*page}", public("pages"))
        .host("Admin.Example.COM", |admin| admin.any("/{*page}", role("admin")))
        .host("old.example.com", |old| old.get("/moved", public("says where to")))
}

#[tokio::test]
async fn z1_a_host_with_a_section_is_decided_by_it_alone() {
    for (target, host, status, reason) in [
        ("/users", "www.example.com", 200, ""),
        ("/users", "admin.example.com", 403, "role_missing"),
        ("/users", "ADMIN.example.com", 403, "role_missing"),
        ("/users", "admin.example.com:8443", 403, "role_missing"),
        ("/users", "admin.example.com.", 403, "role_missing"),
        ("http://admin.example.com/users", "admin.example.com", 403, "role_missing"),
        ("http://admin.example.com/users", "", 403, "role_missing"),
        ("/moved", "old.example.com", 200, ""),
        ("/users", "old.example.com", 403, "route_not_declared"),
        ("/users", "sub.admin.example.com", 200, ""),
        // What two readers could read differently.
        ("/users", "", 400, "ambiguous_host"),
        ("http://www.example.com/users", "admin.example.com", 400, "ambiguous_host"),
        ("http://admin.example.com/users", "www.example.com", 400, "ambiguous_host"),
        ("/users", "admin.example.com,www.example.com", 400, "ambiguous_host"),
        ("/users", "www.example.com@admin.example.com", 400, "ambiguous_host"),
        ("/users", "admin%2Eexample.com", 400, "ambiguous_host"),
    ] {
        let host = [("host", host)];
        let host = if host[0].1.is_empty() { &host[..0] } else { &host[..] };
        let answer = asked(by_host(), target, host).await;
        assert_eq!((answer.status, answer.reason()), (status, reason), "{target} {host:?}");
    }
}

#[tokio::test]
async fn z1_what_a_proxy_says_of_the_host_has_no_say() {
    for (name, value) in [
        ("x-forwarded-host", "www.example.com"),
        ("forwarded", "host=www.example.com"),
        ("x-host", "www.example.com"),
        ("x-original-host", "www.example.com"),
    ] {
        let answer =
            asked(by_host(), "/users", &[("host", "admin.example.com"), (name, value)]).await;
        assert_eq!(answer.reason(), "role_missing", "{name}");
    }
    let twice = [("host", "www.example.com"), ("host", "admin.example.com")];
    assert_eq!(asked(by_host(), "/users", &twice).await.reason(), "ambiguous_host");
}

/// A table without sections does not look at hosts, and does not demand one.
#[tokio::test]
async fn a_table_without_sections_asks_for_no_host() {
    let rules = || Rules::builder().get("/users", authenticated());
    assert_eq!(asked(rules(), "/users", &[]).await.status, 200);
    assert_eq!(asked(rules(), "/users", &[("host", "a"), ("host", "b")]).await.status, 200);
}

fn by_version(by: VersionBy) -> RulesBuilder {
    Rules::builder()
        .version_by(by)
        .get("/orders", authenticated())
        .version("1", |rules| rules.get("/orders", scope("orders:read")))
        .version("2", |rules| rules.get("/orders", public("open since 2")))
}

#[tokio::test]
async fn z1_a_version_with_a_section_is_decided_by_it_alone() {
    let field = || by_version(VersionBy::header("api-version"));
    let parameter = || by_version(VersionBy::media_type_parameter("v"));
    for (rules, headers, status, reason) in [
        (field(), &[][..], 200, ""),
        (field(), &[("api-version", "1")], 403, "scope_missing"),
        (field(), &[("api-version", "2")], 200, ""),
        (field(), &[("api-version", "3")], 403, "version_not_declared"),
        (field(), &[("api-version", "")], 403, "version_not_declared"),
        (field(), &[("api-version", "1.0")], 403, "version_not_declared"),
        (field(), &[("api-version", "2"), ("api-version", "1")], 400, "ambiguous_version"),
        (parameter(), &[("accept", "application/json")], 200, ""),
        (parameter(), &[("accept", "application/json;v=1")], 403, "scope_missing"),
        (parameter(), &[("accept", "application/json; V=\"2\"")], 200, ""),
        (parameter(), &[("accept", "application/json;v=9")], 403, "version_not_declared"),
        (
            parameter(),
            &[("accept", "a/b;v=2"), ("content-type", "a/b;v=1")],
            400,
            "ambiguous_version",
        ),
    ] {
        let answer = asked(rules, "/orders", headers).await;
        assert_eq!((answer.status, answer.reason()), (status, reason), "{headers:?}");
    }
}

fn head(host: &str, version: &str) -> request::Parts {
    let request = Request::get("/users").header("host", host).header("v", version);
    request.body(TestBody::default()).unwrap().into_parts().0
}

#[test]
fn z1_versions_within_a_host_are_that_hosts() {
    let in_either_order = [
        Rules::builder()
            .host("a.example", |a| a.version("1", |rules| rules.get("/users", role("a1"))))
            .host("b.example", |b| b.get("/users", role("b"))),
        Rules::builder()
            .version("1", |one| one.host("a.example", |rules| rules.get("/users", role("a1"))))
            .host("b.example", |b| b.get("/users", role("b"))),
    ];
    for rules in in_either_order {
        let rules = rules.version_by(VersionBy::header("v")).build().unwrap();
        let text =
            |host, version| rules.rule_for_request(&head(host, version)).map(ToString::to_string);
        let first = "GET a.example/users (version 1): role(a1)";
        assert_eq!(text("a.example", "1").as_deref(), Some(first));
        assert_eq!(text("a.example", "2"), None);
        assert_eq!(text("b.example", "2").as_deref(), Some("GET b.example/users: role(b)"));
        assert_eq!(text("c.example", "1"), None);
        let listed: Vec<_> = rules.iter().map(|rule| (rule.host(), rule.version())).collect();
        assert_eq!(listed, [(Some("a.example"), Some("1")), (Some("b.example"), None)]);
        assert!(rules.declares("/users") && !rules.declares("/"));
    }
}

#[test]
fn z1_problems_of_sections_are_told_at_start_up() {
    let one = |rules: RulesBuilder| rules.get("/a", authenticated());
    let told = |rules: RulesBuilder| {
        let error = rules.build().unwrap_err();
        error.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (rules, expected) in [
        (Rules::builder().host("a.example", |rules| rules), &["host a.example: has no rule"][..]),
        (
            Rules::builder().host("a.example:80", one).host("*.example", one),
            &[
                "host a.example:80: has a port, which has no say",
                "host *.example: no name or address of a host",
            ],
        ),
        (
            Rules::builder().host("a.example", |a| a.host("b.example", one)),
            &["GET a.example/a: stands in the sections of two hosts"],
        ),
        (
            Rules::builder().host("a.example", one).host("A.EXAMPLE", one),
            &["GET a.example/a: declared twice"],
        ),
        (
            Rules::builder().host("a.example", |a| a.get("/{x}", role("r")).get("/{y}", role("r"))),
            &["/{y}: conflicts with `/{x}`"],
        ),
        (
            Rules::builder()
                .grpc("/a.Orders/Delete", role("admin"))
                .host("a.example", |a| a.grpc_service("a.Orders", authenticated())),
            &[
                "/a.Orders/Delete: is decided on by `/a.Orders/{method}` in another section: declare it there too",
            ],
        ),
        (
            Rules::builder().version("1", one),
            &["version: has rules, and `version_by` does not say where requests name one"],
        ),
        (
            one(Rules::builder().version_by(VersionBy::header("v"))),
            &["version: can be named, and no rule is for one"],
        ),
        (
            Rules::builder()
                .version_by(VersionBy::header("not a field"))
                .version("1", one)
                .version("", one),
            &[
                "version : is no visible ASCII, which no field can hold",
                "version: is named by no header field",
            ],
        ),
        (
            Rules::builder()
                .version_by(VersionBy::header("v"))
                .version("1", |rules| one(rules.version_by(VersionBy::media_type_parameter("v"))))
                .version("1", |rules| rules.version("2", one)),
            &[
                "version: is named in two ways",
                "GET /a (version 1): stands in the sections of two versions",
                "GET /a (version 1): declared twice",
            ],
        ),
    ] {
        assert_eq!(told(rules), expected);
    }
}
