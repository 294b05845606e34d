use std::fmt;
use std::sync::{Arc, LazyLock};

use http::{Extensions, HeaderValue, StatusCode};

use super::{Arrival, Rejection, RejectionKind};
use crate::config::ConfigError;

/// One authentication challenge: scheme, realm and parameters of a `WWW-Authenticate` field (RFC 9110 11.6.1).
///
/// The text is made once, when a layer is built; only fixed error codes and declared scopes are added later.
#[derive(Clone)]
pub struct Challenge {
    scheme: &'static str,
    text: String,
    header: HeaderValue,
    carries_errors: bool,
}

impl Challenge {
    /// A challenge of `scheme` for `realm`. A realm is always sent: Bearer demands at least one parameter (RFC 6750 3).
    ///
    /// # Errors
    ///
    /// If the scheme is not a token, or the realm holds anything but visible ASCII without `"` and `\`.
    pub fn new(scheme: &'static str, realm: &str) -> Result<Self, ConfigError> {
        if scheme.is_empty() || !scheme.bytes().all(is_token) {
            return Err(ConfigError::new(
                format!("challenge scheme {scheme:?}"),
                "is not a token (RFC 9110 5.6.2)",
            ));
        }
        let bare = Self {
            scheme,
            text: format!("{scheme} "),
            header: HeaderValue::from_static(""),
            carries_errors: ["Bearer", "DPoP"].contains(&scheme),
        };
        bare.append("realm", realm)
    }

    /// Adds a parameter.
    ///
    /// # Errors
    ///
    /// If the name is not a token, is there already or is added to refusals, or the value holds anything but visible
    /// ASCII without `"` and `\`.
    pub fn with_parameter(self, name: &str, value: &str) -> Result<Self, ConfigError> {
        let lower = name.to_ascii_lowercase();
        let there = self.text.to_ascii_lowercase();
        if OF_A_REFUSAL.contains(&&*lower) || there.contains(&format!(" {lower}=\"")) {
            return Err(ConfigError::new(
                format!("challenge parameter {name:?}"),
                "may stand in a challenge once (RFC 6750 3, RFC 9110 11.2)",
            ));
        }
        self.append(name, value)
    }

    fn append(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(ConfigError::new(
                format!("challenge parameter {name:?}"),
                "is not a token (RFC 9110 5.6.2)",
            ));
        }
        let problem = || {
            let culprit = format!("challenge parameter {name}={value:?}");
            ConfigError::new(
                culprit,
                "must be printable ASCII without quote and backslash (RFC 6750 3)",
            )
        };
        if !value.bytes().all(is_quotable) {
            return Err(problem());
        }
        if !self.text.ends_with(' ') {
            self.text.push_str(", ");
        }
        self.text = format!("{}{name}=\"{value}\"", self.text);
        self.header = HeaderValue::from_str(&self.text).map_err(|_| problem())?;
        Ok(self)
    }

    /// The scheme's name, such as `Bearer`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The challenge with an error code, for a scheme whose standard has error codes.
    fn with_error(&self, error: &str, scope: Option<&str>) -> HeaderValue {
        if !self.carries_errors {
            return self.header.clone();
        }
        // Joined, not formatted: whoever guesses tokens makes us write this again and again.
        let text = match scope {
            None => [&self.text, ", error=\"", error, "\""].concat(),
            Some(scope) => [&self.text, ", error=\"", error, "\", scope=\"", scope, "\""].concat(),
        };
        // Error codes are constants and scopes were checked when the rules were built: this always fits.
        HeaderValue::try_from(text).unwrap_or_else(|_| self.header.clone())
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Challenge").field(&self.text).finish()
    }
}

/// Parameters that a refusal adds, or that tell of one (RFC 6750 3, RFC 9470 3).
const OF_A_REFUSAL: [&str; 6] =
    ["acr_values", "error", "error_description", "error_uri", "max_age", "scope"];

/// The challenges of all schemes that an authentication layer accepts, in its order.
///
/// The layer leaves them in the request's extensions, so that whoever refuses further in can send them: read them with
/// [`of`](Self::of).
#[derive(Clone, Debug)]
pub struct Challenges(Arc<[Challenge]>);

impl Challenges {
    /// The challenges of these schemes.
    #[must_use]
    pub fn new(challenges: impl IntoIterator<Item = Challenge>) -> Self {
        Self(challenges.into_iter().collect())
    }

    /// The challenges that an authentication layer left in these request extensions. There are some where one ran, also
    /// when nobody is known.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get().or_else(|| Some(&Arrival::of(extensions)?.challenges))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One `WWW-Authenticate` value for each scheme, none of which was tried.
    pub(crate) fn plain(&self) -> impl Iterator<Item = HeaderValue> {
        self.0.iter().map(|challenge| challenge.header.clone())
    }

    /// What a 401 carries where no authentication layer ran: a 401 without a challenge is no valid response.
    pub(crate) fn fallback() -> &'static Self {
        static FALLBACK: LazyLock<Challenges> =
            LazyLock::new(|| Challenges::new(Challenge::new("Bearer", "api")));
        &FALLBACK
    }

    /// The `WWW-Authenticate` values of a refusal: all schemes on a 401, with the error on the one that was tried;
    /// only that one on a 400 and on a 403 for want of scope; none otherwise.
    pub(super) fn answer(&self, rejection: &Rejection) -> Vec<HeaderValue> {
        let tried = rejection.tried_scheme();
        let own = rejection.challenge_error();
        let error = match rejection.kind() {
            RejectionKind::Unauthenticated => match own {
                Some(own) => own,
                None => return self.plain().collect(),
            },
            RejectionKind::InsufficientUserAuthentication => return self.step_up(rejection),
            RejectionKind::InvalidCredentials => own.unwrap_or("invalid_token"),
            RejectionKind::BadRequest => "invalid_request",
            RejectionKind::InsufficientScope => "insufficient_scope",
            _ => return Vec::new(),
        };
        let all = rejection.kind().status() == StatusCode::UNAUTHORIZED;
        let of = |challenge: &Challenge| {
            if tried == Some(challenge.scheme) {
                (all || challenge.carries_errors)
                    .then(|| challenge.with_error(error, rejection.scope()))
            } else {
                all.then(|| challenge.header.clone())
            }
        };
        self.0.iter().filter_map(of).collect()
    }
}

impl Challenges {
    /// All schemes, with what is asked for on the one that was tried (RFC 9470 3).
    fn step_up(&self, rejection: &Rejection) -> Vec<HeaderValue> {
        let of = |challenge: &Challenge| {
            if rejection.tried_scheme() == Some(challenge.scheme) && challenge.carries_errors {
                let text = format!("{}, {}", challenge.text, rejection.step_up_parameters());
                HeaderValue::try_from(text).unwrap_or_else(|_| challenge.header.clone())
            } else {
                challenge.header.clone()
            }
        };
        self.0.iter().map(of).collect()
    }
}

/// `tchar` of RFC 9110 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Bytes that stand for themselves inside a quoted-string, as RFC 6750 3 allows them.
pub(super) const fn is_quotable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}
