use super::*;
use crate::rate_limit::Quota;

const DAY: u64 = SECONDS_PER_DAY;

fn at(quota: Quota, unix: u64) -> Bucket {
    Bucket::new(quota).unwrap().at(|| Duration::from_secs(unix))
}

fn take(quota: Quota, unix: u64, state: &mut Ticks) -> bool {
    let bucket = at(quota, unix);
    let (next, decision) = bucket.draw(*state, bucket.instant(Duration::ZERO), 1, Draw::Take);
    *state = next;
    decision.allowed()
}

#[test]
fn q8_windows_are_days_and_months_of_the_calendar() {
    for (unix, months, ends_in_days) in [
        (0, 0, 31),                    // 1970-01-01
        (951_782_400, 361, 1),         // 2000-02-29, a leap year
        (951_868_800, 362, 31),        // 2000-03-01
        (1_735_603_200, 659, 1),       // 2024-12-31
        (1_738_368_000, 661, 28),      // 2025-02-01
        (1_795_305_600, 682, 9),       // 2026-11-22
        (4_107_542_400, 1562, 1 + 30), // 2100-03-01, after a February of 28 days
        (253_402_214_400, 96_359, 1),  // 9999-12-31
    ] {
        let window = Window::at(Calendar::Month, Duration::from_secs(unix));
        assert_eq!(
            (window.number, window.ends_in),
            (months + 1, ends_in_days * DAY as u32),
            "{unix}"
        );
        let window = Window::at(Calendar::Day, Duration::from_secs(unix + DAY - 1));
        assert_eq!((u64::from(window.number), window.ends_in), (unix / DAY + 1, 1));
    }
    for reset in [Duration::MAX, Duration::from_secs(YEAR_10_000)] {
        assert_eq!(Window::at(Calendar::Month, reset).number, 0);
    }
}

#[test]
fn q8_a_month_is_as_long_as_the_calendar_says_for_400_years() {
    let (mut expected, mut day) = (0, 0);
    for year in 1970_u64..2370 {
        let leap = matches!((year % 4, year % 100, year % 400), (_, _, 0) | (0, 1.., _));
        for length in [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            for of_month in [0, length - 1] {
                assert_eq!(month_of(day + of_month), (expected, day + length), "{year}");
            }
            (expected, day) = (expected + 1, day + length);
        }
    }
}

#[test]
fn q8_a_day_of_the_calendar_starts_anew_at_midnight() {
    let quota = Quota::calendar_day(2);
    let (mut state, noon) = (0, 20_000 * DAY + DAY / 2);
    assert!(take(quota, noon, &mut state) && take(quota, noon, &mut state));
    assert!(!take(quota, noon, &mut state));
    let bucket = at(quota, noon);
    let decision = bucket.draw(state, bucket.instant(Duration::ZERO), 1, Draw::Take).1;
    assert_eq!(bucket.retry_after(decision), Duration::from_secs(DAY / 2));
    assert_eq!((bucket.remaining(decision), bucket.seconds(decision)), (0, DAY / 2));
    assert_eq!((bucket.refill(), bucket.burst()), (Duration::from_secs(DAY), 2));

    assert!(!take(quota, 20_001 * DAY - 1, &mut state));
    assert!(take(quota, 20_001 * DAY, &mut state) && take(quota, 20_001 * DAY, &mut state));
    assert!(!take(quota, 20_001 * DAY, &mut state));
}

#[test]
fn q8_a_calendar_that_goes_back_adds_nothing() {
    let quota = Quota::calendar_day(3);
    let (mut state, midnight) = (0, 20_001 * DAY);
    let admitted = (0..20).filter(|step| {
        // Around midnight, to and fro.
        take(quota, midnight - 1 + step % 2, &mut state)
    });
    assert_eq!(admitted.count(), 1 + 3, "one before midnight, and then the new day's");

    // Reset: nobody knows what day it is, and then it is known again.
    assert!(!take(quota, u64::MAX, &mut state));
    assert!(!take(quota, midnight + 5, &mut state));
    assert!(take(quota, midnight + DAY, &mut state), "the next day");
}

#[test]
fn q8_a_calendar_that_was_years_ahead_keeps_what_was_used_and_goes_on() {
    let quota = Quota::calendar_day(2);
    let (mut state, today) = (0, 20_001 * DAY);
    assert!(take(quota, today + 5000 * DAY, &mut state));
    assert!(take(quota, today, &mut state));
    assert!(!take(quota, today, &mut state));
    assert!(take(quota, today + DAY, &mut state));
}

#[test]
fn q8_nothing_is_owed_beyond_the_window() {
    let bucket = at(Quota::calendar_day(2), 5 * DAY);
    let owed = bucket.draw(0, bucket.instant(Duration::ZERO), u64::MAX, Draw::Owe).0;
    assert!(!take(Quota::calendar_day(2), 6 * DAY - 1, &mut owed.clone()));
    assert!(take(Quota::calendar_day(2), 6 * DAY, &mut owed.clone()));
}

#[test]
fn q8_calendar_quotas_that_make_no_sense_are_refused() {
    for quota in [
        Quota::calendar_day(0),
        Quota::calendar_day(5).burst(6),
        Quota::calendar_month(MAX_BURST + 1),
    ] {
        assert!(Bucket::new(quota).is_err(), "{quota:?}");
    }
    assert!(Bucket::new(Quota::calendar_month(MAX_BURST)).is_ok());
}
