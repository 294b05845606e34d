//! Opaque tokens: a real authorization server on a loopback port is asked about each, through the real authentication
//! layer.

mod answers;
mod failures;
mod memory;
mod questions;
mod server;
mod shapes;
mod signed;
mod tls;

use std::time::Duration;

use serde_json::{Value, json};
use tower_warden::Principal;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::introspection::{IntrospectionValidator, IntrospectionValidatorBuilder};
use tower_warden::authn::{Attempt, AuthenticateLayer, TokenValidator};
use tower_warden::rejection::Rejection;
use tower_warden::testing::FakeClock;

use self::server::{HyperClient, Server};
use crate::support::{Answer, get, through};

const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://api.example";
const NOW: u64 = 1_800_000_000;
const TOKEN: &str = "mF_9.B5f-4.1JqM";

/// A good answer, for 300 s from [`NOW`].
fn active() -> Value {
    json!({"active": true, "sub": "ada", "aud": AUDIENCE, "scope": "orders:read", "exp": NOW + 300})
}

/// The same with some members changed, or left out where they are null.
fn active_but(changes: &Value) -> Value {
    let mut answer = active();
    let members = answer.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    answer
}

fn builder(server: &Server) -> IntrospectionValidatorBuilder {
    IntrospectionValidator::builder(server.endpoint(), ISSUER)
        .insecure_plain_loopback()
        .audience(AUDIENCE)
        .client_secret("orders-api", "s3cret")
        .http_client(HyperClient::default())
        .timeout(Duration::from_secs(30)) // a busy machine is no failure
        .clock(FakeClock::at_unix(NOW))
}

fn validator(server: &Server) -> IntrospectionValidator {
    builder(server).build().unwrap()
}

fn layer(validator: impl TokenValidator) -> AuthenticateLayer {
    AuthenticateLayer::new(BearerAuthenticator::new(validator))
}

async fn send(layer: &AuthenticateLayer, token: &str) -> Answer {
    through(layer, get("/", &[("authorization", &format!("Bearer {token}"))])).await
}

/// What the validator says of a token, without a layer around it.
async fn judge(validator: &impl TokenValidator, token: &str) -> Result<Principal, Rejection> {
    match validator.attempt(token.into()) {
        Attempt::Ready(outcome) => outcome,
        Attempt::Pending(outcome) => outcome.await,
    }
}

/// The reason for which the validator refuses a token.
async fn reason(validator: &impl TokenValidator, token: &str) -> &'static str {
    judge(validator, token).await.map_or_else(|refused| refused.reason(), |_| "admitted")
}
