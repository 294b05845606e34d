//! One scale for buckets whose states lie in one table, and the way from one scale to another.
//!
//! States are only ever rounded up: whoever is converted waits a tick longer, and is never admitted earlier.

use std::time::Duration;

use super::{Bucket, LAST_STATE, Ticks, fits, greatest_common_divisor};

/// A factor of so many bits and one of 88, twice: their sum still fits.
const LIMB_BITS: u32 = 39;

/// Lets all of these buckets count in the least scale that is whole for each of them. Fails when there is none that fits.
pub(in crate::rate_limit) fn count_alike(buckets: &mut [Bucket]) -> Result<(), &'static str> {
    let common = buckets.iter().try_fold(1, |common: u128, bucket| {
        let own = bucket.per_nano.into();
        common.checked_mul(own / greatest_common_divisor(common, own))
    });
    common
        .and_then(|common| buckets.iter_mut().try_for_each(|bucket| bucket.count_in(common)))
        .ok_or(
            "its plans cannot be counted exactly in one scale: choose rounder rates, or rates with common factors",
        )
}

impl Bucket {
    fn count_in(&mut self, per_nano: Ticks) -> Option<()> {
        let factor = per_nano / Ticks::from(self.per_nano);
        let capacity = self.capacity.checked_mul(factor)?;
        if !fits(per_nano, capacity) {
            return None;
        }
        self.per_nano = u32::try_from(per_nano).ok()?;
        self.per_token *= factor; // No more than the capacity.
        self.capacity = capacity;
        Some(())
    }
}

/// How states become those of other terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) struct Exchange {
    /// When the terms changed, in the ticks before and after.
    from: Ticks,
    to: Ticks,
    /// What becomes of the time until full.
    numerator: Ticks,
    denominator: Ticks,
}

impl Exchange {
    /// Keeps the time until a bucket is full.
    pub(in crate::rate_limit) fn of_scales(from: u32, to: u32) -> Self {
        Self::new(0, 0, to.into(), from.into())
    }

    /// Keeps the part of the bucket that is used: who used half of it before has used half of it after.
    pub(in crate::rate_limit) fn of_quotas(before: &Bucket, after: &Bucket, at: Duration) -> Self {
        if before.window.is_some() || after.window.is_some() {
            return Self::of_scales(1, 1); // What is used of a window, in tokens.
        }
        Self::new(before.instant(at), after.instant(at), after.capacity, before.capacity)
    }

    fn new(from: Ticks, to: Ticks, numerator: Ticks, denominator: Ticks) -> Self {
        let divisor = greatest_common_divisor(numerator, denominator).max(1);
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        Self { from, to, numerator, denominator: denominator.max(1) }
    }

    /// The state under the new terms. That of a full bucket is one of a full bucket, and never 0.
    pub(in crate::rate_limit) fn convert(&self, state: Ticks) -> Ticks {
        let until_full = state.saturating_sub(self.from);
        let converted = match until_full.checked_mul(self.numerator) {
            Some(product) => product.div_ceil(self.denominator),
            None => self.scaled(until_full),
        };
        self.to.saturating_add(converted).clamp(1, LAST_STATE)
    }
}

impl Exchange {
    /// `ticks * numerator / denominator`, rounded up, where the product has too many digits; none of the three has more
    /// than 88 bits. Multiplied limb by limb, and divided in between.
    #[cold]
    fn scaled(&self, ticks: Ticks) -> Ticks {
        let (whole, rest) = (ticks / self.denominator, ticks % self.denominator);
        let (mut part, mut left) = (0, 0);
        for limb in (0..3).rev() {
            let limb = self.numerator >> (limb * LIMB_BITS) & ((1 << LIMB_BITS) - 1);
            let next = (left << LIMB_BITS) + rest * limb;
            part = (part << LIMB_BITS) + next / self.denominator;
            left = next % self.denominator;
        }
        whole.saturating_mul(self.numerator).saturating_add(part + Ticks::from(left > 0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rate_limit::Quota;
    use crate::rate_limit::bucket::{Basis, Draw};

    fn bucket(quota: Quota) -> Bucket {
        Bucket::new(quota).unwrap()
    }

    fn quota() -> impl Strategy<Value = Quota> {
        (1..3000_u64, 1..200_u64, 1..5000_u64, prop::sample::select(vec![1, 60, 3600, 86_400]))
            .prop_map(|(tokens, count, burst, unit)| {
                Quota::new(tokens, Duration::from_secs(count * unit)).burst(burst)
            })
            .prop_filter("counted exactly", |quota| Bucket::new(*quota).is_ok())
    }

    #[test]
    fn q8_a_change_to_a_quota_of_another_size_forgives_nothing() {
        let (quick, slow) = (Quota::per_second(1_000_000_000).burst(1), Quota::per_month(1));
        let (quick, slow) = (bucket(quick), bucket(slow));
        let spent = quick.draw(0, 0, 1, Draw::Take).0;
        let converted = Exchange::of_quotas(&quick, &slow, Duration::ZERO).convert(spent);
        assert_eq!(converted, slow.capacity, "the whole of one is the whole of the other");
    }

    #[test]
    fn q8_plans_of_one_limit_count_in_one_scale() {
        let mut plans =
            [Quota::per_second(3), Quota::per_second(7), Quota::per_minute(1)].map(bucket);
        count_alike(&mut plans).unwrap();
        for plan in &plans {
            assert_eq!(plan.basis(), Basis { era: 0, per_nano: 21 });
        }
        assert_eq!(plans[0].refill(), bucket(Quota::per_second(3)).refill());

        let mut primes = [Quota::per_second(9_973), Quota::per_second(9_967)].map(bucket);
        assert!(count_alike(&mut primes).is_err(), "their product has more than 26 bits");
    }

    proptest! {
        #[test]
        fn q8_a_common_scale_changes_no_decision(
            quotas in prop::collection::vec(quota(), 1..4),
            steps in prop::collection::vec((0..4_000_000_000_u64, 0..5_u64), 1..40),
        ) {
            let mut alike: Vec<_> = quotas.iter().copied().map(bucket).collect();
            if count_alike(&mut alike).is_err() {
                return Ok(());
            }
            for (quota, alike) in quotas.into_iter().zip(alike) {
                let own = bucket(quota);
                let (mut states, mut now) = ((0, 0), Duration::ZERO);
                for (nanos, cost) in &steps {
                    now += Duration::from_nanos(*nanos);
                    let (next, told) = own.draw(states.0, own.instant(now), *cost, Draw::Take);
                    states.0 = next;
                    let (next, also) = alike.draw(states.1, alike.instant(now), *cost, Draw::Take);
                    states.1 = next;
                    prop_assert_eq!(
                        (told.allowed(), own.remaining(told), own.retry_after(told), own.seconds(told)),
                        (also.allowed(), alike.remaining(also), alike.retry_after(also), alike.seconds(also))
                    );
                }
            }
        }

        #[test]
        fn q8_changing_the_scale_never_admits_more(
            from in 1..=(1_u32 << 26) - 1, to in 1..=(1_u32 << 26) - 1, nanos in 0..(1_u64 << 60), part in 0..u32::MAX,
        ) {
            let state = u128::from(nanos) * u128::from(from) + u128::from(part % from);
            let converted = Exchange::of_scales(from, to).convert(state);
            // state / from <= converted / to, and by less than a tick.
            prop_assert!(converted * u128::from(from) >= state * u128::from(to));
            prop_assert!(converted <= 1 || (converted - 1) * u128::from(from) < state * u128::from(to));
        }

        #[test]
        fn q8_a_product_of_many_digits_is_scaled_exactly(
            ticks in 0..=LAST_STATE, numerator in 1..=LAST_STATE, denominator in 1..=LAST_STATE, less in 0..80_u32,
        ) {
            let exchange = Exchange { from: 0, to: 0, numerator, denominator };
            // The same with 32 bits fewer, where the product fits.
            let (few, small) = (ticks >> (48 + less / 4), Exchange { numerator: numerator >> 40, ..exchange });
            prop_assert_eq!(small.scaled(few), (few * small.numerator).div_ceil(denominator));
            // A ratio of one, and what is turned around.
            let same = Exchange { numerator: denominator, ..exchange };
            prop_assert_eq!(same.scaled(ticks), ticks);
            let back = Exchange { numerator: denominator, denominator: numerator, ..exchange };
            let scaled = exchange.scaled(ticks >> less);
            if scaled <= LAST_STATE {
                // Rounded up by less than one there, and by one here.
                let most = denominator.div_ceil(numerator) + 1;
                let found = back.scaled(scaled);
                prop_assert!(found >= ticks >> less && found - (ticks >> less) <= most, "{found}");
            }
        }

        #[test]
        fn q8_a_change_of_quota_keeps_the_part_that_was_used(
            before in quota(), after in quota(), used in 0..5000_u64, at in 0..(1_u64 << 55), later in 0..10_000_u64,
        ) {
            let (before, after) = (bucket(before), bucket(after));
            let at = Duration::from_nanos(at);
            let state = before.draw(0, before.instant(at), used.min(before.burst), Draw::Take).0;
            let converted = Exchange::of_quotas(&before, &after, at).convert(state);
            // Read when the segment is next locked, which changes nothing of it.
            let later = at + Duration::from_secs(later);
            let decision = after.draw(converted, after.instant(later), 0, Draw::Peek).1;
            let refilled = after.instant(later) - after.instant(at);
            // used / capacity, before and after.
            let part = |bucket: &Bucket, used: Ticks| used as f64 / bucket.capacity as f64;
            let expected = part(&before, state.saturating_sub(before.instant(at)));
            let found = part(&after, converted.saturating_sub(after.instant(at)));
            let tick = 1.0 / after.capacity as f64;
            prop_assert!((found - expected).abs() < 1e-12 + tick, "{found} for {expected}");
            prop_assert_eq!(
                decision.used, converted.saturating_sub(after.instant(at)).saturating_sub(refilled)
            );
        }
    }
}
