//! Object-level authorization: whether this caller may do this to this very object.
//!
//! A rule says who may read orders; whose order it is, only the data can tell. An [`ObjectPolicy`] decides that, and a
//! handler asks it through a [`Guard`]. What the guard permits comes back as a [`Permit`], which a repository can demand.

mod action;
mod checks;
mod denied;
mod guard;
mod judge;
mod lists;
mod pages;
mod permit;
mod policies;
mod policy;
mod query;
mod question;
mod rulings;
mod served;
mod skips;
mod stream;

pub use self::action::{Action, ActionKind, Create, Delete, Read, Update};
pub(crate) use self::checks::Checks;
pub(in crate::authz) use self::checks::Lapse;
pub(crate) use self::denied::Asker;
pub use self::denied::Denied;
pub use self::guard::Guard;
pub use self::pages::{Filtered, Page, Paging};
pub use self::permit::Permit;
pub(in crate::authz) use self::policies::{ObjectPolicies, Registered};
pub use self::policy::{Decision, ObjectPolicy, Ruling};
pub use self::query::{Bounds, QueryPolicy, QueryScope};
pub use self::rulings::Rulings;
pub use self::served::Served;
pub use self::skips::SkippedCheck;
pub(in crate::authz) use self::skips::Skips;
