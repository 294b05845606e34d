//! Whoever chooses the host or the version of a request wants a weaker rule before the same handler.

use axum::Router;
use axum::body::Body;
use http::Request;
use tower_warden::authz::{Rules, RulesBuilder, VersionBy, role, scope};
use tower_warden::client_address::PeerAddress;
use tower_warden::frameworks::axum::methods::get;
use tower_warden::frameworks::axum::{GuardedRouter, Routes};
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use crate::support::{Answer, ask};

/// Partners see single reports, on their host or in their version; what all of them earn is for admins.
fn reports() -> RulesBuilder {
    let one = |rules: RulesBuilder| rules.get("/reports/{id}", scope("reports"));
    one(Rules::builder())
        .get("/reports/all", role("admin"))
        .version_by(VersionBy::header("api-version"))
        .host("partners.example", one)
        .version("2", one)
}

fn issuer() -> TestIssuer {
    TestIssuer::new("https://issuer.example", "https://api.example")
}

async fn as_partner(
    service: &GuardedRouter,
    issuer: &TestIssuer,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let token = issuer.token("ada").scope("reports").sign();
    let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer = PeerAddress(([192, 0, 2, 1], 40_000).into());
    ask(service.clone(), request.extension(peer).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn z13_the_host_and_version_that_a_caller_names_do_not_choose_a_weaker_rule_for_a_route() {
    let issuer = issuer();
    let warden = Warden::builder().trust_issuer(issuer.trust()).rules(reports()).build().unwrap();
    let proved = Routes::new()
        .route("/reports/all", get(async || "what all of them earn"))
        .route("/reports/{id}", get(async || "a report"));
    let bare = Router::new()
        .route("/reports/all", axum::routing::get(async || "what all of them earn"))
        .route("/reports/{id}", axum::routing::get(async || "a report"));
    let nested = Router::new().nest(
        "/reports",
        Router::new()
            .route("/all", axum::routing::get(async || "what all of them earn"))
            .route("/{id}", axum::routing::get(async || "a report")),
    );
    let services = [
        ("proved", warden.guard_routes(proved).unwrap()),
        ("bare", warden.guard(bare)),
        ("nested", warden.guard(nested)),
    ];
    for (name, service) in &services {
        for section in
            [&[("host", "partners.example")][..], &[("host", "www.example"), ("api-version", "2")]]
        {
            let all = as_partner(service, &issuer, "/reports/all", section).await;
            assert!(!all.text().contains("earn"), "{name} {section:?}");
            assert_eq!(
                (all.status, all.reason()),
                (500, "rule_and_route_disagree"),
                "{name} {section:?}"
            );
            let one = as_partner(service, &issuer, "/reports/7", section).await;
            assert_eq!((one.status, one.text()), (200, "a report"), "{name} {section:?}");
        }
        let undivided = [("host", "www.example")];
        let all = as_partner(service, &issuer, "/reports/all", &undivided).await;
        assert_eq!((all.status, all.reason()), (403, "role_missing"), "{name}");
    }
}
