use std::str;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderName};
use http::request;

use super::basic;
use crate::authn::credential_header::CredentialHeader;
use crate::authn::issued_key::Holder;
use crate::config::{ConfigError, Problems};
use crate::principal::{Principal, PrincipalKind};
use crate::rejection::{Challenge, Rejection, RejectionKind};

/// How id and key of an app come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppKeyTransport {
    /// As user and password of HTTP Basic (RFC 7617).
    Basic,
    /// In two header fields.
    Headers {
        /// The field for the app's id.
        id: String,
        /// The field for the key.
        key: String,
    },
}

impl AppKeyTransport {
    /// The fields `x-app-id` and `x-app-key`.
    #[must_use]
    pub fn headers() -> Self {
        Self::Headers { id: "x-app-id".to_owned(), key: "x-app-key".to_owned() }
    }

    /// What a 401 says about this transport.
    pub(super) fn challenge(&self, realm: &str) -> Result<Challenge, ConfigError> {
        match self {
            // The only charset that may be named (RFC 7617 2.1).
            Self::Basic => Challenge::new(SCHEMES.basic, realm)?.with_parameter("charset", "UTF-8"),
            Self::Headers { .. } => Challenge::new(SCHEMES.headers, realm),
        }
    }

    /// Reads the names of the fields.
    pub(super) fn check(&self, problems: &mut Problems) -> Option<Transport> {
        let Self::Headers { id, key } = self else { return Some(Transport::Basic) };
        let (id, key) =
            (problems.note(CredentialHeader::new(id)), problems.note(CredentialHeader::new(key)));
        if id.is_some() && id == key {
            problems.add("app key headers", "id and key need a field each");
        }
        Some(Transport::Headers { id: id?, key: key? })
    }
}

/// A checked [`AppKeyTransport`].
#[derive(Clone, Debug)]
pub(super) enum Transport {
    Basic,
    Headers { id: CredentialHeader, key: CredentialHeader },
}

/// What a request presents: an id and, perhaps, a key; both still unchecked.
#[derive(Clone, Copy)]
pub(super) struct Presented<'r> {
    pub(super) id: &'r str,
    pub(super) key: Option<&'r str>,
}

impl Transport {
    /// Picks the principal that names this transport's scheme.
    pub(super) const fn pick(&self) -> fn(&PerTransport<Principal>) -> &Principal {
        match self {
            Self::Basic => |of| &of.basic,
            Self::Headers { .. } => |of| &of.headers,
        }
    }

    pub(super) fn credential_header(&self) -> HeaderName {
        match self {
            Self::Basic => AUTHORIZATION,
            Self::Headers { key, .. } => key.name(),
        }
    }

    pub(super) fn is_used(&self, head: &request::Parts) -> bool {
        match self {
            Self::Basic => head
                .headers
                .get_all(AUTHORIZATION)
                .iter()
                .any(|value| basic::after_scheme(value.as_bytes()).is_some()),
            Self::Headers { id, key } => id.is_in(head) || key.is_in(head),
        }
    }

    /// Reads id and key; `decoded` is where those of Basic are written to.
    pub(super) fn read<'r>(
        &self,
        head: &'r request::Parts,
        decoded: &'r mut basic::Decoded,
    ) -> Result<Presented<'r>, Rejection> {
        match self {
            Self::Basic => {
                let value = head.headers.get(AUTHORIZATION).map_or(&[][..], |v| v.as_bytes());
                basic::read(value, decoded).ok_or_else(|| refusal("basic_malformed"))
            }
            Self::Headers { id, key } => {
                let id = id.value(head, "several_app_ids")?;
                let key = key.value(head, "several_app_keys")?;
                let id = id.ok_or_else(|| refusal("app_id_missing"))?;
                let id = str::from_utf8(id).map_err(|_| refusal("app_id_malformed"))?;
                let key = key.map(str::from_utf8).transpose();
                Ok(Presented { id, key: key.map_err(|_| refusal("app_key_malformed"))? })
            }
        }
    }
}

pub(super) const fn refusal(reason: &'static str) -> Rejection {
    Rejection::new(RejectionKind::InvalidCredentials, reason)
}

/// One of a thing for each transport.
#[derive(Clone, Debug)]
pub(super) struct PerTransport<T> {
    basic: T,
    headers: T,
}

/// The challenge's schemes; `AppKey` is not registered with IANA.
const SCHEMES: PerTransport<&str> = PerTransport { basic: "Basic", headers: "AppKey" };

impl PerTransport<Principal> {
    /// The principals of an app: they differ in the scheme alone.
    pub(super) fn of(app: &Holder, expires_at: Option<Duration>) -> Self {
        let of = |scheme| {
            app.principal(PrincipalKind::App, scheme, "app-key", app.subject(), expires_at)
        };
        Self { basic: of(SCHEMES.basic), headers: of(SCHEMES.headers) }
    }
}
