//! Rate limits: token buckets by client address, principal, tenant, route or whatever else a [`Key`] finds, and for
//! failed authentication.
//!
//! # Rules
//!
//! 1. A bucket holds at most its burst and is refilled continuously. The arithmetic is exact: nobody gets a token more,
//!    or early, and a clock that goes back adds nothing.
//! 2. A refusal is 429 with a problem document that names every policy which refuses (RFC 6585 4), or `RESOURCE_EXHAUSTED`
//!    over gRPC, with a `google.rpc.RetryInfo`. Its `Retry-After` is never earlier than the bucket allows, and with
//!    [`retry_jitter`](RateLimitBuilder::retry_jitter) a little later, a different time for each.
//! 3. Responses over HTTP carry `RateLimit-Policy` and `RateLimit`, the outer limiter's first, unless other [`Fields`] are
//!    chosen. For a bucket, `q` is the burst and `w` the seconds it takes to refill it, at least 1; `r` is what is left, in
//!    tokens, and `t` the seconds until the bucket is full again, or, where it refuses, until the request is admitted.
//! 4. IPv6 clients are counted by network, a /64 unless set otherwise; an IPv4-mapped address is the IPv4 address in it.
//! 5. A principal's quota is spent by that principal alone. Failed authentication has a bucket of its own, by address,
//!    and sends no fields but on its own refusal.
//! 6. The number of buckets is bounded, and one that is not full again is never given up. When there are more active
//!    keys than that, new ones share buckets: a flood of keys cannot reset a limit or push anyone out.
//! 7. A request without the client address or the authentication that a limiter counts by is refused as an internal
//!    error: it means that a layer is missing.
//! 8. A limit in [shadow mode](Limit::shadow) counts and tells, and refuses nothing.
//! 9. Quotas change while requests come in, for all clones at once, through a [`Limiter`]. What was used stays used. A bad
//!    quota is refused, and the one before stays in force.
//! 10. A request cannot dodge a limit of some routes, or what a route costs, by the spelling of its path.
//! 11. A quota by the [calendar](Quota::calendar_day) starts anew at midnight or on the first, UTC. What was used in a window
//!     stays used when the clock goes back; a clock that was reset gives nothing to whoever had used something.
//! 12. All limits of a layer, or of one stage of a [`Warden`](crate::Warden), are checked together: a request is charged to
//!     all of them or to none.
//! 13. Buckets lie in this process's memory, or in a store that several processes share, such as `RedisStore` (feature
//!     `redis`): then together they admit what the quota says. While the store is down, no request waits for it, and each
//!     limit does what [`WhenUnavailable`] says.
//!
//! Beside buckets of requests there are limits of what is under way ([`concurrency`]), of the bytes of answers
//! ([`bandwidth`]), and of what callers do in which order ([`flow`]): layers of their own.
//!
//! # What is not checked
//!
//! - Without a store that others share, every process counts alone, and a restart fills all buckets. [`concurrency`]
//!   and [`flow`] take no such store yet.
//! - An authentication failure is a response that carries a [`Rejection`](crate::rejection::Rejection) of kind
//!   `InvalidCredentials`; a login handler that answers 401 by other means is not seen by that limit: count it with
//!   [`Limit::charge_when`].
//! - A caller with many addresses, or many accounts, has many buckets.
//! - What a request costs has to be known from its head: bodies are not read.
//!
//! # Deployment caveat
//!
//! Behind a proxy, name it with [`TrustedProxies`](crate::client_address::TrustedProxies); otherwise all callers share the
//! proxy's address and its bucket. `docs/rate-limiting.md` is the guide, `docs/scaling.md` says what several processes
//! admit together.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::client_address::ClientAddress;
//! use tower_warden::rate_limit::{Quota, RateLimitLayer};
//!
//! # block_on(async {
//! let hello = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! });
//! let service = RateLimitLayer::by_address("hourly", Quota::per_hour(2)).build()?.layer(hello);
//! let from = |address: &str| {
//!     let mut request = Request::new(());
//!     request.extensions_mut().insert(ClientAddress::new(address.parse().unwrap())); // ClientAddressLayer does this
//!     request
//! };
//!
//! let admitted = service.clone().oneshot(from("192.0.2.1")).await?;
//! assert_eq!(admitted.headers()["ratelimit-policy"], "\"hourly\";q=2;w=3600");
//! assert_eq!(admitted.headers()["ratelimit"], "\"hourly\";r=1;t=1800");
//!
//! service.clone().oneshot(from("192.0.2.1")).await?;
//! let refused = service.clone().oneshot(from("192.0.2.1")).await?;
//! assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert!(refused.headers().contains_key("retry-after"));
//!
//! assert_eq!(service.oneshot(from("192.0.2.2")).await?.status(), StatusCode::OK); // somebody else
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! # fn block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

pub mod bandwidth;
mod bucket;
mod builder;
mod caller;
mod charges;
pub mod concurrency;
mod consumers;
mod exemptions;
pub mod flow;
mod headers;
mod jitter;
mod key;
mod late;
mod layer;
mod limit;
mod limiter;
mod limits;
mod metered;
mod peek;
mod plain;
mod plans;
mod quota;
mod refusal;
mod routes;
mod secret;
mod sender;
mod shadow;
mod shards;
mod shared_buckets;
mod store;
mod terms;
mod when_unavailable;

pub use self::builder::RateLimitBuilder;
pub(crate) use self::charges::Charges;
pub use self::consumers::Consumer;
pub use self::headers::Fields;
pub(crate) use self::headers::{Announced, RATE_LIMIT, RATE_LIMIT_POLICY, announce, prepend};
pub use self::key::{KEY_TIME_LIMIT, Key};
pub use self::layer::{RateLimitLayer, RateLimitPass};
pub use self::limit::Limit;
pub use self::limiter::{Limiter, Usage};
pub(crate) use self::limits::Limits;
pub use self::metered::{Metered, MeteredBody, MeteredFuture};
pub use self::peek::{LimitKey, PeekError, Standing};
pub use self::quota::Quota;
pub(crate) use self::sender::Sender;
pub use self::shadow::ShadowRefusals;
pub use self::store::{Lease, StoreCounts};
#[cfg(feature = "redis")]
pub use self::store::{RedisStore, RedisStoreBuilder};
pub use self::when_unavailable::WhenUnavailable;

#[cfg(test)]
mod shared_tests;
