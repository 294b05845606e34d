//! Directories give those without a tenant an empty one, and databases give it to rows without.

use axum::Router;
use http::Request;
use tower_warden::authz::{Rules, check};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use super::send;

#[tokio::test]
async fn z6_a_tenant_without_a_name_is_none() {
    let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
    assert_eq!(ada.tenant("acme").tenant("").build().tenant(), None);

    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let of_the_row =
        |row: &'static str| check("same tenant", move |ada, _| ada.tenant() == Some(row));
    let rules = Rules::builder().get("/nobodys", of_the_row("")).get("/acme", of_the_row("acme"));
    let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
    let router = Router::new().fallback(async || "in");
    for (tenant, path, status) in
        [("", "/nobodys", 403), ("", "/acme", 403), ("acme", "/acme", 200)]
    {
        let token = issuer.token("ada").claim("tenant", tenant).sign();
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        assert_eq!(send(&warden, &router, request).await.status, status, "{tenant} {path}");
    }
}
