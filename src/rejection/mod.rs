//! Why a request was refused: what the caller may know, and what only the log may know.
//!
//! A [`Rejection`] has a public side (its [`RejectionKind`], challenges, retry time, header fields) and a private side (a stable
//! reason code, the control that refused, an error source). Only the public side is ever rendered. One table maps each
//! kind to HTTP status, problem type (RFC 9457), text and gRPC code.
//!
//! # Rules
//!
//! 1. A refusal over HTTP is `application/problem+json` with `Cache-Control: no-store` (RFC 9457, RFC 9111 5.2.2.5).
//! 2. A refusal over gRPC is trailers-only on HTTP 200 (gRPC over HTTP/2, "Responses"). Where there is a time to come back,
//!    it is told as `retry-after` and, in `grpc-status-details-bin`, as a `google.rpc.RetryInfo`.
//! 3. Every text in a response is a constant of this crate, but for the opaque correlation id.
//! 4. A 401 over HTTP carries a challenge (RFC 9110 15.5.2).
//!
//! # What is not checked
//!
//! A reason code or source that your own gate gives is logged as it is: keep secrets out of it.
//!
//! ```
//! use tower_warden::rejection::{Rejection, RejectionKind};
//!
//! let refused = Rejection::new(RejectionKind::Forbidden, "card_blocked");
//! assert_eq!(refused.kind().status(), 403);
//! assert_eq!(refused.kind().code(), "forbidden"); // the caller sees this
//! assert_eq!(refused.reason(), "card_blocked"); // the log sees this
//! ```

mod arrival;
mod challenge;
mod correlation;
mod grpc;
mod kind;
mod problem;
mod retry_info;
mod scene;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Response, StatusCode, request};
use smallvec::SmallVec;

pub(crate) use self::arrival::Arrival;
pub use self::challenge::{Challenge, Challenges};
pub use self::correlation::CorrelationId;
pub(crate) use self::grpc::{GRPC_MESSAGE, GRPC_STATUS, message as grpc_message};
pub use self::kind::RejectionKind;
pub(crate) use self::problem::of_status as problem_of_status;
#[cfg(feature = "tonic")]
pub(crate) use self::retry_info::details as grpc_details;
pub(crate) use self::retry_info::{GRPC_STATUS_DETAILS, value as grpc_details_value};
pub(crate) use self::scene::content_type;
pub use self::scene::{Protocol, Scene};
use crate::header_text::header_value;

/// Why a request was refused.
///
/// Stays in the extensions of the response it was rendered to, for audit, metrics and renderers of your own.
#[derive(Clone)]
pub struct Rejection {
    kind: RejectionKind,
    reason: &'static str,
    control: &'static str,
    more: Option<Box<More>>,
}

/// What few rejections carry, kept apart so that the rest stay small.
#[derive(Clone, Default)]
struct More {
    status: Option<StatusCode>,
    tried: Option<&'static str>,
    challenge_error: Option<&'static str>,
    scope: Option<Arc<str>>,
    acr_values: Option<Arc<str>>,
    max_age: Option<Duration>,
    retry_after: Option<Duration>,
    violated_policies: SmallVec<[Arc<str>; 1]>,
    headers: SmallVec<[(HeaderName, HeaderValue); 2]>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Rejection {
    /// A refusal of `kind`. `reason` is a stable code for the log, in `snake_case`; the caller never sees it.
    #[must_use]
    pub const fn new(kind: RejectionKind, reason: &'static str) -> Self {
        Self { kind, reason, control: "", more: None }
    }

    /// Adds the error behind the refusal; only the log sees it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.more().source = Some(Arc::from(source.into()));
        self
    }

    /// Tells the caller when to come back: whole seconds, rounded up, at least 1 (RFC 9110 10.2.3).
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.more().retry_after = Some(after);
        self
    }

    /// Names the authentication scheme that was tried; its challenge carries the error (RFC 9449 7.2).
    #[must_use]
    pub fn with_tried_scheme(mut self, scheme: &'static str) -> Self {
        self.more().tried = Some(scheme);
        self
    }

    /// Names the error in the challenge of the scheme that was tried, in place of the one for the kind: a constant of
    /// that scheme's standard, such as `invalid_dpop_proof` (RFC 9449 7.1).
    #[must_use]
    pub fn with_challenge_error(mut self, error: &'static str) -> Self {
        self.more().challenge_error = Some(error);
        self
    }

    /// Names the scope that would be enough (RFC 6750 3.1).
    #[must_use]
    pub fn with_scope(mut self, scope: Arc<str>) -> Self {
        self.more().scope = Some(scope);
        self
    }

    /// Names the authentication contexts that would be enough, with spaces between them (RFC 9470 3).
    #[must_use]
    pub fn with_acr_values(mut self, values: Arc<str>) -> Self {
        self.more().acr_values = Some(values);
        self
    }

    /// Says how long ago a person may have logged in, in whole seconds (RFC 9470 3).
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.more().max_age = Some(max_age);
        self
    }

    /// Names a quota policy that the request violated (draft-ietf-httpapi-ratelimit-headers-10, section 5).
    #[must_use]
    pub fn with_violated_policy(mut self, policy: Arc<str>) -> Self {
        self.more().violated_policies.push(policy);
        self
    }

    /// Adds a header field to the refusal.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more().headers.push((name, value));
        self
    }

    /// The same refusal under another status of its class, such as 502 for a failure inside: HTTP only.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        if status != self.status() {
            self.more().status = Some(status);
        }
        self
    }

    /// The same refusal, answered by the control of that name. Kept when a control further in has named itself.
    #[must_use]
    pub(crate) const fn by(mut self, control: &'static str) -> Self {
        if self.control.is_empty() {
            self.control = control;
        }
        self
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// What the caller may know.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The HTTP status that the caller sees: that of the kind, unless it replaces a handler's failure.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let own = self.more.as_ref().and_then(|more| more.status);
        own.unwrap_or(self.kind.status())
    }

    /// The stable reason code; for the log only.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// The name of the control that refused, or an empty text before a service answered with it.
    #[must_use]
    pub const fn control(&self) -> &'static str {
        self.control
    }

    /// The authentication scheme that was tried, if one was.
    #[must_use]
    pub fn tried_scheme(&self) -> Option<&'static str> {
        self.more.as_ref().and_then(|more| more.tried)
    }

    /// When the caller may come back.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.more.as_ref().and_then(|more| more.retry_after)
    }

    /// The same, as the value of `Retry-After`.
    pub(crate) fn retry_after_value(&self) -> Option<HeaderValue> {
        let mut digits = itoa::Buffer::new();
        self.retry_after()
            .map(|after| header_value(digits.format(whole_seconds_up(after)).as_bytes()))
    }

    /// The same for gRPC, which takes fractions of a second; never zero, which would invite an immediate retry.
    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        let after = self.retry_after()?;
        Some(if after.is_zero() { Duration::from_secs(1) } else { after })
    }

    /// Writes the refusal to the log, once: dependency failures and bugs as errors, the rest as information.
    pub(crate) fn log(&self, head: &request::Parts) {
        let asked = Some((&head.method, head.uri.path()));
        self.log_request(asked, CorrelationId::of(&head.extensions));
    }

    /// The same, for a request of which only this is left.
    pub(crate) fn log_request(&self, asked: Option<(&Method, &str)>, id: Option<CorrelationId>) {
        let status = self.status().as_u16();
        // Debug forms escape control characters, so that no source and no path can forge a line (ASVS 16.4.1).
        let spent = PoliciesSpent(self.violated_policies());
        let spent = (!spent.0.is_empty()).then_some(&spent as &dyn Error);
        let source = self.source().map(|source| source as &dyn Error).or(spent);
        let source = source.map(|source| tracing::field::debug(Escaped(source)));
        let correlation_id = id.map(tracing::field::display);
        let method = asked.map(|(method, _)| tracing::field::display(method));
        let path = asked.map(|(_, path)| tracing::field::debug(path));
        let (control, code, reason) = (self.control, self.kind.code(), self.reason);
        if self.kind.is_fault() {
            tracing::error!(
                target: "tower_warden::rejection",
                control, code, reason, status, method, path, correlation_id, source, "request failed"
            );
        } else {
            tracing::info!(
                target: "tower_warden::rejection",
                control, code, reason, status, method, path, correlation_id, source, "request refused"
            );
        }
    }

    /// The response for the caller, with the rejection itself in its extensions.
    #[must_use]
    pub fn render(self, scene: &Scene<'_>) -> Response<Bytes> {
        let mut response = match scene.protocol() {
            Protocol::Grpc => grpc::response(self.kind, self.retry_delay()),
            Protocol::Http => problem::response(
                self.kind,
                self.status(),
                self.violated_policies(),
                scene.correlation_id(),
            ),
        };
        self.write_headers(scene, response.headers_mut());
        response.extensions_mut().insert(self);
        response
    }

    fn write_headers(&self, scene: &Scene<'_>, headers: &mut HeaderMap) {
        for value in scene.challenges().answer(self) {
            headers.append(WWW_AUTHENTICATE, value);
        }
        let Some(more) = self.more.as_deref() else { return };
        if let Some(after) = self.retry_after_value() {
            headers.insert(RETRY_AFTER, after);
        }
        for (name, value) in &more.headers {
            headers.append(name, value.clone());
        }
    }

    /// The quota policies that the request violated.
    #[must_use]
    pub fn violated_policies(&self) -> &[Arc<str>] {
        self.more.as_ref().map_or(&[], |more| &more.violated_policies)
    }

    /// The error of RFC 9470 3 and what it asks for; values that cannot be quoted are left out.
    fn step_up_parameters(&self) -> String {
        let mut text = "error=\"insufficient_user_authentication\"".to_owned();
        let Some(more) = self.more.as_deref() else { return text };
        let acr = more.acr_values.as_deref();
        if let Some(acr) = acr.filter(|values| values.bytes().all(challenge::is_quotable)) {
            text.push_str(&format!(", acr_values=\"{acr}\""));
        }
        if let Some(max_age) = more.max_age {
            text.push_str(&format!(", max_age=\"{}\"", max_age.as_secs()));
        }
        text
    }

    fn challenge_error(&self) -> Option<&'static str> {
        self.more.as_ref().and_then(|more| more.challenge_error)
    }

    /// The scope to name; none that could write more than itself into a challenge.
    fn scope(&self) -> Option<&str> {
        let scope = self.more.as_ref()?.scope.as_deref()?;
        scope.bytes().all(challenge::is_quotable).then_some(scope)
    }
}

/// An error's text in the Debug form of texts, made only if somebody listens.
struct Escaped<'e>(&'e dyn Error);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.to_string(), f)
    }
}

/// Says in the log which policies were violated.
#[derive(Debug)]
struct PoliciesSpent<'r>(&'r [Arc<str>]);

impl fmt::Display for PoliciesSpent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [policy] => write!(f, "the quota of policy {policy:?} is spent"),
            policies => write!(f, "the quotas of policies {policies:?} are spent"),
        }
    }
}

impl Error for PoliciesSpent<'_> {}

/// Never earlier than asked, and never 0, which would invite an immediate retry.
fn whole_seconds_up(after: Duration) -> u64 {
    after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1)
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.reason)
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.more.as_ref()?.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        assert_eq!(whole_seconds_up(Duration::ZERO), 1);
        assert_eq!(whole_seconds_up(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds_up(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds_up(Duration::from_millis(2001)), 3);
        assert_eq!(whole_seconds_up(Duration::MAX), u64::MAX);
    }
}
