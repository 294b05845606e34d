//! For tests and demonstrations of services that use this crate: a clock to turn by hand and a token issuer.
//!
//! Nothing here belongs into a service that faces customers.

mod clock;
mod issuer;
mod publisher;

pub use self::clock::FakeClock;
pub use self::issuer::{TestIssuer, TestToken};
pub use self::publisher::KeyPublisher;
