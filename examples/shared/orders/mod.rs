//! What the HTTP and the gRPC orders service have in common: the orders, whose they are, the settings, the first line.

mod announcement;
mod book;
mod identities;
mod settings;

pub(crate) use self::announcement::announce;
pub(crate) use self::book::{Caller, Draft, Order, OrderBook, Refused, policy};
pub(crate) use self::identities::Identities;
pub(crate) use self::settings::{Settings, Tokens, refuse_to_start};
