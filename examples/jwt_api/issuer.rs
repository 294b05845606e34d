//! An issuer for development: real signed tokens, metadata and keys over HTTP on this machine.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_warden::testing::{TestIssuer, TestToken};

use crate::app::AUDIENCE;

/// Serves until it is stopped or dropped.
pub(crate) struct DevelopmentIssuer {
    name: String,
    key: TestIssuer,
    published: Arc<Mutex<Value>>,
    server: JoinHandle<()>,
}

impl DevelopmentIssuer {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let name = format!("http://{}", listener.local_addr()?);
        let key = TestIssuer::new(&name, AUDIENCE).with_key_id("first");
        let published = Arc::new(Mutex::new(set_of(&key)));

        let metadata = json!({ "issuer": name, "jwks_uri": format!("{name}/jwks") });
        let keys = Arc::clone(&published);
        let routes = Router::new()
            .route("/.well-known/oauth-authorization-server", get(async || Json(metadata)))
            .route(
                "/jwks",
                get(async move || {
                    Json(keys.lock().unwrap_or_else(PoisonError::into_inner).clone())
                }),
            );
        let server = tokio::spawn(async {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { name, key, published, server })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn token(&self, subject: &str) -> TestToken {
        self.key.token(subject)
    }

    /// Signs with a new key from now on, and withdraws the old one.
    pub(crate) fn rotate(&mut self) {
        self.key = TestIssuer::new(&self.name, AUDIENCE).with_key_id("second");
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = set_of(&self.key);
    }

    /// Answers nobody any more.
    pub(crate) fn stop(&self) {
        self.server.abort();
    }
}

impl Drop for DevelopmentIssuer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn set_of(issuer: &TestIssuer) -> Value {
    json!({ "keys": [issuer.public_jwk()] })
}
