//! One round: asks the issuer for its keys, and reads the answer.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use tokio::time::Instant;

use super::LoadError;
use super::address;
use super::lifetime::Bounds;
use crate::authn::jwt::{KeySet, VerifyingKey, json};
use crate::http_client::{FetchError, HttpClient, Limits};

/// Longer ones are not sent back.
const MAX_ETAG: usize = 256;

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// The address of the key set itself.
    KeySet(Uri),
    /// Metadata of this issuer name the key set.
    Metadata { issuer: Arc<str>, documents: [Uri; 2] },
}

/// How keys are fetched.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) location: Location,
    pub(super) client: Arc<dyn HttpClient>,
    pub(super) plain_loopback: bool,
    pub(super) timeout: Duration,
    pub(super) max_body: usize,
    pub(super) max_keys: usize,
    pub(super) lifetime: Bounds,
}

/// What tells whether keys changed.
#[derive(Clone, Debug)]
pub(super) struct Version {
    address: Arc<str>,
    etag: Option<HeaderValue>,
    digest: [u8; digest::SHA256_OUTPUT_LEN],
}

/// What a round brought.
#[derive(Debug)]
pub(super) struct Found {
    /// Other keys than those of the version that was known; `None` when they are the same.
    pub(super) keys: Option<KeySet>,
    pub(super) version: Version,
    pub(super) lifetime: Duration,
    /// Which of the metadata documents answered.
    pub(super) document: usize,
}

impl Fetch {
    /// Asks for keys that are newer than those of version `known`. Of the two metadata documents, number `first` is
    /// asked first.
    pub(super) async fn round(
        &self,
        known: Option<Version>,
        first: usize,
    ) -> Result<Found, LoadError> {
        let deadline = Instant::now() + self.timeout;
        match &self.location {
            Location::KeySet(uri) => self.keys(uri, known, deadline, first).await,
            Location::Metadata { issuer, documents } => {
                let (uri, document) = self.discover(issuer, documents, first, deadline).await?;
                self.keys(&uri, known, deadline, document).await
            }
        }
    }

    /// The address of the key set, from the first document that has one, and which document that was.
    async fn discover(
        &self,
        issuer: &str,
        documents: &[Uri; 2],
        first: usize,
        deadline: Instant,
    ) -> Result<(Uri, usize), LoadError> {
        let mut telling: Option<LoadError> = None;
        for index in [first % 2, (first + 1) % 2] {
            let error = match self.key_set_address(issuer, &documents[index], deadline).await {
                Ok(uri) => return Ok((uri, index)),
                // The other document is on the same server.
                Err(error @ LoadError::Unreachable { .. }) => return Err(error),
                Err(error) => error,
            };
            // That there is no such document is what one of two says of most issuers.
            if !matches!(telling, Some(ref earlier) if !matches!(earlier, LoadError::Status { .. }))
            {
                telling = Some(error);
            }
        }
        Err(telling.unwrap_or(LoadError::Interrupted))
    }

    async fn key_set_address(
        &self,
        issuer: &str,
        document: &Uri,
        deadline: Instant,
    ) -> Result<Uri, LoadError> {
        let accepting = HeaderValue::from_static("application/json");
        let (url, response) =
            self.get(document, HeaderMap::from_iter([(ACCEPT, accepting)]), deadline).await?;
        if response.status() != StatusCode::OK {
            return Err(LoadError::Status { url, status: response.status().as_u16() });
        }
        let Ok(metadata) = json::object(response.body()) else {
            return Err(LoadError::Malformed { url });
        };
        let text = |name| metadata.get(name).and_then(serde_json::Value::as_str);
        // Before anything else of it is believed (RFC 8414 3.3).
        if text("issuer") != Some(issuer) {
            return Err(LoadError::IssuerMismatch { url });
        }
        text("jwks_uri")
            .and_then(|uri| address::checked(uri, self.plain_loopback).ok())
            .ok_or(LoadError::KeySetAddress { url })
    }

    async fn keys(
        &self,
        uri: &Uri,
        known: Option<Version>,
        deadline: Instant,
        document: usize,
    ) -> Result<Found, LoadError> {
        let accepting = HeaderValue::from_static("application/jwk-set+json, application/json");
        let mut headers = HeaderMap::from_iter([(ACCEPT, accepting)]);
        let asked_before = known.as_ref().filter(|known| uri == &*known.address);
        let etag = asked_before.and_then(|known| known.etag.clone());
        if let Some(etag) = &etag {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        let (url, response) = self.get(uri, headers, deadline).await?;
        let lifetime = self.lifetime.lifetime(response.headers());
        match (response.status(), known) {
            (StatusCode::NOT_MODIFIED, Some(version)) if etag.is_some() => {
                Ok(Found { keys: None, version, lifetime, document })
            }
            (StatusCode::OK, known) => {
                let digest = sha256(response.body());
                let etag = response.headers().get(ETAG).filter(|etag| etag.len() <= MAX_ETAG);
                let version = Version { address: Arc::clone(&url), etag: etag.cloned(), digest };
                let same = known.is_some_and(|known| known.digest == digest);
                let keys = if same { None } else { Some(self.read(response.body(), url)?) };
                Ok(Found { keys, version, lifetime, document })
            }
            (status, _) => Err(LoadError::Status { url, status: status.as_u16() }),
        }
    }

    /// The usable keys of a set.
    fn read(&self, body: &[u8], url: Arc<str>) -> Result<KeySet, LoadError> {
        let Ok(set) = VerifyingKey::candidates_of_jwks(body) else {
            return Err(LoadError::Malformed { url });
        };
        if set.len() > self.max_keys {
            return Err(LoadError::TooManyKeys { url });
        }
        let keys: Vec<_> = set.iter().filter_map(VerifyingKey::from_jwk_value).collect();
        // What was skipped is not silent: somebody may wait for that key to work.
        if keys.len() < set.len() {
            tracing::info!(
                target: "tower_warden::jwks",
                url = &*url,
                skipped = set.len() - keys.len(),
                "keys that cannot verify tokens were skipped"
            );
        }
        if keys.is_empty() { Err(LoadError::NoUsableKey { url }) } else { Ok(KeySet::new(keys)) }
    }

    /// Asks within the limits, whatever the client makes of them.
    async fn get(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        deadline: Instant,
    ) -> Result<(Arc<str>, Response<Bytes>), LoadError> {
        let url: Arc<str> = uri.to_string().into();
        let unreachable =
            |source| LoadError::Unreachable { url: Arc::clone(&url), source: Arc::new(source) };
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = self.client.send(request, Limits::new(left, self.max_body));
        let response = tokio::time::timeout_at(deadline, answer)
            .await
            .unwrap_or(Err(FetchError::TimedOut))
            .map_err(unreachable)?;
        if response.body().len() > self.max_body {
            return Err(unreachable(FetchError::TooLarge));
        }
        Ok((url, response))
    }
}

fn sha256(bytes: &[u8]) -> [u8; digest::SHA256_OUTPUT_LEN] {
    let mut output = [0; digest::SHA256_OUTPUT_LEN];
    output.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    output
}
