//! Tokens that are bound to a key of their sender: Demonstrating Proof of Possession (RFC 9449), at the resource server.
//!
//! A token that is stolen is of no use without the key, and a proof that is overheard is of no use a second time.
//!
//! # Rules
//!
//! Items are those of RFC 9449 4.3. The first that fails refuses; whatever is cheap comes first.
//!
//! 1. Exactly one `DPoP` field, one signed token in compact form of at most 8,192 bytes, no repeated member names, no
//!    critical extensions (items 1, 2).
//! 2. `typ` is `dpop+jwt`; `alg` is an allowed asymmetric algorithm; `jwk` holds no private or symmetric member
//!    (items 4, 5, 7).
//! 3. `jti`, `htm`, `htu`, `iat` and `ath` are there and of the right type (item 3); `jti` has at most 256 bytes. `exp` and
//!    `nbf` are honoured where they are present.
//! 4. `htm` is the request's method, letter for letter (item 8). `htu` is the request's URI, without query and fragment,
//!    after normalisation (item 9): the configured [external URL](DpopBuilder::external_url) and the path that the caller
//!    asked for. Neither `Host` nor a forwarding header has a say.
//! 5. `iat` lies at most 60 s back and 5 s ahead (item 11).
//! 6. `ath` is the hash of the token that came with the proof (item 12).
//! 7. The token is good for its validator: a signed one, or any other [`TokenValidator`](super::TokenValidator).
//! 8. The token is bound to the key of the proof: `cnf.jkt` is its thumbprint (item 12). The signature verifies with that key
//!    (item 6).
//! 9. With [nonces](DpopBuilder::nonces) on, the proof has one that was given out lately (item 10).
//! 10. The proof was not used before (RFC 9449 11.1): see [`replay`](super::replay). Only a proof that passed everything
//!     else is remembered.
//!
//! Every refusal is a 401 with `error="invalid_dpop_proof"`, and `error="invalid_token"` where the token is not good, not bound or
//! bound to another key: a thief who signs with a key of its own does not learn whether a stolen token is alive. One who has
//! also seen a proof of the owner, and so knows the public key, can: a forged signature for that key is told as a bad proof
//! where the token is good. It cannot use the token either way.
//! Whoever passed rules 1 to 8 and lacks a nonce gets `error="use_dpop_nonce"` and one; that is no failed log-in.
//!
//! A bound token with the scheme `Bearer` is refused by [`bearer`](super::bearer). A `DPoP` field beside another scheme's
//! credential is not looked at, and makes that credential neither better nor worse.
//!
//! # What is not checked
//!
//! The body and the query, which no proof covers (RFC 9449 11.7). A token that is bound to a client certificate too
//! is accepted only where the feature `mtls` sees the certificate.
//!
//! # Deployment caveat
//!
//! Several instances need one [replay store](DpopBuilder::replay_store) and one [nonce key](NonceKey::from_secret). A clock
//! that is set back makes proofs good again that were forgotten since; nonces do not help against that.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use http::Request;
//! use tower_warden::authn::dpop::DpopAuthenticator;
//! use tower_warden::authn::jwt::JwtValidator;
//! use tower_warden::authn::{Attempt, Authenticator};
//! use tower_warden::testing::{TestDpopKey, TestIssuer};
//!
//! let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let dpop = DpopAuthenticator::builder(JwtValidator::new(issuer.trust()?))
//!     .external_url("https://api.example")
//!     .build()?;
//! let attempt = |token: &str, proof: &str| {
//!     let request = Request::get("/orders").header("authorization", format!("DPoP {token}")).header("dpop", proof);
//!     request.body(()).map(|request| dpop.authenticate(&request.into_parts().0))
//! };
//!
//! let key = TestDpopKey::new();
//! let token = issuer.token("ada").bound_to(&key).sign();
//! let proof = key.proof("GET", "https://api.example/orders").token(&token).sign();
//! assert!(matches!(attempt(&token, &proof)?, Attempt::Ready(Ok(_))));
//! assert!(matches!(attempt(&token, &proof)?, Attempt::Ready(Err(_)))); // a second time
//!
//! let thief = TestDpopKey::new().proof("GET", "https://api.example/orders").token(&token).sign();
//! assert!(matches!(attempt(&token, &thief)?, Attempt::Ready(Err(_))));
//! # Ok(()) }
//! ```

mod authenticator;
mod builder;
mod error;
mod nonce;
mod proof;
mod target;
mod thumbprint;

pub use self::authenticator::DpopAuthenticator;
pub use self::builder::DpopBuilder;
pub use self::error::ProofError;
pub use self::nonce::NonceKey;
