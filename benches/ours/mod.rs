//! This crate's own cases, one file a capability, for `benches/controls.rs` and beside the neighbours in
//! `benches/peers`.

pub(crate) mod api_keys;
pub(crate) mod gates;
pub(crate) mod guards;
pub(crate) mod headers;
pub(crate) mod many_keys;
#[allow(dead_code, reason = "the neighbours' program has no such report")]
pub(crate) mod memory;
pub(crate) mod objects;
pub(crate) mod properties;
pub(crate) mod rate_limit;
pub(crate) mod rules;
pub(crate) mod stack;
pub(crate) mod tokens;

use http::Request;
use tower_warden::principal::{Principal, PrincipalKind};

use crate::harness::{Group, floors, tokens::ISSUER};

/// Every table that needs no neighbour beside it.
pub(crate) fn groups() -> Vec<Group> {
    vec![
        Group::absolute("Floors", floors::cases()),
        Group::over(gates::bare_case(), "Gates", gates::cases()),
        Group::absolute("Tokens judged, without layer and response", tokens::judging()),
        Group::absolute("Token refusals, before the response", tokens::refusing()),
        Group::over(api_keys::bare_case(), "API keys", api_keys::cases()),
        Group::over(rules::bare_case(), "Rules", rules::cases()),
        Group::absolute("Guards", guards::cases()),
        Group::absolute("Properties", properties::cases()),
        Group::over(objects::alone_case(), "Object checks over rules", objects::alone_cases()),
        Group::over(objects::stack_case(), "Object checks over a stack", objects::stack_cases()),
        Group::over(rate_limit::bare_case(), "Rate limiting here", rate_limit::cases()),
        Group::over(stack::trivial_case(), "The stack over an empty 200", stack::over_trivial()),
    ]
}

const SUBJECT: &str = "3c1f8d0e-64b7-4c2e-9a53-2f6f2c2d9b11";

/// Whoever the tokens of the other cases speak for.
pub(crate) fn caller() -> Principal {
    let caller = Principal::builder(ISSUER, SUBJECT, PrincipalKind::User, "Bearer");
    caller.scope("orders:read").scope("orders:write").build()
}

/// Requests with one more extension, as a layer further out would have left it.
pub(crate) fn with<B, T: Clone + Send + Sync + 'static>(
    extension: T,
    request: impl Fn() -> Request<B> + 'static,
) -> impl Fn() -> Request<B> + 'static {
    move || {
        let mut request = request();
        request.extensions_mut().insert(extension.clone());
        request
    }
}
