//! Quotas that start anew with the calendar's day or month, in UTC.
//!
//! A state is the number of the window above what was used in it: it grows as that of a bucket does, and a state of a
//! window that is over is one of a full bucket. What a caller used in a window stays used when the clock goes back, also
//! into the window before.

use std::time::Duration;

use super::{Bucket, Decision, Draw, MAX_BURST, Ticks};

/// More than the greatest burst.
const USED_BITS: u32 = 50;

pub(super) const USED: Ticks = (1 << USED_BITS) - 1;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// A clock that was reset shows a time behind this one.
const YEAR_10_000: u64 = 253_402_300_800;

/// When a quota starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) enum Calendar {
    /// At midnight.
    Day,
    /// On the first.
    Month,
}

/// Where the calendar stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    calendar: Calendar,
    /// 0 while nobody knows what day it is.
    number: u32,
    /// Seconds, rounded up.
    ends_in: u32,
}

impl Window {
    /// The window of this moment, as time since the Unix epoch.
    fn at(calendar: Calendar, unix: Duration) -> Self {
        let seconds = unix.as_secs();
        if seconds >= YEAR_10_000 {
            return Self { calendar, number: 0, ends_in: calendar.longest() };
        }
        let day = seconds / SECONDS_PER_DAY;
        let (number, next_day) = match calendar {
            Calendar::Day => (day, day + 1),
            Calendar::Month => month_of(day),
        };
        // The second has begun, so this is rounded up.
        let ends_in = next_day * SECONDS_PER_DAY - seconds;
        Self { calendar, number: number as u32 + 1, ends_in: ends_in as u32 }
    }

    /// The state of a caller who has used nothing of it.
    pub(super) fn start(self) -> Ticks {
        Ticks::from(self.number) << USED_BITS
    }

    pub(super) fn ends_in(self) -> Duration {
        Duration::from_secs(self.ends_in.into())
    }

    pub(super) fn longest(self) -> Duration {
        Duration::from_secs(self.calendar.longest().into())
    }
}

impl Calendar {
    const fn longest(self) -> u32 {
        SECONDS_PER_DAY as u32
            * match self {
                Self::Day => 1,
                Self::Month => 31,
            }
    }
}

/// The month that a day since the Unix epoch lies in, counted from January 1970, and the first day of the next one.
fn month_of(day: u64) -> (u64, u64) {
    let (mut year, mut left) = (1970, day);
    // Every 400 years have as many days.
    year += left / 146_097 * 400;
    left %= 146_097;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let length = |year| if leap(year) { 366 } else { 365 };
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    for length in lengths {
        if left < length {
            return ((year - 1970) * 12 + month, day - left + length);
        }
        left -= length;
        month += 1;
    }
    ((year - 1970) * 12 + month, day + 1) // Not reached: the lengths add up to the year's.
}

impl Bucket {
    pub(super) fn by_calendar(
        calendar: Calendar,
        tokens: u64,
        burst: u64,
    ) -> Result<Self, Vec<&'static str>> {
        if burst != tokens {
            return Err(vec!["a quota by the calendar has no burst of its own"]);
        }
        if tokens > MAX_BURST {
            return Err(vec!["the quota has more than 15 digits"]);
        }
        let window = Window { calendar, number: 0, ends_in: calendar.longest() };
        let capacity = tokens.into();
        Ok(Self { capacity, burst, window: Some(window), ..Self::PLACEHOLDER })
    }

    /// The calendar that it goes by.
    pub(in crate::rate_limit) fn calendar(&self) -> Option<Calendar> {
        self.window.map(|window| window.calendar)
    }

    /// The bucket of this moment, where it goes by the calendar; `unix` is asked only then.
    pub(in crate::rate_limit) fn at(self, unix: impl FnOnce() -> Duration) -> Self {
        match self.window {
            None => self,
            Some(Window { calendar, .. }) => {
                Self { window: Some(Window::at(calendar, unix())), ..self }
            }
        }
    }

    #[cold]
    pub(super) fn draw_from_window(
        &self,
        state: Ticks,
        now: Ticks,
        cost: u64,
        draw: Draw,
    ) -> (Ticks, Decision) {
        let one_window = USED + 1;
        let current = if state <= now {
            now
        } else if now > 0 && state - now > 2 * one_window {
            // The clock was far ahead and was set right. What was used stays so, but not until then.
            now | (state & USED)
        } else {
            state
        };
        let used = current & USED;
        let next = used.saturating_add(cost.into());
        let missing = next.saturating_sub(self.capacity);
        let window = current - used;
        let (state, used) = match draw {
            Draw::Take if missing == 0 => (window | next, next),
            // Nothing is owed beyond the window.
            Draw::Owe => (window | next.min(USED), next.min(USED)),
            Draw::Peek | Draw::Take => (state, used),
        };
        (state, Decision { missing, used })
    }
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
