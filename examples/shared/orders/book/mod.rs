//! The orders themselves: what one is, whose, who may do what to it, and where they are kept.

mod caller;
mod order;
pub(crate) mod policy;
mod store;

pub(crate) use self::caller::Caller;
pub(crate) use self::order::{Draft, Order};
pub(crate) use self::store::{OrderBook, Refused};
