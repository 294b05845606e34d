use std::hash::RandomState;
use std::sync::Arc;

use super::Quota;
use super::bucket::Bucket;
use super::headers::Announcement;
use super::layer::{Charged, Limiter, RateLimitLayer};
use super::store::MemoryStore;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Problems};

const DEFAULT_CAPACITY: usize = 1_000_000;

/// 32 GB of buckets; more is a slip of the keyboard.
const MAX_CAPACITY: usize = 1_000_000_000;

const DEFAULT_IPV6_PREFIX: u8 = 64;

/// Builds a [`RateLimitLayer`].
#[derive(Clone, Debug)]
#[must_use = "a builder limits nothing until `build`"]
pub struct RateLimitBuilder {
    name: Arc<str>,
    quota: Quota,
    charged: Charged,
    ipv6_prefix: Option<u8>,
    capacity: usize,
    headers: bool,
    clock: Arc<dyn Clock>,
    secret: RandomState,
}

impl RateLimitBuilder {
    pub(super) fn new(name: Arc<str>, quota: Quota, charged: Charged) -> Self {
        Self {
            name,
            quota,
            charged,
            ipv6_prefix: None,
            capacity: DEFAULT_CAPACITY,
            headers: true,
            clock: Arc::new(SystemClock),
            secret: RandomState::new(),
        }
    }

    /// Counts IPv6 addresses that agree in so many bits, 1 to 128, as one client. 64 unless set; providers that give
    /// their subscribers a /56 or /48 call for that.
    pub const fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.ipv6_prefix = Some(bits);
        self
    }

    /// Sets how many active keys have a bucket of their own; 1,000,000 unless set, at no more than 32 bytes each,
    /// allocated as they come.
    pub const fn capacity(mut self, keys: usize) -> Self {
        self.capacity = keys;
        self
    }

    /// Sends no `RateLimit-Policy` and `RateLimit` fields, which tell a caller how hard it may push.
    pub const fn without_headers(mut self) -> Self {
        self.headers = false;
        self
    }

    /// Takes the time from this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Hashes keys with this secret, so that limiters that count the same keys hash them once.
    pub(crate) fn secret(mut self, secret: RandomState) -> Self {
        self.secret = secret;
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// Lists every problem found: a name that is empty, too long or not printable ASCII; a quota with a zero in it, or
    /// one that cannot be counted exactly; a prefix that is not 1 to 128 bits long, or has no addresses to group; a
    /// capacity of zero, or beyond 1,000,000,000.
    pub fn build(self) -> Result<RateLimitLayer, ConfigError> {
        let mut problems = Problems::default();
        let culprit = format!("rate limiter {:?}", self.name);
        match (self.ipv6_prefix, self.charged) {
            (Some(_), Charged::Principal) => {
                problems.add(&culprit, "an IPv6 prefix means nothing to a limiter by principal");
            }
            (Some(0 | 129..), _) => {
                problems.add(&culprit, "the IPv6 prefix is not 1 to 128 bits long");
            }
            _ => {}
        }
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            problems.add(&culprit, "the capacity is not 1 to 1,000,000,000 keys");
        }
        let bucket = Bucket::new(self.quota).unwrap_or_else(|found| {
            for problem in found {
                problems.add(&culprit, problem);
            }
            // Stands in until the problems are told, so that the name is checked in the same run.
            Bucket::PLACEHOLDER
        });
        let announcement = problems.note(Announcement::new(&self.name, &bucket));
        problems.into_result()?;
        let limiter = Arc::new(Limiter {
            secret: self.secret,
            store: MemoryStore::new(self.name.clone(), self.capacity),
            name: self.name,
            charged: self.charged,
            ipv6_prefix: self.ipv6_prefix.unwrap_or(DEFAULT_IPV6_PREFIX),
            bucket,
            announcement: announcement.filter(|_| self.headers),
            clock: self.clock,
        });
        Ok(RateLimitLayer { limiter, concerns: None })
    }
}
