//! The keys that an issuer publishes (JWK Set, RFC 7517 5), fetched over HTTPS and kept fresh, from the key set's address
//! or by discovery (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! # Rules
//!
//! 1. Issuer and `jwks_uri` are https. Metadata whose `issuer` is not the configured one, byte for byte, are discarded
//!    (RFC 8414 3.3). Redirects are not followed; an answer other than 200 (or 304) is a failure.
//! 2. Reading keys never waits. They are renewed ahead of expiry, in the background, for as long as anybody holds them;
//!    how long they are current follows `Cache-Control: max-age`, between 60 s and 1 h. A round asks for the metadata too,
//!    so that a key set that moved is found, and sends `If-None-Match`.
//! 3. A token that names an unknown key makes us ask at most once in 30 s, whoever sends how many, and whether that
//!    succeeded or not. All who wait share one round, which goes on when they leave. Tokens of an issuer that is not
//!    configured make nobody ask.
//! 4. A set that was read replaces the one before: a key that the issuer removed verifies nothing from then on.
//! 5. A round that failed changes nothing, but that a token which names an unknown key gets a 503 until one succeeds: its
//!    key may be a new one. Keys stay in use for 24 h after they stopped being current; then there are none,
//!    and requests get a 503 with `Retry-After` until the issuer answers again. It is asked again after 1 s, and after
//!    twice as long each time, up to a minute.
//! 6. Keys are read one by one: those of an unknown type, without a member that they need, for another use, symmetric or
//!    with private members are left out. A set without any usable key, with more than 100 keys or of more than 512 KiB is a
//!    failure: what an outage of the issuer looks like must not lock everybody out.
//! 7. Nothing is fetched when a service is built. The first token is what starts it and waits for it; a service that must
//!    not start without keys calls [`RemoteKeys::load`] first.
//!
//! # What is not checked
//!
//! Where names resolve to: an issuer that is configured may name a key set on any host. What the server says its content
//! type is. Whether a client of your own follows redirects.
//!
//! # Deployment caveat
//!
//! An issuer that withdraws its only key and publishes an empty set is not followed until 24 h are over (rule 6): publish
//! another key, start anew, or set [`RemoteKeysBuilder::max_stale`] to 0, which trades that for refusals while the issuer
//! is down. Where keys have no `kid`, nothing tells that a token was signed with a new one: such a rotation is seen when
//! the keys are renewed.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_warden::authn::jwks::RemoteKeys;
//! use tower_warden::authn::jwt::{Issuer, JwtValidator, TokenError};
//! use tower_warden::testing::{KeyPublisher, TestIssuer};
//!
//! let signer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let keys = RemoteKeys::discover("https://issuer.example")
//!     .client(KeyPublisher::new(&signer)) // stands for the network
//!     .build()?;
//! keys.load().await?; // leave it out, and the first request waits for the keys
//!
//! let issuer = Issuer::builder("https://issuer.example")
//!     .audience("https://api.example")
//!     .keys_from(keys)
//!     .build()?;
//! let validator = JwtValidator::new(issuer);
//! assert_eq!(validator.validate(&signer.token("ada").sign())?.subject(), "ada");
//!
//! let stranger = TestIssuer::new("https://issuer.example", "https://api.example");
//! assert_eq!(validator.validate(&stranger.token("eve").sign()), Err(TokenError::Signature));
//! # Ok(()) }
//! ```
//!
//! [`Issuer::discover`](super::jwt::Issuer::discover) is the short form: no client, no clock, all defaults.

mod address;
mod builder;
mod error;
mod fetch;
mod flight;
mod lifetime;
mod remote_keys;
mod schedule;
mod state;

pub use self::builder::RemoteKeysBuilder;
pub use self::error::LoadError;
pub use self::remote_keys::RemoteKeys;
