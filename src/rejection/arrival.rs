use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;

use super::{Challenges, CorrelationId};
use crate::authz::object::Checks;
use crate::principal::Principal;

/// What a [`Warden`](crate::Warden) knows of a request, in one extension instead of four.
///
/// The types have accessors called `of` that read it. An extension of the type itself wins, which a layer further in has
/// left: the stack removes what was there before it.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) correlation_id: CorrelationId,
    pub(crate) client: Option<IpAddr>,
    pub(crate) challenges: Challenges,
    /// Who speaks, once that is known.
    pub(crate) principal: Option<Principal>,
    /// What the rules want to be checked before the answer leaves, for them alone to read.
    pub(crate) checks: Option<Arc<Checks>>,
}

impl Arrival {
    #[inline]
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    pub(crate) fn of_mut(extensions: &mut Extensions) -> Option<&mut Self> {
        extensions.get_mut()
    }
}
