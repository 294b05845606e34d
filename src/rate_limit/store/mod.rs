//! Where buckets are kept.

mod memory;

pub(super) use self::memory::MemoryStore;
