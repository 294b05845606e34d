//! Where buckets are kept.

mod memory;
mod shared;

pub(super) use self::memory::{Held, MemoryStore};
pub(super) use self::shared::{Granted, Order, SharedStore, StoreError};
