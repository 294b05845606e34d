use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::secret::Secret;

/// More would not spread callers but lock them out.
pub(super) const MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Spreads the times at which refused callers are told to come back.
pub(super) struct Jitter {
    most: Duration,
    secret: Secret,
    drawn: AtomicU64,
}

impl Jitter {
    pub(super) fn new(most: Duration) -> Self {
        Self { most: most.min(MOST), secret: Secret::random(), drawn: AtomicU64::new(0) }
    }

    /// From zero up to the most, evenly.
    pub(super) fn draw(&self) -> Duration {
        if self.most.is_zero() {
            return Duration::ZERO;
        }
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let random = u128::from(self.secret.hash(&number.to_le_bytes()).0);
        // A day in nanoseconds needs 47 bits.
        let nanos = (random * (self.most.as_nanos() + 1)) >> u64::BITS;
        Duration::from_nanos(nanos as u64)
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jitter").field(&self.most).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q2_jitter_is_spread_up_to_the_most_and_not_beyond() {
        let most = Duration::from_secs(10);
        let jitter = Jitter::new(most);
        let drawn: Vec<_> = (0..1_000).map(|_| jitter.draw()).collect();
        assert!(drawn.iter().all(|spread| *spread <= most));
        for tenth in 0..10 {
            let range = Duration::from_secs(tenth)..Duration::from_secs(tenth + 1);
            let within = drawn.iter().filter(|spread| range.contains(*spread)).count();
            assert!((40..=250).contains(&within), "{within} of 1,000 in {range:?}");
        }
        assert_eq!(Jitter::new(Duration::ZERO).draw(), Duration::ZERO);
        assert!(Jitter::new(Duration::MAX).draw() <= MOST);
    }
}
