//! Tokens that must not count any more although they have not expired.
//!
//! # Rules
//!
//! 1. The list is asked for every request, after the token was found good: a token that was validated before, and is
//!    remembered somewhere, is looked up all the same. A revocation takes effect with the next request.
//! 2. What is revoked gets the 401 of any other bad token; the log says `token_revoked`.
//! 3. A list that cannot tell, or takes longer than 3 s, is a 503 with `Retry-After`.
//! 4. A [`Denylist`] keeps each revocation until no token is left that it could match, and forgets none before: when it is
//!    full, whoever revokes gets an error.
//! 5. Where a subject's tokens are revoked up to some time, one that does not say when it was issued is revoked.
//!
//! # What is not checked
//!
//! A token without `jti` cannot be revoked by it, nor one without `sid` with its session: revoke the subject then. API
//! keys have a way of their own to be revoked.
//!
//! # Deployment caveat
//!
//! A [`Denylist`] lives in one process: it is empty after a start, and no other instance knows it. Fill it at start-up
//! and on all instances, or ask a shared store with a [`RevocationList`] of your own. Its retention is the longest
//! lifetime that any of the issuers gives a token: with a shorter one, a revoked token comes back to life.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tower_warden::authn::jwt::JwtValidator;
//! use tower_warden::authn::revocation::Denylist;
//! use tower_warden::authn::{Attempt, TokenValidator};
//! use tower_warden::testing::TestIssuer;
//!
//! let denylist = Denylist::new(Duration::from_secs(3600))?; // this issuer's tokens live an hour at most
//! let signer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let validator = JwtValidator::new(signer.trust()?).with_revocation(denylist.clone());
//!
//! let stolen = signer.token("ada").claim("jti", "t-17").sign();
//! assert!(matches!(validator.attempt(stolen.as_str().into()), Attempt::Ready(Ok(_))));
//!
//! denylist.revoke_token("https://issuer.example", "t-17")?;
//! let Attempt::Ready(Err(refused)) = validator.attempt(stolen.as_str().into()) else { unreachable!() };
//! assert_eq!(refused.reason(), "token_revoked");
//! # Ok(()) }
//! ```

mod denylist;
mod list;
mod unrevoked;

pub use self::denylist::{Denylist, DenylistFull};
pub use self::list::{Revocation, RevocationError, RevocationList, Standing};
pub use self::unrevoked::Unrevoked;
