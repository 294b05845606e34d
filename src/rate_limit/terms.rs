use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::request;

use super::Quota;
use super::bucket::{Basis, Bucket, Calendar, Exchange, count_alike};
use super::headers::Announcement;
use super::limit::{Cost, Limit};
use super::plans::PlanOf;
use super::store::Change;
use crate::clock::Clock;
use crate::config::{ConfigError, Problems};
use crate::principal::Principal;

/// What a limit offers at the moment: a bucket for everybody, or one for each plan.
#[derive(Debug)]
pub(super) struct Terms {
    /// Never empty; the first is for whoever has no plan.
    offers: Box<[Offer]>,
    plan_of: Option<PlanOf>,
    /// No other terms in this process have it.
    id: u32,
}

/// A bucket, and how it is announced.
#[derive(Debug)]
pub(super) struct Offer {
    plan: Option<Arc<str>>,
    quota: Quota,
    pub(super) bucket: Bucket,
    pub(super) announcement: Announcement,
}

impl Terms {
    /// What a limit says of itself.
    pub(super) fn of(limit: &Limit) -> Result<Self, ConfigError> {
        let plans = limit.plans.quotas.iter().map(|(plan, quota)| (Some(plan.clone()), *quota));
        Self::new(limit, [(None, limit.quota)].into_iter().chain(plans).collect(), 0)
    }

    /// These terms, with another quota for the plan, or for whoever has none.
    pub(super) fn with_quota(
        &self,
        limit: &Limit,
        plan: Option<&str>,
        quota: Quota,
    ) -> Result<Self, ConfigError> {
        let problem = |text: String| ConfigError::new(limit.culprit(), text);
        let changed = self.offers.iter().position(|offer| offer.plan.as_deref() == plan);
        let changed = changed
            .ok_or_else(|| problem(format!("has no plan {:?}", plan.unwrap_or_default())))?;
        let quotas = self.offers.iter().enumerate().map(|(at, offer)| {
            (offer.plan.clone(), if at == changed { quota } else { offer.quota })
        });
        let era = self.basis().era.wrapping_add(1);
        let next = Self::new(limit, quotas.collect(), era)?;
        if self.offers[0].bucket.calendar() != next.offers[0].bucket.calendar() {
            return Err(problem("cannot change between kinds of quota while it runs".to_owned()));
        }
        Ok(next)
    }

    fn new(
        limit: &Limit,
        quotas: Vec<(Option<Arc<str>>, Quota)>,
        era: u32,
    ) -> Result<Self, ConfigError> {
        let (mut problems, culprit) = (Problems::default(), limit.culprit());
        let mut buckets = Vec::new();
        for (plan, quota) in &quotas {
            let of_plan = |problem: &str| match plan {
                Some(plan) => format!("plan {plan:?}: {problem}"),
                None => problem.to_owned(),
            };
            let bucket = Bucket::new(*quota).unwrap_or_else(|found| {
                for problem in found {
                    problems.add(&culprit, of_plan(problem));
                }
                // Stands in until the problems are told, so that the name is checked in the same run.
                Bucket::PLACEHOLDER
            });
            if let Cost::Same(cost) = limit.cost
                && cost > bucket.burst()
                && quota.burst > 0
            {
                problems.add(
                    &culprit,
                    of_plan(
                        "a request costs more than the bucket holds, and would never be admitted",
                    ),
                );
            }
            buckets.push(bucket.in_era(era));
        }
        if buckets.iter().any(|bucket| bucket.calendar() != buckets[0].calendar()) {
            problems.add(&culprit, "its plans are not all by the same calendar, or all refilled");
        }
        if let Err(problem) = count_alike(&mut buckets) {
            problems.add(&culprit, problem);
        }
        let mut offers = Vec::with_capacity(buckets.len());
        for ((plan, quota), bucket) in quotas.into_iter().zip(buckets) {
            let announcement = Announcement::new(&limit.name, &bucket);
            let announcement = announcement.and_then(|announcement| match &limit.unit {
                Some(unit) => announcement
                    .in_units(unit)
                    .map_err(|problem| ConfigError::new(&*culprit, problem)),
                None => Ok(announcement),
            });
            match announcement {
                Ok(announcement) => offers.push(Offer { plan, quota, bucket, announcement }),
                Err(error) => {
                    // The name is the same in all of them.
                    problems.note::<()>(Err(error));
                    break;
                }
            }
        }
        problems.into_result()?;
        static TERMS: AtomicU32 = AtomicU32::new(0);
        let id = TERMS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { offers: offers.into(), plan_of: limit.plans.plan_of.clone(), id })
    }

    /// Which offer this request is counted on: that of the caller's plan, where there are plans.
    pub(super) fn choose(&self, head: &request::Parts) -> u16 {
        if self.offers.len() == 1 {
            return 0;
        }
        let plan = match &self.plan_of {
            Some(plan_of) => plan_of.of(head),
            None => Principal::of(&head.extensions).and_then(Principal::plan),
        };
        let number = self.offers.iter().position(|offer| offer.plan.as_deref() == plan);
        number.unwrap_or(0) as u16
    }

    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// The offer of that number; the first where there is none any more.
    pub(super) fn offer(&self, number: u16) -> &Offer {
        self.offers.get(usize::from(number)).unwrap_or(&self.offers[0])
    }

    /// What the smallest bucket holds.
    pub(super) fn least_burst(&self) -> u64 {
        self.offers.iter().map(|offer| offer.bucket.burst()).min().unwrap_or(0)
    }

    /// Every offer.
    pub(super) fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// How states of these terms become those of the next ones.
    ///
    /// Where there is one quota, what was used of it stays so in proportion. Where there are plans, a state does not say
    /// on which of them it was counted, and keeps its time until full.
    pub(super) fn change_to(&self, next: &Self, at: Duration) -> Change {
        let (before, after) = (self.basis(), next.basis());
        let exchange = match (&*self.offers, &*next.offers) {
            ([one], [other]) => Exchange::of_quotas(&one.bucket, &other.bucket, at),
            _ => Exchange::of_scales(before.per_nano, after.per_nano),
        };
        Change { before, after, exchange }
    }

    /// What the states are counted by, the same for all offers.
    pub(super) fn basis(&self) -> Basis {
        self.offers[0].bucket.basis()
    }
}

impl Offer {
    /// The bucket, where it is refilled all the time.
    pub(super) fn refilled(&self) -> Option<&Bucket> {
        Some(&self.bucket).filter(|bucket| bucket.calendar().is_none())
    }

    /// The bucket of this moment, by the calendar's clock where the quota goes by that one.
    pub(super) fn bucket(&self, clock: &dyn Clock) -> Bucket {
        self.bucket.at(|| clock.unix())
    }

    /// `200 at once, refilled in 10s`, for people.
    pub(super) fn line(&self, clock: &dyn Clock) -> String {
        let bucket = self.bucket(clock);
        let (burst, refill) = (bucket.burst(), bucket.refill());
        let quota = match bucket.calendar() {
            None => format!("{burst} at once, refilled in {refill:?}"),
            Some(Calendar::Day) => format!("{burst} a day of the calendar"),
            Some(Calendar::Month) => format!("{burst} a month of the calendar"),
        };
        match &self.plan {
            None => quota,
            Some(plan) => format!("plan {plan:?} {quota}"),
        }
    }
}
