use std::sync::Arc;

use super::answer::AnswerHeaders;
use crate::authn::AuthenticateLayer;
use crate::authz::RulesLayer;
use crate::client_address::ClientAddressLayer;
use crate::clock::Clock;
use crate::rate_limit::Limits;

/// The controls of a stack.
#[derive(Debug)]
pub(super) struct Controls {
    pub(super) headers: AnswerHeaders,
    pub(super) client_address: ClientAddressLayer,
    /// By whatever is known of a request when it arrives.
    pub(super) arrival_limits: Option<Arc<Limits>>,
    pub(super) authenticate: AuthenticateLayer,
    /// By what is known once it is known who speaks.
    pub(super) principal_limits: Option<Arc<Limits>>,
    pub(super) rules: RulesLayer,
    /// Whose time the limits go by.
    pub(super) clock: Arc<dyn Clock>,
}
