//! What the HTTP and the gRPC orders service have in common: the orders, whose they are, the settings, the first line.

mod announcement;
mod book;
mod caller;
mod identities;
mod settings;

pub(crate) use self::announcement::announce;
pub(crate) use self::book::{Order, OrderBook, Refused};
pub(crate) use self::caller::{Caller, Reach};
pub(crate) use self::identities::Identities;
pub(crate) use self::settings::{Settings, Tokens, refuse_to_start};
