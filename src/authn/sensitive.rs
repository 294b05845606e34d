use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, PROXY_AUTHORIZATION};

use super::Authenticator;

/// The header fields that carry credentials and must not be printed.
#[derive(Clone, Debug)]
pub(super) struct Sensitive(Arc<[HeaderName]>);

impl Sensitive {
    /// Those of these schemes, and those that carry credentials by definition.
    pub(super) fn of(schemes: &[Arc<dyn Authenticator>]) -> Self {
        let mut names = vec![AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE];
        names.extend(schemes.iter().map(|scheme| scheme.credential_header()));
        Self(names.into())
    }

    /// Marks credentials, so that `Debug` of a header map hides them and HTTP/2 does not index them.
    ///
    /// Returns how many `Authorization` fields there are. Compares names instead of looking each of them up: hashing a
    /// name costs more than a glance at all that a request has.
    pub(super) fn mark(&self, headers: &mut HeaderMap) -> usize {
        let mut authorizations = 0;
        for (name, value) in headers.iter_mut() {
            if self.0.contains(name) {
                value.set_sensitive(true);
                authorizations += usize::from(*name == AUTHORIZATION);
            }
        }
        authorizations
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_line_of_every_credential_is_marked_and_nothing_else() {
        let sensitive = Sensitive::of(&[]);
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("text/plain"));
        for name in sensitive.0.iter() {
            headers.append(name, HeaderValue::from_static("one"));
            headers.append(name, HeaderValue::from_static("two"));
        }
        assert_eq!(sensitive.mark(&mut headers), 2);
        for (name, value) in &headers {
            assert_eq!(value.is_sensitive(), name != "accept", "{name}");
        }
        assert_eq!(headers.len(), 7);
    }
}
