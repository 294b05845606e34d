//! How a request is charged to buckets outside this process.
//!
//! In this order: who is known to have spent a quota is refused; a token that was drawn ahead is used; the store is asked;
//! and where it is down, every limit does what it was told to do then. Failed log-ins are counted here too, whatever the
//! store does, so an outage forgets none that this process saw.

use std::sync::Arc;
use std::time::Duration;

use super::bucket::{Decision, Draw};
use super::charges::Charges;
use super::limit::Charged;
use super::limits::{Asked, Limits, unavailable};
use super::store::{Guarded, Order, StoreCounts, StoreError};
use super::when_unavailable::WhenUnavailable;
use crate::gate::Verdict;
use crate::rejection::Rejection;

impl Limits {
    /// How the shared store was asked, where there is one.
    pub(crate) fn store_counts(&self) -> Option<StoreCounts> {
        self.shared.as_ref().map(|shared| shared.counters().read())
    }

    /// Charges a request to the shared store. `orders` say to others what `asked` says here.
    pub(super) fn admit_shared(
        self: &Arc<Self>,
        shared: &Arc<Guarded>,
        asked: Asked,
        orders: Vec<Order>,
        announces: bool,
        now: Duration,
    ) -> Verdict<Charges> {
        if orders.is_empty() {
            return Verdict::admit(Charges::default());
        }
        if let Some(refusal) = self.known_refusal(shared, &asked, announces, now) {
            return Verdict::refuse(refusal);
        }
        // Tokens of a day are not kept for the next.
        let by_calendar = asked.iter().any(|wanted| wanted.bucket.calendar().is_some());
        let id = (shared.leases() && !by_calendar).then(|| self.likeness(&asked));
        if let Some(decisions) = id.and_then(|id| shared.take_leased(id, &orders, now)) {
            self.count_afar(&asked, &decisions);
            return Verdict::Ready(self.settle(&asked, &decisions, &orders, announces));
        }
        if !shared.lets_ask(now) {
            let error = StoreError("it is down".into());
            return Verdict::Ready(self.without(shared, asked, &orders, announces, error));
        }
        let (limits, shared) = (Arc::clone(self), Arc::clone(shared));
        Verdict::pending(async move {
            match shared.draw(id, orders.clone()).await {
                Ok(decisions) => {
                    note_refusals(&shared, &asked, &decisions, now);
                    limits.count_afar(&asked, &decisions);
                    limits.settle(&asked, &decisions, &orders, announces)
                }
                Err(error) => limits.without(&shared, asked, &orders, announces, error),
            }
        })
    }

    /// Refuses without a trip whom the store refused lately, and who failed too often here.
    pub(super) fn known_refusal(
        &self,
        shared: &Guarded,
        asked: &Asked,
        announces: bool,
        now: Duration,
    ) -> Option<Rejection> {
        let mut spent = Asked::new();
        let mut decisions = Vec::new();
        for wanted in asked.iter().filter(|wanted| wanted.binding) {
            let (limit, key, bucket) = (wanted.limit, wanted.key, wanted.bucket);
            let here = || {
                let table = &self.limits[limit].table;
                let decision = table.draw(key, &bucket, now, wanted.cost, Draw::Peek);
                (wanted.draw == Draw::Peek && !decision.allowed()).then_some(decision)
            };
            let denied = shared.denied(limit, key, bucket, wanted.cost, now);
            if let Some(decision) = denied.or_else(here) {
                spent.push(wanted.clone());
                decisions.push(decision);
            }
        }
        if spent.is_empty() {
            return None;
        }
        shared.counters().refused_early.add();
        self.count_afar(&spent, &decisions);
        Some(self.refusal(&spent, &decisions, announces))
    }

    /// Does what each limit says of an outage.
    #[cold]
    fn without(
        &self,
        shared: &Guarded,
        mut asked: Asked,
        orders: &[Order],
        announces: bool,
        error: StoreError,
    ) -> Result<Charges, Rejection> {
        let now = self.now();
        let mode = |limit: usize| self.limits[limit].limit.in_outage();
        if asked.iter().any(|it| it.binding && mode(it.limit) == WhenUnavailable::Refuse) {
            shared.counters().refused_unavailable.add();
            return Err(unavailable(error));
        }
        let mut unchecked = false;
        for wanted in &mut asked {
            let mode = mode(wanted.limit);
            let whole = wanted.bucket.burst();
            wanted.bucket = mode.bucket(wanted.bucket);
            // What costs more than the whole is never admitted; what costs more than a part takes all of that.
            if wanted.cost <= whole {
                wanted.cost = wanted.cost.min(wanted.bucket.burst());
            }
            if mode == WhenUnavailable::InsecureAdmit {
                // Counted all the same: the fields tell what they can.
                unchecked |= wanted.binding;
                wanted.binding = false;
            }
        }
        let counters = shared.counters();
        if unchecked { &counters.admitted_unchecked } else { &counters.counted_here }.add();
        self.charge_here(&asked, orders, announces, now)
    }

    /// What requests have in common that are charged alike: to whom, by which quotas, and how much.
    fn likeness(&self, asked: &Asked) -> u64 {
        let mut bytes = Vec::with_capacity(asked.len() * 64);
        for wanted in asked {
            bytes.extend_from_slice(&(wanted.limit as u64).to_le_bytes());
            bytes.extend_from_slice(&wanted.key.0.to_le_bytes());
            bytes.extend_from_slice(&wanted.cost.to_le_bytes());
            bytes.extend_from_slice(&[wanted.draw as u8, u8::from(wanted.binding)]);
            bytes.extend_from_slice(&wanted.bucket.burst().to_le_bytes());
            bytes.extend_from_slice(&wanted.bucket.refill().as_nanos().to_le_bytes());
        }
        self.secret.hash(&bytes).0
    }
}

fn note_refusals(shared: &Guarded, asked: &Asked, decisions: &[Decision], seen: Duration) {
    for (wanted, decision) in asked.iter().zip(decisions) {
        if wanted.binding && !decision.allowed() {
            shared.note_denied(wanted.limit, wanted.key, wanted.bucket, *decision, seen);
        }
    }
}

impl super::Limit {
    /// What it does while the shared store is down.
    pub(super) fn in_outage(&self) -> WhenUnavailable {
        self.when_unavailable.unwrap_or(match self.charged {
            Charged::FailedAuthentication | Charged::Answers => WhenUnavailable::Refuse,
            Charged::Requests => WhenUnavailable::CountHere,
        })
    }
}
