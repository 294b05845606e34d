use std::sync::Arc;

use http::request;

use super::bucket::Bucket;
use super::headers::Announcement;
use crate::principal::Principal;

/// What a limit offers at the moment: a bucket for everybody, or one for each plan.
#[derive(Debug)]
pub(super) struct Terms {
    /// Never empty; the first is for whoever has no plan.
    offers: Box<[Offer]>,
}

/// A bucket, and how it is announced.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) plan: Option<Arc<str>>,
    pub(super) bucket: Bucket,
    pub(super) announcement: Announcement,
}

impl Terms {
    pub(super) fn new(offer: Offer) -> Self {
        Self { offers: Box::new([offer]) }
    }

    /// Which offer this request is counted on: that of the principal's plan, where there are plans.
    pub(super) fn choose(&self, head: &request::Parts) -> u16 {
        if self.offers.len() == 1 {
            return 0;
        }
        let plan = Principal::of(&head.extensions).and_then(Principal::plan);
        let number = self.offers.iter().position(|offer| offer.plan.as_deref() == plan);
        number.unwrap_or(0) as u16
    }

    /// The offer of that number; the first where there is none any more.
    pub(super) fn offer(&self, number: u16) -> &Offer {
        self.offers.get(usize::from(number)).unwrap_or(&self.offers[0])
    }
}
