use http::request;

use crate::client_address::ClientAddress;
use crate::principal::Principal;

/// Who sends a request, as far as somebody has just found out: what is not at hand is looked up in the request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sender<'r> {
    pub(crate) client: Option<ClientAddress>,
    pub(crate) principal: Option<&'r Principal>,
}

impl<'r> Sender<'r> {
    pub(super) fn client(&self, head: &request::Parts) -> Option<ClientAddress> {
        self.client.or_else(|| ClientAddress::of(&head.extensions))
    }

    pub(super) fn principal(&self, head: &'r request::Parts) -> Option<&'r Principal> {
        self.principal.or_else(|| Principal::of(&head.extensions))
    }
}
