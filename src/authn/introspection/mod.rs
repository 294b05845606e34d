//! Opaque tokens: the authorization server is asked about each (OAuth 2.0 Token Introspection, RFC 7662).
//!
//! # Rules
//!
//! 1. The token goes out in the form of a POST, never in a URL, over `https`, from a client that says who it is
//!    (RFC 7662 2.1, 4). What cannot be a token (`b64token`, 16 KiB) is refused without a call.
//! 2. Only `"active": true` is active: a missing member, `"true"`, 1 or `null` is not (GHSA-8fcc-w5hv-4gxv). A response
//!    with a repeated member name is none.
//! 3. What the server says is checked again here, as for signed tokens: `aud` has to be one of ours, `iss` the configured
//!    issuer if it is there, `exp`, `nbf` and `iat` are honoured with a leeway of 60 s, a `cnf` that is not understood
//!    refuses. A response that says it is about a refresh or ID token is refused (`token_type`, `token_use`, `typ`).
//! 4. An active token is believed for 60 s, never past its `exp`; a refusal for 5 s. Both are bounded in number and kept
//!    apart, by a digest of the token, the endpoint, the client and the audiences. Times are checked for every request,
//!    and so is everything that comes after: scopes, the proof of a bound token, revocation.
//! 5. Requests that come at the same time with the same token share one call. At most 64 calls are under way.
//! 6. An endpoint that fails, times out (3 s), answers anything but 200 or something that cannot be read is a 503 with
//!    `Retry-After`: never a 401, and never a way in. A 401 or 403 is about this service's own credentials. A 400 is about
//!    the question and says nothing of the token (RFC 7662 2.3), even where a server answers so to tokens of a kind that
//!    it does not introspect: keep those away from it with [`ByShape`](crate::authn::ByShape).
//! 7. After 5 such failures in a row nobody asks for 10 s; then one call finds out. Meanwhile tokens that are remembered
//!    stay good.
//! 8. With [`signed_responses`](IntrospectionValidatorBuilder::signed_responses), only responses that the server signed
//!    for this client within the last minute count, and of them only `token_introspection` (RFC 9701 4, 5, 8.1).
//!
//! # What is not checked
//!
//! Whether a signed response is about the token that was asked about: RFC 9701 does not tie the two together, TLS does.
//! The server's certificate, where you bring an HTTP client: that client must neither skip it nor follow redirects. The one
//! that is used otherwise verifies it, with the roots that the system trusts (RFC 7662 4).
//! An `exp` that is not there, since it is optional: such a token is good for as long as the server says so.
//!
//! # Deployment caveat
//!
//! What the server revokes goes on working here for up to a minute; a [`Denylist`](crate::authn::revocation::Denylist)
//! takes effect at once. Somebody who sends made-up tokens makes this service ask about each: put a limit of failed
//! log-ins in front, as a [`Warden`](crate::Warden) does. A server that fails on certain tokens only can be used to open
//! the breaker.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use tower_warden::authn::introspection::IntrospectionValidator;
//! use tower_warden::authn::{Attempt, TokenValidator};
//! use tower_warden::http_client::{HttpClient, Limits, ResponseFuture};
//!
//! /// Stands for the HTTP client, and for the server behind it.
//! #[derive(Debug)]
//! struct Stub;
//!
//! impl HttpClient for Stub {
//!     fn send(&self, request: Request<Bytes>, _: Limits) -> ResponseFuture {
//!         let known = request.body().starts_with(b"token=mF_9.B5f-4.1JqM&");
//!         let body = if known {
//!             r#"{"active": true, "sub": "ada", "aud": "https://api.example", "scope": "orders:read"}"#
//!         } else {
//!             r#"{"active": false}"#
//!         };
//!         let response = Response::builder().header("content-type", "application/json");
//!         let response = response.body(Bytes::from(body)).map_err(|error| unreachable!("{error}"));
//!         Box::pin(async { response })
//!     }
//! }
//!
//! let validator = IntrospectionValidator::builder("https://as.example/introspect", "https://as.example")
//!     .audience("https://api.example")
//!     .client_secret("orders-api", "correct horse battery staple")
//!     .http_client(Stub)
//!     .build()?;
//! let judge = async |token: &str| match validator.attempt(token.into()) {
//!     Attempt::Ready(outcome) => outcome,
//!     Attempt::Pending(outcome) => outcome.await,
//! };
//!
//! assert_eq!(judge("mF_9.B5f-4.1JqM").await?.subject(), "ada");
//! assert_eq!(judge("made-up").await.unwrap_err().reason(), "token_inactive");
//! # Ok(()) }) }
//! ```

mod breaker;
mod builder;
mod cache;
mod client;
mod endpoint;
mod failure;
mod flights;
mod identity;
mod response;
mod signed;
mod validator;

pub use self::builder::IntrospectionValidatorBuilder;
pub use self::client::{AuthenticateClient, Form};
pub use self::validator::IntrospectionValidator;
