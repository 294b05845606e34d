//! Who and what is not limited.

use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};
use tower_warden::rejection::Challenges;

use super::{built, from};
use crate::support::through;

fn limit() -> Limit {
    Limit::new("all", Key::global(), Quota::per_hour(1))
}

#[tokio::test]
async fn q9_networks_are_exempt_by_the_address_of_the_client() {
    let exempt = limit().exempt_networks(["192.0.2.0/24", "2001:db8:7::/48", "203.0.113.4"]);
    let (layer, _clock) = built(RateLimitLayer::builder().limit(exempt));
    let status = async |address: &str| through(&layer, from(address, &[])).await.status;
    assert_eq!(status("198.51.100.1").await, 200);
    for (address, expected) in [
        ("192.0.2.255", 200),
        ("::ffff:192.0.2.1", 200),
        ("64:ff9b::192.0.2.1", 200),
        ("2001:db8:7:ffff::1", 200),
        ("203.0.113.4", 200),
        ("192.0.3.0", 429),
        ("2001:db8:8::1", 429),
        ("203.0.113.5", 429),
    ] {
        assert_eq!(status(address).await, expected, "{address}");
    }
    let answer = through(&layer, crate::support::get("/", &[])).await;
    assert_eq!(answer.status, 429, "no address, no exemption");
}

#[tokio::test]
async fn q9_principals_are_exempt_once_they_are_known() {
    let exempt = limit().exempt_principals(|principal| principal.has_role("operator"));
    let (layer, _clock) = built(RateLimitLayer::builder().limit(exempt));
    let send = async |role: Option<&str>, looked: bool| {
        let mut request = from("192.0.2.1", &[]);
        if looked {
            request.extensions_mut().insert(Challenges::new([]));
        }
        if let Some(role) = role {
            let ada = Principal::builder("i", "ada", PrincipalKind::User, "Bearer").role(role);
            request.extensions_mut().insert(ada.build());
        }
        through(&layer, request).await.status
    };
    assert_eq!(send(None, true).await, 200, "anonymous, and charged");
    assert_eq!(send(Some("operator"), true).await, 200);
    assert_eq!(send(Some("clerk"), true).await, 429);
    assert_eq!(send(None, false).await, 500, "nobody looked");
}

#[test]
fn q9_exemptions_that_cannot_be_meant_do_not_build() {
    for limit in [
        limit().exempt_networks(["0.0.0.0/0"]),
        limit().exempt_networks(["::/0"]),
        limit().exempt_networks(["0.0.0.0/1", "128.0.0.0/1"]),
        limit().exempt_networks(["192.0.2.1/24"]),
        limit().exempt_networks(["::ffff:192.0.2.0/120"]),
        limit().exempt_networks(["office"]),
        Limit::failed_authentication("f", Quota::per_hour(1)).exempt_principals(|_| true),
    ] {
        let error = RateLimitLayer::builder().limit(limit).build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
    }
}
