//! What is left to do for an admitted request once its answer is there.

use http::response;
use smallvec::SmallVec;

use super::bucket::{Bucket, Decision, Draw};
use super::headers::PartitionKey;
use super::key::KeyBytes;
use super::limit::Charged;
use super::limits::{ActiveLimit, Limits, Wanted};
use super::secret::HashedKey;
use super::shadow::ShadowRefusals;
use super::store::Order;

/// What is left to do for a request once its answer is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Charges {
    /// What there is to tell.
    drawn: SmallVec<[Drawn; 1]>,
    /// What is charged if the answer says so.
    owing: SmallVec<[Owing; 1]>,
    aside: Option<Box<Aside>>,
}

/// What few requests bring, kept apart so that the rest stay small.
#[derive(Clone, Debug, Default)]
struct Aside {
    /// One for each that is announced, where partition keys are told.
    partitions: Vec<PartitionKey>,
    /// The limits in shadow mode that would have refused.
    shadowed: Vec<u16>,
    /// Whom they are to charge who owe something, one for each of them, for a store outside this process.
    debtors: Vec<KeyBytes>,
}

/// What a limit has left, to announce.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) limit: u16,
    pub(super) offer: u16,
    /// By which terms.
    pub(super) terms: u32,
    pub(super) remaining: u64,
    pub(super) seconds: u64,
}

/// What a limit has left, with the words for it.
pub(super) struct Member<'a> {
    pub(super) active: &'a ActiveLimit,
    pub(super) drawn: &'a Drawn,
}

/// What a request is charged if its answer says so.
#[derive(Clone, Copy, Debug)]
struct Owing {
    limit: u16,
    offer: u16,
    key: HashedKey,
    cost: u64,
}

impl Charges {
    /// Announces what a limit has left.
    pub(super) fn tell(&mut self, wanted: &Wanted, decision: Decision) {
        self.drawn.push(wanted.drawn(decision));
        if let Some(partition) = wanted.partition {
            self.aside.get_or_insert_default().partitions.push(partition);
        }
    }

    /// Announces what the first offer of a limit has left.
    pub(super) fn announce(&mut self, limit: u8, terms: u32, bucket: &Bucket, decision: Decision) {
        self.drawn.push(Drawn {
            limit: limit.into(),
            offer: 0,
            terms,
            remaining: bucket.remaining(decision),
            seconds: bucket.seconds(decision),
        });
    }

    /// Notes what is owed to the first offer of a limit if the answer says so.
    pub(super) fn owe(&mut self, limit: u8, key: HashedKey, cost: u64) {
        self.owing.push(Owing { limit: limit.into(), offer: 0, key, cost });
    }

    /// Whose buckets are announced, one for each, where that is told.
    pub(super) fn partitions(&self) -> &[PartitionKey] {
        self.aside.as_ref().map_or(&[], |aside| &aside.partitions)
    }

    /// Whether the answer changes nothing, and nothing is told in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.drawn.is_empty() && self.owing.is_empty() && self.aside.is_none()
    }
}

impl Limits {
    /// Notes what one limit has still to do with an admitted request.
    pub(super) fn charge_one(
        &self,
        wanted: &Wanted,
        decision: Decision,
        order: Option<&Order>,
        announces: bool,
        charges: &mut Charges,
    ) {
        let active = &self.limits[wanted.limit];
        let limit = wanted.limit as u16;
        if wanted.shadow && !decision.allowed() {
            active.trial.count(&active.limit.name, self.now());
            charges.aside.get_or_insert_default().shadowed.push(limit);
        }
        match active.limit.charged {
            Charged::Requests if announces => charges.tell(wanted, decision),
            Charged::Requests => {}
            Charged::FailedAuthentication | Charged::Answers => {
                let Wanted { offer, key, cost, .. } = *wanted;
                charges.owing.push(Owing { limit, offer, key, cost });
                if let Some(order) = order {
                    charges.aside.get_or_insert_default().debtors.push(order.key.clone());
                }
            }
        }
    }

    /// Charges what the answer shows to be due, and leaves in it which limits in shadow mode would have refused.
    #[inline]
    pub(crate) fn charge_answer(&self, charges: &Charges, response: &mut response::Parts) {
        if !charges.owing.is_empty() || charges.aside.is_some() {
            self.charge_dues(charges, response);
        }
    }

    fn charge_dues(&self, charges: &Charges, response: &mut response::Parts) {
        for (number, owing) in charges.owing.iter().enumerate() {
            if self.limits[usize::from(owing.limit)].limit.is_due(response) {
                self.owe(owing, charges.aside.as_ref().and_then(|aside| aside.debtors.get(number)));
            }
        }
        if let Some(aside) = &charges.aside
            && !aside.shadowed.is_empty()
        {
            let name = |limit: &u16| self.limits[usize::from(*limit)].limit.name.clone();
            ShadowRefusals::add(&mut response.extensions, aside.shadowed.iter().map(name));
        }
    }

    #[cold]
    fn owe(&self, owing: &Owing, debtor: Option<&KeyBytes>) {
        let ActiveLimit { limit, terms, table, .. } = &self.limits[usize::from(owing.limit)];
        let bucket = terms.load().offer(owing.offer).bucket(&*self.clock);
        let (cost, draw) = (owing.cost.min(bucket.burst()), Draw::Owe);
        // In this process too where a store is shared: what it saw outlives an outage.
        let here = match &self.shared {
            Some(shared) if !shared.is_up() => limit.in_outage().bucket(bucket),
            _ => bucket,
        };
        let mut held = table.hold(owing.key, &here, self.now(), cost, draw);
        held.draw();
        held.count(true, false);
        drop(held);
        if let (Some(shared), Some(key)) = (&self.shared, debtor) {
            shared.owe(vec![Order {
                policy: limit.name.clone(),
                key: key.clone(),
                bucket,
                cost,
                draw,
                binding: false,
            }]);
        }
    }

    /// What these charges add to the fields.
    pub(super) fn announced<'a>(
        &'a self,
        charges: &'a Charges,
    ) -> impl Iterator<Item = Member<'a>> + 'a {
        charges.drawn.iter().map(|drawn| {
            let active = &self.limits[usize::from(drawn.limit)];
            Member { active, drawn }
        })
    }
}
