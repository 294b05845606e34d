use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request;

use super::spiffe_id::is_trust_domain;
use super::{SpiffeId, SpiffeIdError};
use crate::authn::client_certificate::ClientCertificate;
use crate::authn::{Attempt, Authenticator};
use crate::config::{ConfigError, Problems};
use crate::principal::{Principal, PrincipalKind};
use crate::rejection::{Challenge, Rejection, RejectionKind};

const SCHEME: &str = "ClientCertificate";

/// Authenticates services by the SPIFFE id in their client certificate. The rules are those of the [module](super).
#[derive(Clone, Debug)]
pub struct MeshAuthenticator {
    trust_domains: Arc<[String]>,
    challenge: Challenge,
}

impl MeshAuthenticator {
    /// Accepts workloads of these trust domains, such as `example.org`; the realm is `api`.
    ///
    /// # Errors
    ///
    /// If there is none, or one is no trust domain (SPIFFE-ID 2.1). All problems are listed.
    pub fn new<T: Into<String>>(
        trust_domains: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let trust_domains: Arc<[String]> = trust_domains.into_iter().map(Into::into).collect();
        let mut problems = Problems::default();
        if trust_domains.is_empty() {
            problems.add("mesh", "needs a trust domain: its proxies may be federated with others");
        }
        for domain in trust_domains.iter().filter(|domain| !is_trust_domain(domain)) {
            problems.add(
                format!("trust domain {domain:?}"),
                "is none: lower-case letters, digits, `.`, `-` and `_`, without `spiffe://` (SPIFFE-ID 2.1)",
            );
        }
        let challenge = problems.note(Challenge::new(SCHEME, "api"));
        problems.into_result()?;
        let challenge = challenge.ok_or_else(|| ConfigError::new("mesh", "has no challenge"))?;
        Ok(Self { trust_domains, challenge })
    }

    /// Names another realm in the challenge.
    ///
    /// # Errors
    ///
    /// If the realm cannot stand in a quoted string.
    pub fn with_realm(mut self, realm: &str) -> Result<Self, ConfigError> {
        self.challenge = Challenge::new(SCHEME, realm)?;
        Ok(self)
    }

    fn judge(&self, certificate: Option<&ClientCertificate>) -> Result<Principal, Rejection> {
        let refuse = |reason| Rejection::new(RejectionKind::InvalidCredentials, reason);
        let certificate = certificate.ok_or_else(|| refuse("client_certificate_missing"))?;
        let id = SpiffeId::in_certificate(certificate).map_err(|error| {
            refuse(match error {
                SpiffeIdError::Malformed => "spiffe_id_malformed",
                SpiffeIdError::NotOneUri => "spiffe_id_not_one_uri",
            })
        })?;
        if !self.trust_domains.iter().any(|domain| domain == id.trust_domain()) {
            return Err(refuse("spiffe_trust_domain"));
        }
        let issuer = id.trust_domain_id();
        Ok(Principal::builder(issuer, id.as_str(), PrincipalKind::Machine, SCHEME).build())
    }
}

impl Authenticator for MeshAuthenticator {
    fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    fn is_of_the_connection(&self) -> bool {
        true
    }

    /// A field that no scheme here understands is still somebody's attempt to say who is calling.
    fn is_presented(&self, head: &request::Parts) -> bool {
        ClientCertificate::of(&head.extensions).is_some()
            && !head.headers.contains_key(AUTHORIZATION)
    }

    fn authenticate(&self, head: &request::Parts) -> Attempt {
        Attempt::Ready(self.judge(ClientCertificate::of(&head.extensions)))
    }
}
