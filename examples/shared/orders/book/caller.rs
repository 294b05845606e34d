use serde::Serialize;
use tower_warden::principal::Principal;

/// Who asks: issuer, subject and tenant, all three out of the credential and none out of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Caller {
    pub(crate) issuer: String,
    /// As a part of an order, it is the order's owner.
    #[serde(rename = "owner")]
    pub(crate) subject: String,
    pub(crate) tenant: String,
}

impl Caller {
    /// The caller that a principal speaks for; `None` where it belongs to no tenant and so can have no orders.
    pub(crate) fn of(principal: &Principal) -> Option<Self> {
        let (issuer, subject) = principal.identity();
        let tenant = principal.tenant()?.to_owned();
        Some(Self { issuer: issuer.to_owned(), subject: subject.to_owned(), tenant })
    }

    /// Whether a principal speaks for it. A subject is unique within its issuer only, and somebody may move from one
    /// tenant to another.
    pub(super) fn is(&self, principal: &Principal) -> bool {
        principal.identity() == (&self.issuer, &self.subject)
            && principal.tenant() == Some(&self.tenant)
    }
}
