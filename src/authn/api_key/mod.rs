//! API keys: one header, one key, one owner.
//!
//! [`issued_key`](super::issued_key) makes the keys and says what they look like.
//!
//! # Rules
//!
//! 1. The key comes in one header field, `x-api-key` unless named otherwise. A query parameter is never read, since
//!    addresses end up in logs (ASVS 14.2.1). Two fields are refused with 400.
//! 2. A text that is no key, or has a wrong checksum, is refused before the store is asked.
//! 3. The store is asked by the public id; then the hashes are compared in constant time, also when there is no such
//!    id, so that a refusal costs what an admission costs.
//! 4. Malformed, unknown, wrong, expired, not yet valid, disabled: one identical 401 outside, a reason each in the log.
//! 5. A store that fails or does not answer in time is a 503 with `Retry-After`: never a 401, never an admission.
//! 6. A key is a machine's. Without scopes it passes no rule that asks for one.
//!
//! The challenge is `ApiKey realm="api"`. No scheme for API keys is registered with IANA, and a 401 must carry a
//! challenge (RFC 9110 15.5.2): the name is this crate's own.
//!
//! # What is not checked
//!
//! Who sends the key: whoever has it is its owner. Send it over TLS only, and revoke it when it was not.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::authn::AuthenticateLayer;
//! use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
//! use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyPrefix};
//!
//! let issued = IssuedKey::generate(&KeyPrefix::new("acme_live")?)?;
//! let billing = Holder::new("billing").scope("orders:read");
//! let store = MemoryApiKeyStore::new();
//! store.insert(ApiKeyRecord::builder(issued.id, issued.hash, billing).build()?);
//!
//! let layer = AuthenticateLayer::new(ApiKeyAuthenticator::new(store.clone()));
//! # tokio_test_block_on(async {
//! let hello = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! });
//! let ask = |key: &str| layer.layer(hello).oneshot(Request::get("/").header("x-api-key", key).body(()).unwrap());
//!
//! assert_eq!(ask(issued.key.expose()).await?.status(), StatusCode::OK);
//!
//! assert!(store.revoke(issued.id)); // takes effect at once
//! assert_eq!(ask(issued.key.expose()).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok::<_, std::convert::Infallible>(()) }).unwrap();
//! # fn tokio_test_block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod authenticator;
mod record;
mod store;

pub use self::authenticator::{ApiKeyAuthenticator, ApiKeyAuthenticatorBuilder};
pub use self::record::{ApiKeyRecord, ApiKeyRecordBuilder};
pub use self::store::{ApiKeyStore, MemoryApiKeyStore};

/// The challenge's scheme; not registered with IANA.
const SCHEME: &str = "ApiKey";
