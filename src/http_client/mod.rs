//! What this crate needs of an HTTP client, to fetch key sets and to ask introspection endpoints.
//!
//! `ReqwestClient` (feature `http-client`) is the one that is used unless you bring your own: where requests have to go
//! through a proxy of yours, or carry a client certificate.
//!
//! # Rules
//!
//! 1. Redirects are not followed, and cookies are not kept: a client answers with the 3xx that it got.
//! 2. A response is read no further than [`Limits::body`], and nothing takes longer than [`Limits::total`].
//!
//! # What is not checked
//!
//! Callers of a client check these limits again, but a client that reads without end has used the memory by then.

#[cfg(feature = "http-client")]
mod reqwest_client;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

#[cfg(feature = "http-client")]
pub use self::reqwest_client::{ReqwestClient, ReqwestClientBuilder};

/// Sends one request and reads the whole response.
pub trait HttpClient: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` within `limits`.
    fn send(&self, request: Request<Bytes>, limits: Limits) -> ResponseFuture;
}

/// What an [`HttpClient`] answers with.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<Bytes>, FetchError>> + Send>>;

impl<C: HttpClient + ?Sized> HttpClient for Arc<C> {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> ResponseFuture {
        (**self).send(request, limits)
    }
}

/// The client of whoever brought none.
#[cfg(any(feature = "introspection", feature = "jwks"))]
pub(crate) fn default_client(
    plain_loopback: bool,
) -> Result<Arc<dyn HttpClient>, crate::config::ConfigError> {
    let builder = ReqwestClient::builder();
    let builder = if plain_loopback { builder.insecure_allow_loopback_http() } else { builder };
    Ok(Arc::new(builder.build()?))
}

/// How far one request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// From the start until the last byte of the response.
    pub total: Duration,
    /// The longest body that is read, in bytes.
    pub body: usize,
}

impl Limits {
    /// These limits.
    #[must_use]
    pub const fn new(total: Duration, body: usize) -> Self {
        Self { total, body }
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The response's body is longer than the limit.
    #[error("the response is too large")]
    TooLarge,
    /// It took too long.
    #[error("the request took too long")]
    TimedOut,
    /// Something else went wrong: name resolution, connection, TLS, a response that cannot be read.
    #[error("the request failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}
