use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::TestIssuer;
use crate::http_client::{HttpClient, Limits, ResponseFuture};

/// An [`HttpClient`] that answers as an issuer's own server would, without a network: with its metadata, at the address of
/// OpenID Connect Discovery, and with the key set that they name.
///
/// Cheap to clone; clones publish the same keys.
///
/// ```
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http::Request;
/// use tower_warden::http_client::{HttpClient, Limits};
/// use tower_warden::testing::{KeyPublisher, TestIssuer};
///
/// let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
/// let publisher = KeyPublisher::new(&issuer);
/// let keys = Request::get("https://issuer.example/jwks").body(Bytes::new())?;
/// let limits = Limits::new(std::time::Duration::from_secs(5), 65_536);
/// assert_eq!(publisher.send(keys, limits).await?.body(), &issuer.jwks());
///
/// let other = Request::get("https://issuer.example/other").body(Bytes::new())?;
/// assert_eq!(publisher.send(other, limits).await?.status(), 404);
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(doc()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct KeyPublisher {
    issuer: String,
    keys: Arc<Mutex<Vec<Value>>>,
}

impl KeyPublisher {
    /// Publishes the key of `issuer`, under its name.
    #[must_use]
    pub fn new(issuer: &TestIssuer) -> Self {
        let this = Self { issuer: issuer.name().to_owned(), keys: Arc::default() };
        this.publish(&[issuer]);
        this
    }

    /// Publishes the keys of these in place of the present ones. To let a key rotate, give another issuer of the same name
    /// with another key id ([`TestIssuer::with_key_id`]).
    pub fn publish(&self, issuers: &[&TestIssuer]) {
        let keys = issuers.iter().map(|issuer| issuer.public_jwk()).collect();
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn answer(&self, address: &str) -> Option<Value> {
        let base = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        match address.strip_prefix(base)? {
            "/.well-known/openid-configuration" => {
                Some(json!({"issuer": self.issuer, "jwks_uri": format!("{base}/jwks")}))
            }
            "/jwks" => {
                Some(json!({"keys": *self.keys.lock().unwrap_or_else(PoisonError::into_inner)}))
            }
            _ => None,
        }
    }
}

impl HttpClient for KeyPublisher {
    fn send(&self, request: Request<Bytes>, _: Limits) -> ResponseFuture {
        let answer = self.answer(&request.uri().to_string());
        let mut response = Response::new(Bytes::new());
        match answer {
            Some(document) => *response.body_mut() = document.to_string().into(),
            None => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        Box::pin(ready(Ok(response)))
    }
}
