use tower_warden::principal::Principal;

/// Who asks: issuer, subject and tenant, all three out of the credential and none out of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) issuer: String,
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
}

/// Which orders a request is about. Everything else does not exist for it.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// Those that the caller placed.
    Own(Caller),
    /// Those of the caller's tenant, whoever placed them: for routes that only administrators get to.
    Tenant(Caller),
}

impl Reach {
    pub(super) fn holds(&self, owner: &Caller) -> bool {
        match self {
            // A subject is unique within its issuer only, and somebody may move from one tenant to another.
            Self::Own(caller) => caller == owner,
            Self::Tenant(caller) => caller.tenant == owner.tenant,
        }
    }
}
