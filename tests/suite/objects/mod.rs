//! Object-level authorization: over sockets through a whole stack, and guards by themselves where nothing of a request counts.

mod denials;
mod failures;
mod grpc;
mod lists;
mod pages;
mod queries;
mod shop;

use tower_warden::Principal;
use tower_warden::authz::Rules;
use tower_warden::authz::object::{Denied, Guard, QueryPolicy};
use tower_warden::principal::PrincipalKind;

use self::shop::Order;

fn caller(subject: &str, tenant: &str) -> Principal {
    Principal::builder("https://issuer.example", subject, PrincipalKind::User, "Bearer")
        .tenant(tenant)
        .build()
}

/// A guard without a request, of Ada at Acme.
fn guard(policy: impl QueryPolicy<Order>) -> Guard<Order> {
    let rules = Rules::builder().query_policy(policy).build().unwrap();
    Guard::from_rules(&rules, caller("ada", "acme")).unwrap()
}

/// What the caller is told, and what the log is.
fn told(denied: &Denied) -> (u16, &'static str) {
    (denied.rejection().status().as_u16(), denied.rejection().reason())
}
