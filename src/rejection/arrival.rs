use std::net::IpAddr;

use http::Extensions;

use super::{Challenges, CorrelationId};

/// What a [`Warden`](crate::Warden) knows of a request before it knows who speaks, in one extension instead of three.
///
/// The types have accessors called `of` that read it. An extension of the type itself wins: a layer that stands alone
/// leaves one, further in.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) correlation_id: CorrelationId,
    pub(crate) client: Option<IpAddr>,
    pub(crate) challenges: Challenges,
}

impl Arrival {
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }
}
