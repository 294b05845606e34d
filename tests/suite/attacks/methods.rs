//! HEAD is GET without the body: whoever may not read must not learn of it what a head tells.

use http::Method;
use tower_warden::authz::casbin::Casbin;
use tower_warden::authz::{Policy, Rules, RulesBuilder, RulesLayer};
use tower_warden::principal::{Principal, PrincipalKind};

use crate::support::{request, through};

/// Ada may do everything with orders but read them.
fn all_but_reading() -> Policy {
    let casbin = Casbin::new(|ask| {
        let of_ada = ask.subject().ends_with("|ada") && ask.object() == "/orders/{id}";
        Ok(of_ada && ask.action() != "GET")
    });
    casbin.unwrap().route_policy()
}

async fn status(rules: &RulesBuilder, method: Method) -> u16 {
    let mut request = request(method, "/orders/7", &[]);
    let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
    request.extensions_mut().insert(ada.build());
    through(&RulesLayer::new(rules.clone().build().unwrap()), request).await.status
}

#[tokio::test]
async fn z13_casbin_is_asked_about_head_as_about_get() {
    let pattern = "/orders/{id}";
    for rules in [
        Rules::builder().get(pattern, all_but_reading()),
        Rules::builder().any(pattern, all_but_reading()),
        Rules::builder().head(pattern, all_but_reading()),
    ] {
        assert_eq!(status(&rules, Method::HEAD).await, 403, "{rules:?}");
    }
    let any = Rules::builder().any(pattern, all_but_reading());
    assert_eq!(status(&any, Method::GET).await, 403);
    assert_eq!(status(&any, Method::PUT).await, 200);
}
