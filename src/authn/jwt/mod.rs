//! Signed tokens (JSON Web Token, RFC 7519) of configured issuers.
//!
//! # Rules
//!
//! 1. Keys come from configuration, or from the address that it names; keys that a token brings along, or points to, are
//!    ignored (RFC 8725 3.10).
//! 2. A key is bound to its algorithms, and the token's `alg` must be one of them. `none` does not exist (RFC 8725 3.1).
//! 3. Three parts, strict base64url, no repeated member names, no critical extensions, bounded length and depth.
//! 4. `iss` equals the issuer whose key signed; `aud` contains one of our audiences; `exp` and `sub` are present.
//! 5. `exp`, `nbf` and `iat` are honoured with a leeway of 60 s, at most 300 s.
//! 6. A token typed as something else than an access token is refused. One without a type of its own is refused when it
//!    claims what only ID tokens, logout tokens and the like do (`nonce`, `at_hash`, `c_hash`, `events`, `htm`, `htu`,
//!    `token_introspection`), when its claims call it something else (`token_use`, `typ`), and when nothing in it is of
//!    an access token: neither such a name nor `scope`, `scp`, `client_id`, `cid` or `appid`.
//! 7. A token that demands a proof (`cnf`) which is not known here is refused. Whether the sender brought the proof is for
//!    the scheme that carried the token to check.
//! 8. A token that was found good is remembered, within bounds of memory
//!    ([`cache_bytes`](JwtValidatorBuilder::cache_bytes)), without its text. Its times and keys are checked every time; so
//!    are proof and revocation, which others check.
//!
//! # What is not checked
//!
//! Revocation: see [`with_revocation`](crate::authn::TokenValidator::with_revocation). What an issuer calls an access
//! token without a type is taken for one: turn on [`IssuerBuilder::access_tokens_only`] wherever the issuer types its
//! access tokens (RFC 9068).
//!
//! # Deployment caveat
//!
//! Keys given to [`IssuerBuilder::key`] are fixed when the validator is built; a rotated key needs a new validator.
//! `authn::jwks` (feature `jwks`) keeps up with an issuer that publishes its keys.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tower_warden::authn::jwt::{Issuer, JwtValidator, TokenError};
//! use tower_warden::testing::TestIssuer;
//!
//! let signer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let issuer = Issuer::builder("https://issuer.example")
//!     .audience("https://api.example")
//!     .key(signer.verifying_key())
//!     .access_tokens_only()
//!     .build()?;
//! let validator = JwtValidator::new(issuer);
//!
//! let good = signer.token("ada").scope("orders:read").sign();
//! assert_eq!(validator.validate(&good)?.subject(), "ada");
//!
//! let expired = signer.token("ada").expired_since(Duration::from_secs(3600)).sign();
//! assert_eq!(validator.validate(&expired), Err(TokenError::Expired));
//! # Ok(()) }
//! ```

mod algorithm;
mod cache;
pub(in crate::authn) mod claims;
pub(in crate::authn) mod compact;
mod error;
mod issuer;
pub(in crate::authn) mod json;
mod key;
mod key_set;
mod roca;
pub(in crate::authn) mod validator;
#[cfg(test)]
mod vectors;

pub use self::algorithm::Algorithm;
pub use self::error::TokenError;
pub use self::issuer::{Issuer, IssuerBuilder};
pub use self::key::{KeyError, VerifyingKey};
pub use self::key_set::{KeySet, KeySource, Renewal};
pub use self::validator::{JwtValidator, JwtValidatorBuilder};
