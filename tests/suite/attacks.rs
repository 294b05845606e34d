//! What an attacker, a careless integrator or bad weather tries. Each name says what holds nevertheless.

mod answers;
mod bindings;
mod dependencies;
mod function_level;
pub(crate) mod hostile_tokens;
mod limits;
mod methods;
mod objects;
mod paths;
mod properties;
mod readings;
mod stacks;
mod tenants;
mod token_properties;
mod tokens;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use http::Request;
use http::request::Builder;
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
use tower_warden::authn::issued_key::{Holder, IssuedKey};
use tower_warden::client_address::PeerAddress;
use tower_warden::warden::{Warden, WardenBuilder};

use crate::support::{Answer, ask};
use crate::witness::issue;

/// A request as a server hands it on: with the address of its peer.
fn from_peer(request: Builder) -> Request<Body> {
    let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000)));
    request.extension(peer).body(Body::empty()).unwrap()
}

/// Sends one request through `warden` to `router`.
async fn send(warden: &Warden, router: &Router, request: Builder) -> Answer {
    ask(warden.guard(router.clone()), from_peer(request)).await
}

/// A warden that takes API keys in `x-api-key`, and the one key that is good: its holder has the scope `read`.
fn with_api_key() -> (WardenBuilder, IssuedKey) {
    let issued = issue();
    let store = MemoryApiKeyStore::new();
    let holder = Holder::new("billing").scope("read");
    store.insert(ApiKeyRecord::builder(issued.id, issued.hash, holder).build().unwrap());
    (Warden::builder().authenticate(ApiKeyAuthenticator::new(store)), issued)
}
