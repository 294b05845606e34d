//! For tests and demonstrations of services that use this crate: a clock to turn by hand, a token
//! issuer, a client's key for DPoP, an [authorization matrix](matrix), and the comparison of an object policy with its
//! constraint.
//!
//! Nothing here belongs into a service that faces customers.

mod clock;
mod constraint;
#[cfg(feature = "dpop")]
mod dpop_key;
mod issuer;
pub mod matrix;
mod publisher;

pub use self::clock::FakeClock;
pub use self::constraint::{Disagreement, check_constraint};
#[cfg(feature = "dpop")]
pub use self::dpop_key::{TestDpopKey, TestDpopProof};
pub use self::issuer::{TestIssuer, TestToken};
pub use self::matrix::{Actor, AuthorizationMatrix, Call, Expected, MatrixReport};
pub use self::publisher::KeyPublisher;
