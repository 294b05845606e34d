//! Security headers on every response, and none that tell what the service is made of.
//!
//! [`ResponseHeadersLayer`] has two presets, one for APIs and one for web pages, and a builder that changes one header at a
//! time and refuses to build what a browser would ignore.
//!
//! # Rules
//!
//! 1. A header that the handler set wins, except `X-Content-Type-Options` and `Strict-Transport-Security`.
//! 2. The headers are on refusals and errors too: make this the outermost layer.
//! 3. `Strict-Transport-Security` is sent only where the request came over a secure transport (RFC 6797 7.2), and taken
//!    off a response to one that did not. A layer that is told nothing assumes it did not: behind a proxy that
//!    terminates TLS, say so with [`assume_https`](ResponseHeadersLayer::assume_https). Its lifetime is a year or more.
//! 4. A gRPC call gets `Strict-Transport-Security` and `X-Content-Type-Options` alone, and keeps its trailers. An answer
//!    of another content type is no gRPC, whatever the request said.
//! 5. `Server`, `X-Powered-By` and the rest of the list that the OWASP Secure Headers Project keeps are removed, for gRPC
//!    too.
//!
//! # What is not checked
//!
//! Whether the pages work under the policy: a `Content-Security-Policy` is checked for its spelling, not for its effect.
//! What a proxy adds further out is out of reach.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::response_headers::ResponseHeadersLayer;
//!
//! # tokio_test_block_on(async {
//! let hello = service_fn(async |_request: Request<()>| {
//!     let response = Response::builder().header("server", "orders/1.2").body(http_body_util::Full::<bytes::Bytes>::default());
//!     Ok::<_, std::convert::Infallible>(response.unwrap())
//! });
//! let service = ResponseHeadersLayer::api().assume_https().layer(hello);
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.headers()["x-content-type-options"], "nosniff");
//! assert_eq!(response.headers()["strict-transport-security"], "max-age=63072000; includeSubDomains");
//! assert!(!response.headers().contains_key("server"));
//!
//! // `self` without quotes is the name of a host: refused, with everything else that is wrong.
//! let refused = ResponseHeadersLayer::web_builder()
//!     .content_security_policy("default-src self; img-src *; img-src 'self'")
//!     .referrer_policy("never")
//!     .build();
//! assert_eq!(refused.unwrap_err().problems().len(), 3);
//! # Ok::<_, std::convert::Infallible>(()) }).unwrap();
//! # fn tokio_test_block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

mod builder;
mod content_security_policy;
mod disclosing;
mod hsts;
mod layer;
mod plan;
mod preset;
mod value;

pub use self::builder::ResponseHeadersBuilder;
pub use self::hsts::Hsts;
pub use self::layer::{ResponseHeadersLayer, ResponseHeadersPass};
