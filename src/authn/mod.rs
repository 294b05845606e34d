//! Authentication: finds the credential that a request presents and turns it into a [`Principal`].
//!
//! # Rules
//!
//! 1. Schemes are asked in order. A scheme whose credential is absent is passed over; one whose credential is present
//!    decides, and a bad credential refuses the request, also on a public route.
//! 2. A request that presents credentials of two schemes, or more than one `Authorization` field, is refused with 400
//!    (RFC 6750 2, 3.1): nobody should have to guess which one counted. A credential of the connection, such as a client
//!    certificate, steps back for one of the request ([`Authenticator::is_of_the_connection`]).
//! 3. A request without credentials is refused with 401 and one challenge for each scheme, unless the layer is
//!    [`optional`](AuthenticateLayer::optional) and rules further in decide.
//! 4. The caller learns that its credentials are not valid, never why. The log gets the reason.
//! 5. Credentials are marked as sensitive, so that nobody further in prints them.
//! 6. A [`Principal`] that somebody else left in the request is removed first.
//! 7. A handler's own 401 without a challenge gets those of the schemes; its 401, 403 and 429 are not stored unless it says
//!    otherwise (RFC 9110 15.5.2, RFC 9111 5.2.2.5).
//! 8. A principal that is bound to a key or a certificate passes only where that was proved, also where a scheme of your
//!    own found it: a key by the scheme `DPoP`, a certificate by the connection.
//! 9. A scheme that has not answered after 60 s is a 503: no request waits for ever, whoever is asked. The timer is that
//!    of the tokio runtime.
//!
//! # What is not checked
//!
//! What the principal may do: that is for [`authz`](crate::authz).

#[cfg(feature = "api-key")]
pub mod api_key;
#[cfg(feature = "api-key")]
pub mod app_key;
#[cfg(feature = "jwt")]
pub mod bearer;
#[cfg_attr(not(feature = "jwt"), path = "unbound.rs")]
mod binding;
#[cfg(feature = "jwt")]
mod by_shape;
#[cfg(feature = "mtls")]
pub mod client_certificate;
#[cfg(feature = "api-key")]
mod credential_header;
#[cfg(feature = "dpop")]
pub mod dpop;
#[cfg(feature = "introspection")]
pub mod introspection;
#[cfg(feature = "api-key")]
pub mod issued_key;
#[cfg(feature = "jwks")]
pub mod jwks;
#[cfg(feature = "jwt")]
pub mod jwt;
mod layer;
#[cfg(feature = "mtls")]
pub mod mesh;
pub mod protected_resource;
#[cfg(feature = "dpop")]
pub mod replay;
pub mod revocation;
#[cfg(feature = "jwt")]
mod scheme_token;
mod sensitive;
#[cfg(feature = "jwt")]
mod several_transports;
mod token;
mod token_validator;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::request;

#[cfg(feature = "jwt")]
pub use self::by_shape::ByShape;
pub(crate) use self::layer::NO_STORE;
pub use self::layer::{AuthenticateLayer, AuthenticatedPass};
pub use self::token::Token;
pub use self::token_validator::TokenValidator;
use crate::principal::Principal;
use crate::rejection::{Challenge, Rejection};

/// One authentication scheme: credential in, [`Principal`] out.
pub trait Authenticator: fmt::Debug + Send + Sync + 'static {
    /// What a 401 says about this scheme.
    fn challenge(&self) -> &Challenge;

    /// The header field that carries the secret: whoever prints headers has to leave it out. `Authorization` unless said
    /// otherwise.
    fn credential_header(&self) -> HeaderName {
        AUTHORIZATION
    }

    /// Whether the credential belongs to the connection and comes with every request, as a certificate does. Such a scheme
    /// is asked only where no other scheme's credential is presented; any other two are refused together.
    fn is_of_the_connection(&self) -> bool {
        false
    }

    /// Whether the request presents a credential of this scheme, however malformed.
    fn is_presented(&self, request: &request::Parts) -> bool;

    /// Judges the credential; called only when one is presented.
    ///
    /// Refuse with [`RejectionKind::InvalidCredentials`](crate::rejection::RejectionKind) when it is not good, and with
    /// `Unavailable` when that cannot be told.
    fn authenticate(&self, request: &request::Parts) -> Attempt;

    /// A header field for the response to a request that was authenticated, such as a fresh nonce. Such a response is
    /// not stored (RFC 9449 8.2).
    fn response_header(&self, request: &request::Parts) -> Option<(HeaderName, HeaderValue)> {
        let _ = request;
        None
    }
}

/// What an [`Authenticator`] answers.
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "the answer is known or it is not; there is no third")]
pub enum Attempt {
    /// Known at once.
    Ready(Result<Principal, Rejection>),
    /// Known when the future resolves: a store or a server has to be asked.
    Pending(Pin<Box<dyn Future<Output = Result<Principal, Rejection>> + Send>>),
}

impl Attempt {
    /// The answer is not known yet.
    pub fn pending(
        future: impl Future<Output = Result<Principal, Rejection>> + Send + 'static,
    ) -> Self {
        Self::Pending(Box::pin(future))
    }
}

impl Attempt {
    /// The same attempt, with one more check of the principal that it finds.
    pub fn and_then(
        self,
        check: impl FnOnce(Principal) -> Result<Principal, Rejection> + Send + 'static,
    ) -> Self {
        match self {
            Self::Ready(outcome) => Self::Ready(outcome.and_then(check)),
            Self::Pending(future) => Self::pending(async move { check(future.await?) }),
        }
    }

    /// The attempt that `next` makes of the principal that this one finds.
    pub fn then(self, next: impl FnOnce(Principal) -> Self + Send + 'static) -> Self {
        match self {
            Self::Ready(Ok(principal)) => next(principal),
            Self::Ready(Err(rejection)) => Self::Ready(Err(rejection)),
            Self::Pending(future) => Self::pending(async move {
                match next(future.await?) {
                    Self::Ready(outcome) => outcome,
                    Self::Pending(future) => future.await,
                }
            }),
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(outcome) => f.debug_tuple("Ready").field(outcome).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}
