use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::rejection::{Rejection, RejectionKind};

/// When a caller may come back, unless it is known better.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why it could not be told whether a token is good: a 503 each, and a line in the log.
#[derive(Debug)]
pub(super) enum Failure {
    /// The endpoint failed too often; nobody asks it for that long.
    CircuitOpen(Duration),
    /// This service could not say who it is.
    ClientAuthentication(Box<dyn Error + Send + Sync>),
    /// The HTTP client, or something it calls, panicked.
    ClientPanicked,
    /// The response is of another media type.
    ContentType,
    /// The endpoint does not know this service, or its secret is wrong.
    CredentialsRefused(u16),
    /// The keys for signed responses could not be had.
    KeysUnavailable,
    /// The response is no JSON object with unique member names.
    Malformed,
    /// Too many calls are under way.
    Overloaded,
    /// The endpoint does not understand the question, which says nothing about the token (RFC 7662 2.3).
    RequestRefused(Option<String>),
    /// Another status than 200.
    Status(u16),
    /// No answer in time.
    TimedOut,
    /// The response is longer than 64 KiB.
    TooLarge,
    /// No answer.
    Unreachable(Box<dyn Error + Send + Sync>),
    /// A signed response that is not what it has to be (RFC 9701 5).
    Untrusted(&'static str),
}

impl Failure {
    /// The stable reason code for the log.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::CircuitOpen(_) => "introspection_circuit_open",
            Self::ClientAuthentication(_) => "introspection_client_authentication",
            Self::ClientPanicked => "introspection_client_panicked",
            Self::ContentType => "introspection_content_type",
            Self::CredentialsRefused(_) => "introspection_credentials_refused",
            Self::KeysUnavailable => "introspection_keys_unavailable",
            Self::Malformed => "introspection_response_malformed",
            Self::Overloaded => "introspection_overloaded",
            Self::RequestRefused(_) => "introspection_request_refused",
            Self::Status(_) => "introspection_status",
            Self::TimedOut => "introspection_timeout",
            Self::TooLarge => "introspection_response_too_large",
            Self::Unreachable(_) => "introspection_unreachable",
            Self::Untrusted(_) => "introspection_response_untrusted",
        }
    }

    /// Whether this speaks of the endpoint rather than of one token: who sends a token that the endpoint answers oddly
    /// must not be able to shut all others out.
    pub(super) const fn is_of_endpoint(&self) -> bool {
        match self {
            Self::ClientPanicked
            | Self::CredentialsRefused(_)
            | Self::TimedOut
            | Self::Unreachable(_) => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitOpen(_) => f.write_str("the introspection endpoint failed too often"),
            Self::ClientAuthentication(error) => write!(f, "cannot say who asks: {error}"),
            Self::ClientPanicked => f.write_str("the HTTP client panicked"),
            Self::ContentType => f.write_str("the response is of another media type"),
            Self::CredentialsRefused(status) => {
                write!(f, "the introspection endpoint refuses this service's credentials: {status}")
            }
            Self::KeysUnavailable => f.write_str("the keys for signed responses are not available"),
            Self::Malformed => f.write_str("the response cannot be read"),
            Self::Overloaded => f.write_str("too many introspection calls are under way"),
            Self::RequestRefused(code) => {
                let code = code.as_deref().unwrap_or("no error code");
                write!(f, "the introspection endpoint refuses the request: {code}")
            }
            Self::Status(status) => write!(f, "the introspection endpoint answered {status}"),
            Self::TimedOut => f.write_str("the introspection endpoint took too long"),
            Self::TooLarge => f.write_str("the response is too large"),
            Self::Unreachable(error) => write!(f, "no answer from the endpoint: {error}"),
            Self::Untrusted(why) => write!(f, "the signed response is not to be trusted: {why}"),
        }
    }
}

impl Error for Failure {}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        let after = match failure {
            Failure::CircuitOpen(left) => left,
            Failure::Overloaded => Duration::from_secs(1),
            _ => RETRY_AFTER,
        };
        Self::new(RejectionKind::Unavailable, failure.reason())
            .with_retry_after(after)
            .with_source(failure)
    }
}
