//! AppID and AppKey: an app is known by its public id and proves itself with one of its keys.
//!
//! [`issued_key`](super::issued_key) makes the keys and says what they look like. An app holds several, so that one can
//! be replaced while the other is still in use.
//!
//! # Rules
//!
//! 1. Id and key come in two header fields, `x-app-id` and `x-app-key` unless named otherwise, or as user and password
//!    of HTTP Basic (RFC 7617). Each is an authenticator of its own; a request that uses both is refused with 400, as
//!    is one that has a field twice. Query parameters are never read.
//! 2. An id alone is no credential, unless the app was built with
//!    [`insecure_keyless`](AppBuilder::insecure_keyless). A wrong key is refused also then.
//! 3. The hash of the key is compared in constant time with those of all the app's keys, and also when there is no such
//!    app, so that a refusal costs what an admission costs.
//! 4. Unknown app, suspended app, no key, wrong key, expired key: one identical 401 outside, a reason each in the log.
//! 5. A store that fails or does not answer in time is a 503 with `Retry-After`: never a 401, never an admission.
//! 6. The app is the principal: limits and audit count by its id, whichever key it used.
//!
//! The challenge is `AppKey realm="api"` for two fields, a name of this crate's own as none is registered with IANA, and
//! `Basic realm="api", charset="UTF-8"` for Basic.
//!
//! # What is not checked
//!
//! Who sends the key: whoever has it is the app. Send it over TLS only, and revoke it when it was not.
//!
//! Where a request comes from: a browser that was once told a pair for Basic sends it by itself, also for other sites.
//! Basic is for programs here, not for pages that people visit.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::authn::AuthenticateLayer;
//! use tower_warden::authn::app_key::{App, AppKey, AppKeyAuthenticator, MemoryAppStore};
//! use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyPrefix};
//!
//! let issued = IssuedKey::generate(&KeyPrefix::new("acme_app")?)?;
//! let store = MemoryAppStore::new();
//! store.insert(
//!     App::builder(Holder::new("shop-7").scope("orders:read"))
//!         .key(AppKey::new(issued.id, issued.hash))
//!         .build()?,
//! );
//!
//! let layer = AuthenticateLayer::new(AppKeyAuthenticator::headers(store.clone()))
//!     .or(AppKeyAuthenticator::basic(store.clone()));
//! # tokio_test_block_on(async {
//! let hello = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! });
//! let ask = |request: http::request::Builder| layer.layer(hello).oneshot(request.body(()).unwrap());
//! let named = || Request::get("/").header("x-app-id", "shop-7");
//!
//! assert_eq!(ask(named().header("x-app-key", issued.key.expose())).await?.status(), StatusCode::OK);
//! assert_eq!(ask(named()).await?.status(), StatusCode::UNAUTHORIZED); // an id is no credential
//!
//! assert!(store.suspend("shop-7")); // takes effect at once
//! let refused = ask(named().header("x-app-key", issued.key.expose())).await?;
//! assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
//! # Ok::<_, std::convert::Infallible>(()) }).unwrap();
//! # fn tokio_test_block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod app;
mod authenticator;
mod basic;
mod key;
mod store;
mod transport;

pub use self::app::{App, AppBuilder};
pub use self::authenticator::{AppKeyAuthenticator, AppKeyAuthenticatorBuilder};
pub use self::key::{AddKeyError, AppKey};
pub use self::store::{AppStore, MemoryAppStore};
pub use self::transport::AppKeyTransport;
