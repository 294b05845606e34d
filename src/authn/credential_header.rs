use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::request;

use crate::config::ConfigError;
use crate::rejection::{Rejection, RejectionKind};

/// A header field of its own for a credential, such as `x-api-key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CredentialHeader(HeaderName);

impl CredentialHeader {
    /// Fields whose content a standard defines are not for keys: something else would read them too.
    pub(super) fn new(name: &str) -> Result<Self, ConfigError> {
        let problem = |problem| ConfigError::new(format!("credential header {name:?}"), problem);
        let name = HeaderName::try_from(name).map_err(|_| problem("is no header name"))?;
        if [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(&name) {
            return Err(problem("carries other credentials (RFC 9110 11.6.2, RFC 6265 4.2)"));
        }
        Ok(Self(name))
    }

    pub(super) fn name(&self) -> HeaderName {
        self.0.clone()
    }

    pub(super) fn is_in(&self, head: &request::Parts) -> bool {
        head.headers.contains_key(&self.0)
    }

    /// The field's value, if there is one. Nobody should have to guess which of two counted: they are refused with
    /// `several` as the reason.
    pub(super) fn value<'r>(
        &self,
        head: &'r request::Parts,
        several: &'static str,
    ) -> Result<Option<&'r [u8]>, Rejection> {
        let mut values = head.headers.get_all(&self.0).iter();
        let value = values.next().map(HeaderValue::as_bytes);
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Rejection::new(RejectionKind::BadRequest, several)),
        }
    }
}
