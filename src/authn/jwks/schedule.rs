//! When the issuer may be asked: decisions only, by a clock that its caller reads.

use std::time::Duration;

/// How long after the first failure it is tried again; each failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// When the last round ended, and when the next one is due.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    cooldown: Duration,
    last: Option<Duration>,
    failures: u32,
    due: Duration,
}

impl Schedule {
    /// Due at once.
    pub(super) const fn new(cooldown: Duration) -> Self {
        Self { cooldown, last: None, failures: 0, due: Duration::ZERO }
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) const fn due(&self) -> Duration {
        self.due
    }

    /// Whether a token may make us ask: by a key that is not there, once a cooldown; while there are no keys at all,
    /// whenever the next try is due.
    pub(super) fn allows_asking(&self, now: Duration, has_keys: bool) -> bool {
        if has_keys {
            // A clock that went back says nothing of how long ago it was.
            self.last.is_none_or(|last| now < last || now - last >= self.cooldown)
        } else {
            self.is_due(now)
        }
    }

    /// Whether it is time for the next round.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        now >= self.due || self.last.is_some_and(|last| now < last)
    }

    /// Keys came that are current for `lifetime`: the next round is ahead of its end, by 10 to 25 percent, so that the
    /// services of one fleet do not all ask at once. `chance` is any of 0 to 255.
    pub(super) fn succeeded(&mut self, now: Duration, lifetime: Duration, chance: u8) {
        self.last = Some(now);
        self.failures = 0;
        let earlier = lifetime / 10 + lifetime / 1_000 * 150 / 255 * u32::from(chance);
        self.due = now.saturating_add(lifetime.saturating_sub(earlier));
    }

    /// No keys came: the pause doubles with each failure, and is cut by up to a half by chance.
    pub(super) fn failed(&mut self, now: Duration, chance: u8) {
        self.last = Some(now);
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.due = now.saturating_add(pause - pause / 2 / 255 * u32::from(chance));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn k3_the_cooldown_counts_failures_too() {
        for fails in [false, true] {
            let mut schedule = Schedule::new(seconds(30));
            assert!(schedule.allows_asking(seconds(100), true));
            if fails {
                schedule.failed(seconds(100), 0);
            } else {
                schedule.succeeded(seconds(100), seconds(600), 0);
            }
            assert!(!schedule.allows_asking(seconds(129), true), "failed: {fails}");
            assert!(schedule.allows_asking(seconds(130), true), "failed: {fails}");
        }
    }

    #[test]
    fn k4_pauses_between_failures_double_up_to_a_minute() {
        let mut schedule = Schedule::new(seconds(30));
        for pause in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            schedule.failed(seconds(100), 0);
            assert_eq!(schedule.due(), seconds(100 + pause));
        }
        schedule.succeeded(seconds(100), seconds(600), 0);
        schedule.failed(seconds(100), 0);
        assert_eq!(schedule.due(), seconds(101), "a success forgets the failures");
    }

    #[test]
    fn a_clock_that_goes_back_stops_nothing() {
        let mut schedule = Schedule::new(seconds(30));
        schedule.succeeded(seconds(10_000), seconds(600), 0);
        assert!(schedule.is_due(seconds(5)) && schedule.allows_asking(seconds(5), true));
        schedule.failed(seconds(5), 0);
        assert!(!schedule.is_due(seconds(5)) && !schedule.allows_asking(seconds(6), true));
    }

    proptest! {
        #[test]
        fn k7_a_refresh_is_ahead_of_expiry(now in 0_u64..=u64::MAX, lifetime in 1_u64..=u64::MAX, chance: u8) {
            let mut schedule = Schedule::new(seconds(30));
            schedule.succeeded(seconds(now), seconds(lifetime), chance);
            prop_assert!(schedule.due() <= seconds(now).saturating_add(seconds(lifetime)));
            prop_assert!(schedule.due() >= seconds(now).saturating_add(seconds(lifetime) / 10 * 7));
        }

        #[test]
        fn k4_a_failure_is_followed_by_a_pause(now in 0_u64..u64::MAX, failures in 0_u32..100, chance: u8) {
            let mut schedule = Schedule::new(seconds(30));
            (0..=failures).for_each(|_| schedule.failed(seconds(now), chance));
            let pause = schedule.due().saturating_sub(seconds(now));
            prop_assert!(pause >= seconds(1) / 2 && pause <= LONGEST_PAUSE);
        }
    }
}
