use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::authz::Rule;

/// So many reasons are kept for a rule: they are texts of the program, and a program has few.
const MOST_REASONS: usize = 16;

/// Stands for all reasons beyond those.
const OTHER_REASONS: &str = "(other reasons)";

/// Why handlers of one rule said that no check is needed, and how often.
#[derive(Default)]
pub(in crate::authz) struct Skips(Mutex<Vec<(&'static str, u64)>>);

impl Skips {
    pub(super) fn note(&self, reason: &'static str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_room = seen.len() < MOST_REASONS;
        let place =
            |seen: &[(&str, u64)], reason| seen.iter().position(|(known, _)| *known == reason);
        let found = place(&seen, reason).or_else(|| place(&seen, OTHER_REASONS));
        match found {
            Some(found) => seen[found].1 = seen[found].1.saturating_add(1),
            None => seen.push((if is_room { reason } else { OTHER_REASONS }, 1)),
        }
    }

    fn seen(&self) -> Vec<(&'static str, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A reason that handlers of a rule gave to [`Guard::skip`](super::Guard::skip).
#[derive(Clone, Copy, Debug)]
pub struct SkippedCheck<'r> {
    rule: &'r Rule,
    reason: &'static str,
    times: u64,
}

impl<'r> SkippedCheck<'r> {
    pub(in crate::authz) fn all(rule: &'r Rule) -> impl Iterator<Item = Self> {
        rule.skips.seen().into_iter().map(move |(reason, times)| Self { rule, reason, times })
    }

    /// The rule whose check was skipped.
    #[must_use]
    pub const fn rule(&self) -> &'r Rule {
        self.rule
    }

    /// Why; for the sixteenth reason of a rule and those after it, a text that stands for them all.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// How often since the table was built.
    #[must_use]
    pub const fn times(&self) -> u64 {
        self.times
    }
}

/// One line, such as `GET /orders/{id}: scope(orders:read) serving Order: skipped 3 times, "public catalogue"`.
impl fmt::Display for SkippedCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: skipped {} times, {:?}", self.rule, self.times, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z4_the_reasons_of_skips_are_counted_and_bounded() {
        let skips = Skips::default();
        let leaked = |number: usize| &*format!("reason {number}").leak();
        for number in 0..1_000 {
            skips.note(leaked(number));
            skips.note("reason 0");
        }
        let seen = skips.seen();
        assert_eq!(seen.len(), MOST_REASONS + 1);
        assert_eq!(seen[0], ("reason 0", 1_001));
        assert_eq!(seen[MOST_REASONS], (OTHER_REASONS, 984));
    }
}
