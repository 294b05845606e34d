//! What `binding` is without tokens: nothing is bound to its sender.

use http::request;

use crate::principal::Principal;
use crate::rejection::Rejection;

#[derive(Clone, Copy)]
pub(super) struct Proved;

impl Proved {
    pub(super) const fn by_connection(_: &request::Parts) -> Self {
        Self
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a bound principal may be refused")]
pub(super) fn confirmed(
    principal: Principal,
    _: &str,
    _: impl FnOnce() -> Proved,
) -> Result<Principal, Rejection> {
    Ok(principal)
}
