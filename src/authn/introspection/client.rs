//! How this service says who it is, to an endpoint that answers known clients only (RFC 7662 2.1).

use std::error::Error;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// What stays as it is in a form (URL Standard, "application/x-www-form-urlencoded percent-encode set"). A space becomes
/// `%20`, which every reader of forms takes for one.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// Authenticates this service at an introspection endpoint, in a way of your own: a client assertion (RFC 7523), an
/// access token that is renewed.
///
/// Asked for every call. Must not wait: have a token at hand, and renew it elsewhere.
pub trait AuthenticateClient: fmt::Debug + Send + Sync + 'static {
    /// Adds what tells who asks, to the header fields or to the form.
    ///
    /// # Errors
    ///
    /// If that cannot be done: the request in question is answered with 503. The error goes into the log: keep secrets
    /// out of it.
    fn authenticate(
        &self,
        headers: &mut HeaderMap,
        form: &mut Form,
    ) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// The form that is sent. Wiped when it is dropped.
pub struct Form(Zeroizing<String>);

impl Form {
    /// A form that asks about a token.
    pub(super) fn about(token: &str) -> Self {
        let mut form = Self(Zeroizing::new(String::with_capacity(token.len() + 64)));
        form.push("token", token);
        form.push("token_type_hint", "access_token");
        form
    }

    /// Adds a field.
    pub fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(utf8_percent_encode(name, FORM));
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, FORM));
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Never the fields.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(..)")
    }
}

/// An `Authorization` field that does not change.
pub(super) struct Authorization(Zeroizing<String>);

impl Authorization {
    /// Client id and secret, each form-encoded first (RFC 6749 2.3.1).
    pub(super) fn basic(id: &str, secret: &str) -> Self {
        let mut pair = Zeroizing::new(String::new());
        pair.extend(utf8_percent_encode(id, FORM));
        pair.push(':');
        pair.extend(utf8_percent_encode(secret, FORM));
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Self(Zeroizing::new(format!("Basic {}", *encoded)))
    }

    /// An access token of this service's own (RFC 7662 2.1).
    pub(super) fn bearer(token: &str) -> Self {
        Self(Zeroizing::new(format!("Bearer {token}")))
    }

    /// Whether it can stand in a header field.
    pub(super) fn is_sendable(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    }
}

impl AuthenticateClient for Authorization {
    fn authenticate(
        &self,
        headers: &mut HeaderMap,
        _: &mut Form,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut value = HeaderValue::from_str(&self.0)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }
}

/// Never the secret.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(..)")
    }
}

/// The HTTP client's certificate says who asks; the form names the client it belongs to (RFC 8705 2).
#[derive(Debug)]
pub(super) struct ByCertificate(pub(super) String);

impl AuthenticateClient for ByCertificate {
    fn authenticate(
        &self,
        _: &mut HeaderMap,
        form: &mut Form,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        form.push("client_id", &self.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn i1_id_and_secret_are_form_encoded_before_basic() {
        // The colon of an id would otherwise move part of it into the secret.
        let header = Authorization::basic("a:b c", "p%w+ü");
        let encoded = header.0.strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"a%3Ab%20c:p%25w%2B%C3%BC");
        assert_eq!(format!("{header:?}"), "Authorization(..)");
    }

    proptest! {
        #[test]
        fn fields_survive_a_round_trip(token in any::<String>(), extra in any::<String>()) {
            let mut form = Form::about(&token);
            form.push("extra", &extra);
            let values: Vec<_> = form
                .text()
                .split('&')
                .map(|field| percent_decode_str(field.split_once('=').unwrap().1).decode_utf8().unwrap())
                .collect();
            prop_assert_eq!(values, [&*token, "access_token", &*extra]);
        }
    }
}
