//! The API, and whom it trusts.

use std::time::Duration;

use axum::Json;
use serde_json::{Value, json};
use tower_warden::ConfigError;
use tower_warden::authn::jwks::RemoteKeys;
use tower_warden::authn::jwt::Issuer;
use tower_warden::authz::{Rules, public, scope};
use tower_warden::frameworks::axum::methods::get;
use tower_warden::frameworks::axum::{GuardedRouter, Routes};
use tower_warden::principal::Principal;
use tower_warden::warden::Warden;

/// Whom the tokens have to be for.
pub(crate) const AUDIENCE: &str = "https://notes.example";

/// The issuer whose tokens are taken.
pub(crate) struct Trust(Issuer);

impl Trust {
    /// A provider on the network. Its keys are fetched when the first token comes.
    pub(crate) fn production(issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        Issuer::discover(issuer).audience(audience).build().map(Self)
    }

    /// One on this machine, over plain HTTP.
    pub(crate) fn development(issuer: &str) -> Result<Self, ConfigError> {
        let keys = RemoteKeys::discover(issuer)
            .insecure_allow_loopback_http()
            .cooldown(Duration::from_secs(1)) // so that the tour need not wait for 30 s
            .build()?;
        let issuer = Issuer::builder(issuer).audience(AUDIENCE).keys_from(keys);
        issuer.access_tokens_only().build().map(Self)
    }
}

pub(crate) fn service(trust: &Trust) -> Result<GuardedRouter, ConfigError> {
    let warden = Warden::builder()
        .trust_issuer(trust.0.clone())
        .rules(
            Rules::builder()
                .get("/health", public("load balancer probe"))
                .get("/notes", scope("notes:read")),
        )
        .build()?;
    // Refused when one of them has no rule, or a rule no route.
    warden.guard_routes(
        Routes::new().route("/health", get(async || "up")).route("/notes", get(notes)),
    )
}

async fn notes(principal: Principal) -> Json<Value> {
    Json(json!({ "of": principal.subject(), "notes": ["water the plants"] }))
}
