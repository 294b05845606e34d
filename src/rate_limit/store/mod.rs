//! Where buckets are kept.

mod breaker;
mod counts;
mod denials;
#[cfg(test)]
mod fake;
mod guarded;
mod health;
mod lease;
mod leases;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod shared;

pub use self::counts::StoreCounts;
#[cfg(test)]
pub(super) use self::fake::{FakeStore, Mood};
pub(super) use self::guarded::Guarded;
pub(super) use self::health::Health;
pub use self::lease::Lease;
pub(super) use self::memory::{Change, Held, MemoryStore};
#[cfg(feature = "redis")]
pub use self::redis::{RedisStore, RedisStoreBuilder};
pub(super) use self::shared::{Granted, Order, SharedStore, StoreError};
