use std::sync::Arc;

use http::Uri;
use serde::Serialize;

use super::{Inner, ProtectedResource};
use crate::config::{ConfigError, Problems};
use crate::principal::is_scope_token;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Builds a [`ProtectedResource`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct ProtectedResourceBuilder {
    document: Document,
}

/// The document (RFC 9728 2).
#[derive(Clone, Debug, Default, Serialize)]
struct Document {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_policy_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_tos_uri: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    dpop_bound_access_tokens_required: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl ProtectedResourceBuilder {
    pub(super) fn new(resource: String) -> Self {
        // Tokens are taken from the header section alone.
        let bearer_methods_supported = ["header"];
        Self { document: Document { resource, bearer_methods_supported, ..Document::default() } }
    }

    /// Names an authorization server that issues tokens for this resource, by its issuer identifier. At least one.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.document.authorization_servers.push(issuer.into());
        self
    }

    /// Names a scope that clients may ask for.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.document.scopes_supported.push(scope.into());
        self
    }

    /// The resource's name, for people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.document.resource_name = Some(name.into());
        self
    }

    /// Where developers read how to use the resource.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.document.resource_documentation = Some(url.into());
        self
    }

    /// Where people read what clients may do with the data.
    pub fn policy(mut self, url: impl Into<String>) -> Self {
        self.document.resource_policy_uri = Some(url.into());
        self
    }

    /// Where people read the terms of service.
    pub fn terms_of_service(mut self, url: impl Into<String>) -> Self {
        self.document.resource_tos_uri = Some(url.into());
        self
    }

    /// Says that tokens may be bound to a client certificate (RFC 8705 3).
    pub const fn certificate_bound_tokens(mut self) -> Self {
        self.document.tls_client_certificate_bound_access_tokens = true;
        self
    }

    /// Says which algorithms DPoP proofs may be signed with, such as `ES256` (RFC 9449 5.1).
    pub fn dpop_algorithms<T: Into<String>>(
        mut self,
        algorithms: impl IntoIterator<Item = T>,
    ) -> Self {
        self.document
            .dpop_signing_alg_values_supported
            .extend(algorithms.into_iter().map(Into::into));
        self
    }

    /// Says that only tokens with a DPoP proof are accepted.
    pub const fn dpop_required(mut self) -> Self {
        self.document.dpop_bound_access_tokens_required = true;
        self
    }

    /// The resource.
    ///
    /// # Errors
    ///
    /// If an address is not `https`, if the identifier has a query, a fragment or a path that readers could read in two
    /// ways, if no authorization server is named, or if a scope or algorithm cannot be one. All problems are listed.
    pub fn build(self) -> Result<ProtectedResource, ConfigError> {
        let document = self.document;
        let mut problems = Problems::default();
        let parts = problems.note(identifier(&document.resource));
        if document.authorization_servers.is_empty() {
            problems.add(
                format!("protected resource {:?}", document.resource),
                "needs an authorization server: clients would not know where to get a token",
            );
        }
        for issuer in &document.authorization_servers {
            let url = problems.note(https("authorization server", issuer));
            if url.is_some_and(|url| url.query().is_some()) {
                problems.add(
                    format!("authorization server {issuer:?}"),
                    "has a query, as no issuer identifier has (RFC 8414 2)",
                );
            }
        }
        let pages = [
            ("documentation", &document.resource_documentation),
            ("policy", &document.resource_policy_uri),
            ("terms of service", &document.resource_tos_uri),
        ];
        for (what, url) in pages {
            if let Some(url) = url {
                problems.note(https(what, url));
            }
        }
        for scope in document.scopes_supported.iter().filter(|scope| !is_scope_token(scope)) {
            problems.add(format!("scope {scope:?}"), "is not a scope token (RFC 6749 3.3)");
        }
        for algorithm in &document.dpop_signing_alg_values_supported {
            if algorithm.eq_ignore_ascii_case("none") || algorithm.starts_with("HS") {
                problems.add(
                    format!("DPoP algorithm {algorithm:?}"),
                    "is no signature with a key pair (RFC 9449 4.2)",
                );
            }
        }
        let json = problems.note(serde_json::to_vec(&document).map_err(|error| {
            ConfigError::new("protected resource", format!("is no JSON: {error}"))
        }));
        problems.into_result()?;
        let (Some((origin, path)), Some(json)) = (parts, json) else {
            return Err(ConfigError::new("protected resource", "is incomplete"));
        };
        let metadata_path = format!("{WELL_KNOWN}{path}");
        Ok(ProtectedResource(Arc::new(Inner {
            metadata_url: format!("{origin}{metadata_path}"),
            metadata_path,
            identifier: document.resource,
            document: json.into(),
        })))
    }
}

/// Origin and path of an identifier, the path without a slash that stands alone (RFC 9728 3.1).
fn identifier(text: &str) -> Result<(String, String), ConfigError> {
    let url = https("protected resource", text)?;
    let path = url.path().strip_prefix('/').unwrap_or_default();
    let is_plain = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    if url.query().is_some() || !(path.is_empty() || path.split('/').all(is_plain)) {
        return Err(ConfigError::new(
            format!("protected resource {text:?}"),
            "must have no query, and a path of plain segments without a slash at the end",
        ));
    }
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    Ok((format!("https://{authority}"), path))
}

/// An absolute `https` address without user and fragment.
fn https(what: &str, text: &str) -> Result<Uri, ConfigError> {
    let fits = |url: &Uri| {
        let authority = url.authority().map_or("", |authority| authority.as_str());
        url.host().is_some_and(|host| !host.is_empty()) && !authority.contains('@')
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
    let url = text.bytes().all(is_plain).then(|| text.parse().ok()).flatten();
    url.filter(|url| text.starts_with("https://") && fits(url)).ok_or_else(|| {
        ConfigError::new(
            format!("{what} {text:?}"),
            "must be an https address without user and fragment (RFC 9728 1.2)",
        )
    })
}
