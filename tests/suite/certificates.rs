//! A certificate authority of the tests, and what it signs.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tower_warden::authn::client_certificate::ClientCertificate;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    own: CertificateDer<'static>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), own }
    }

    /// Signs a certificate with these URIs among its names, beside `localhost`.
    pub(crate) fn issue(&self, uris: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Identity { der, key: key.serialize_der().try_into().unwrap() }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.clone()).unwrap();
        Arc::new(roots)
    }

    /// A server that asks clients for a certificate, and takes those who have none too.
    pub(crate) fn server(&self) -> ServerConfig {
        let Identity { der, key } = self.issue(&[]);
        let verifier = WebPkiClientVerifier::builder(self.roots());
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let config = ServerConfig::builder().with_client_cert_verifier(verifier);
        config.with_single_cert(vec![der], key).unwrap()
    }

    /// A client that shows this certificate, or none.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> ClientConfig {
        let config = ClientConfig::builder().with_root_certificates(self.roots());
        match identity {
            None => config.with_no_client_auth(),
            Some(Identity { der, key }) => {
                config.with_client_auth_cert(vec![der.clone()], key.clone_key()).unwrap()
            }
        }
    }
}

impl Identity {
    pub(crate) fn certificate(&self) -> ClientCertificate {
        ClientCertificate::from_der(self.der.to_vec())
    }

    /// The value of `x5t#S256`.
    pub(crate) fn thumbprint(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&self.der))
    }

    /// The value of `Hash`.
    pub(crate) fn hash(&self) -> String {
        Sha256::digest(&self.der).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The value of `Client-Cert`.
    pub(crate) fn client_cert(&self) -> String {
        format!(":{}:", BASE64_STANDARD.encode(&self.der))
    }

    /// The value of `Cert`, without quotes.
    pub(crate) fn pem(&self) -> String {
        let text = BASE64_STANDARD.encode(&self.der);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        percent_encode(pem.as_bytes(), NON_ALPHANUMERIC).to_string()
    }
}
