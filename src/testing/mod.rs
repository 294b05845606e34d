//! For tests and demonstrations of services that use this crate: a clock to turn by hand, a token
//! issuer, and a client's key for DPoP.
//!
//! Nothing here belongs into a service that faces customers.

mod clock;
#[cfg(feature = "dpop")]
mod dpop_key;
mod issuer;
mod publisher;

pub use self::clock::FakeClock;
#[cfg(feature = "dpop")]
pub use self::dpop_key::{TestDpopKey, TestDpopProof};
pub use self::issuer::{TestIssuer, TestToken};
pub use self::publisher::KeyPublisher;
