use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// 65,536 bits: 8 KiB, and those only once somebody was left out.
const WORDS: usize = 1_024;

/// Counts whom there was no room for, without keeping them: a bit for each, by hash.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    requests: AtomicU64,
    principals: OnceLock<Box<[AtomicU64]>>,
}

impl LeftOut {
    pub(super) fn note(&self, hash: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let words = self.principals.get_or_init(|| (0..WORDS).map(|_| AtomicU64::new(0)).collect());
        let word = &words[(hash >> 6) as usize % WORDS];
        let bit = 1 << (hash % 64);
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// At least so many principals, and exactly so many requests.
    pub(super) fn count(&self, forget: bool) -> (u64, u64) {
        let take = |number: &AtomicU64| {
            if forget { number.swap(0, Ordering::Relaxed) } else { number.load(Ordering::Relaxed) }
        };
        let words = self.principals.get().map_or(&[][..], |words| words);
        let principals = words.iter().map(|word| u64::from(take(word).count_ones())).sum();
        (principals, take(&self.requests))
    }
}
