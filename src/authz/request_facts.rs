use std::borrow::Cow;
use std::fmt;

use http::{Extensions, HeaderMap, Method, Uri, request};
use percent_encoding::percent_decode_str;

/// What a check may know of the request, beside its principal.
///
/// Everything here but the pattern was written by the caller: compare it with the principal, do not believe it.
#[derive(Clone, Copy)]
pub struct RequestFacts<'r> {
    head: &'r request::Parts,
    pattern: &'r str,
    params: &'r matchit::Params<'r, 'r>,
}

impl<'r> RequestFacts<'r> {
    pub(super) const fn new(
        head: &'r request::Parts,
        pattern: &'r str,
        params: &'r matchit::Params<'r, 'r>,
    ) -> Self {
        Self { head, pattern, params }
    }

    /// The real method: no override header has a say. HEAD is HEAD, also under a rule for GET: who judges by the method has to
    /// judge them alike.
    #[must_use]
    pub const fn method(&self) -> &'r Method {
        &self.head.method
    }

    /// The pattern of the rule that was found, such as `/orders/{id}`.
    #[must_use]
    pub const fn pattern(&self) -> &'r str {
        self.pattern
    }

    /// A path parameter of the pattern, percent-decoded once, as axum's `Path` gives it to the handler.
    ///
    /// `None` when the pattern has no such parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'r, str>> {
        let raw: &'r str = self.params.get(name)?;
        // Escapes that are no UTF-8 were refused before rules are looked up.
        percent_decode_str(raw).decode_utf8().ok()
    }

    /// The request target, undecoded, as the layer sees it.
    #[must_use]
    pub const fn uri(&self) -> &'r Uri {
        &self.head.uri
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &'r HeaderMap {
        &self.head.headers
    }

    /// What layers further out left in the request.
    #[must_use]
    pub const fn extensions(&self) -> &'r Extensions {
        &self.head.extensions
    }
}

/// Method and pattern; never headers, which may hold credentials.
impl fmt::Debug for RequestFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFacts")
            .field("method", self.method())
            .field("pattern", &self.pattern)
            .finish_non_exhaustive()
    }
}
