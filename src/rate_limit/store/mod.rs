//! Where buckets are kept.

mod memory;
#[cfg(feature = "redis")]
mod redis;
mod shared;

pub(super) use self::memory::{Held, MemoryStore};
#[cfg(feature = "redis")]
pub use self::redis::{RedisStore, RedisStoreBuilder};
pub(super) use self::shared::{Granted, Order, SharedStore, StoreError};
