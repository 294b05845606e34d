use super::answer::AnswerHeaders;
use crate::authn::AuthenticateLayer;
use crate::authz::RulesLayer;
use crate::client_address::ClientAddressLayer;
use crate::rate_limit::Limits;

/// The controls of a stack.
#[derive(Debug)]
pub(super) struct Controls {
    pub(super) headers: AnswerHeaders,
    pub(super) client_address: ClientAddressLayer,
    pub(super) limits: Limits,
    pub(super) authenticate: AuthenticateLayer,
    pub(super) rules: RulesLayer,
}
