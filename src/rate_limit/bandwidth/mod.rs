//! How many bytes a caller may be sent: a bucket that is charged while an answer leaves.
//!
//! What an answer costs is known when it has been sent. A request is therefore admitted while its caller owes nothing, and
//! the bytes of the answer's body are charged as they pass, whatever any field said of its length. A bucket that was
//! overdrawn refuses until it has been paid back.
//!
//! # Rules
//!
//! 1. The quota counts bytes: a period's bytes come back continuously, and the burst is what may be sent at once.
//! 2. Charged is the data of the body, every 64 KiB and at its end, or when it fails or is dropped. What was never taken
//!    from the body, such as that of an answer to HEAD, is not charged; neither are header fields, trailers and refusals
//!    of this layer.
//! 3. A request of a caller that owes is refused with 429 and the problem type `quota-exceeded`, or `RESOURCE_EXHAUSTED`
//!    over gRPC. `Retry-After` is the time until the debt is paid. Fields are sent with refusals alone, for the bytes of
//!    an answer are not known in its head; their unit is `content-bytes` (draft-ietf-httpapi-ratelimit-headers-10, 3.1.2).
//! 4. The body passes untouched: frames, trailers, errors and what it says of its size.
//!
//! # Where it goes
//!
//! Outside whatever compresses, so that it counts what leaves. By address: outside a [`Warden`](crate::Warden), inside
//! [`ClientAddressLayer`](crate::client_address::ClientAddressLayer). By principal: inside the Warden, around the handlers.
//!
//! # What is not checked
//!
//! - One answer may be larger than the bucket, by its whole size: who owes nothing is admitted, and no answer is cut off,
//!   because a cut body looks like a whole one to many clients. The debt is paid before the next request, so the rate
//!   holds over time. Answers that are under way together add up; a
//!   [`ConcurrencyLimitLayer`](super::concurrency::ConcurrencyLimitLayer) bounds how many there are.
//! - Bytes of requests, of header fields, of HTTP's and TLS's framing, and of connections that were upgraded.
//! - Unless it is given a store that others share, buckets live in this process's memory:
//!   every process counts alone.
//! - With such a store, what an answer owes is charged in the background. What it could not be charged, because the store
//!   was down, is owed in this process alone.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::BodyExt;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::client_address::ClientAddress;
//! use tower_warden::rate_limit::Quota;
//! use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
//!
//! # block_on(async {
//! let film = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::new(bytes::Bytes::from(vec![0; 5_000]))))
//! });
//! let service = BandwidthLimitLayer::by_address("download", Quota::per_hour(3_600)).build()?.layer(film);
//! let from = |address: &str| {
//!     let mut request = Request::new(());
//!     request.extensions_mut().insert(ClientAddress::new(address.parse().unwrap())); // ClientAddressLayer does this
//!     request
//! };
//!
//! let admitted = service.clone().oneshot(from("192.0.2.1")).await?;
//! assert_eq!(admitted.status(), StatusCode::OK);
//! assert_eq!(admitted.into_body().collect().await?.to_bytes().len(), 5_000); // 1,400 more than there were
//!
//! let refused = service.clone().oneshot(from("192.0.2.1")).await?;
//! assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(refused.headers()["ratelimit-policy"], r#""download";q=3600;w=3600;qu="content-bytes""#);
//! assert_eq!(refused.headers()["retry-after"], "1400");
//!
//! assert_eq!(service.oneshot(from("192.0.2.2")).await?.status(), StatusCode::OK); // somebody else
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! # fn block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

mod accounts;
mod builder;
mod gate;

pub(in crate::rate_limit) use self::accounts::Counter;
pub use self::builder::BandwidthLimitBuilder;
pub use self::gate::{BandwidthLimitGate, BandwidthLimitLayer, BandwidthPass};
