use std::sync::Arc;

use crate::http_client::FetchError;

/// Why an issuer's keys could not be had. For the log: callers get a 503 and no more.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The metadata names another issuer (RFC 8414 3.3), and was discarded.
    #[error("{url}: the metadata is of another issuer")]
    IssuerMismatch {
        /// What was asked.
        url: Arc<str>,
    },
    /// The round ended before the answer was in: the client panicked, or the runtime that it ran on went away.
    #[error("the request for keys was interrupted")]
    Interrupted,
    /// The metadata names no address of a key set that may be asked: absent, or not https.
    #[error("{url}: the metadata names no usable jwks_uri")]
    KeySetAddress {
        /// What was asked.
        url: Arc<str>,
    },
    /// Not JSON, or not of the form that it should have.
    #[error("{url}: the answer cannot be read")]
    Malformed {
        /// What was asked.
        url: Arc<str>,
    },
    /// There is no tokio runtime to fetch on.
    #[error("there is no tokio runtime to fetch keys on")]
    NoRuntime,
    /// The key set was read, and holds no key that could verify a token.
    #[error("{url}: there is no usable key in the set")]
    NoUsableKey {
        /// What was asked.
        url: Arc<str>,
    },
    /// Another status than 200.
    #[error("{url}: answered with status {status}")]
    Status {
        /// What was asked.
        url: Arc<str>,
        /// The answer.
        status: u16,
    },
    /// The set has more keys than the limit.
    #[error("{url}: too many keys")]
    TooManyKeys {
        /// What was asked.
        url: Arc<str>,
    },
    /// No answer, or none within the limits.
    #[error("{url}: no answer that could be read")]
    Unreachable {
        /// What was asked.
        url: Arc<str>,
        /// Why.
        source: Arc<FetchError>,
    },
}
