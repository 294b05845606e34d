//! Set-ups that would limit nothing, or refuse everything.

use tower_warden::authz::{Rules, public};
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitLayer};

use super::super::with_api_key;

const QUOTA: Quota = Quota::per_minute(10);

fn is_refused(limit: Limit) -> bool {
    RateLimitLayer::builder().limit(limit).build().is_err()
}

/// Nobody knows the plan of who failed to authenticate; a Warden would put the limit where it sees no failure.
#[test]
fn q12_a_limit_of_failures_has_no_plans_of_principals() {
    let limit = || Limit::failed_authentication("failures", QUOTA);
    assert!(is_refused(limit().plan("pro", Quota::per_minute(20))));
    let by_path = limit().plan("pro", Quota::per_minute(20)).plan_by(|head| Some(head.uri.path()));
    assert!(!is_refused(by_path));
    let (builder, _) = with_api_key();
    let rules = Rules::builder().get("/", public("home"));
    let builder = builder.rules(rules).limit(limit().plan("pro", Quota::per_minute(20)));
    assert!(builder.build().is_err());
}

#[test]
fn q14_a_limit_for_which_nothing_costs_anything_is_told_about() {
    let limit = || Limit::by_address("address", QUOTA);
    assert!(is_refused(limit().cost(0)));
    assert!(is_refused(limit().cost(0).cost_of_route("GET /", 0)));
    assert!(is_refused(Limit::new("a", Key::address(), QUOTA).cost(0).charge_when(|_| true)));
    assert!(!is_refused(limit().cost(0).cost_of_route("GET /exports", 5)));
    assert!(!is_refused(limit().cost_of_route("GET /health", 0)));
}

/// A change at run time is held to what a layer is built with.
#[test]
fn q14_a_changed_quota_still_admits_the_dearest_route() {
    let limit = Limit::by_address("address", QUOTA).cost_of_route("POST /exports", 5);
    let layer = RateLimitLayer::builder().limit(limit).build().unwrap();
    let limiter = layer.limiter("address").unwrap();
    assert!(limiter.set_quota(Quota::per_minute(4)).is_err());
    assert!(limiter.set_quota(Quota::per_minute(5)).is_ok());
}
