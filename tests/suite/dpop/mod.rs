//! Tokens bound to a key, with proofs of real keys, through the real authentication layer; over a real socket in `wire`.

mod bindings;
mod hostile;
mod nonces;
mod proofs;
pub(crate) mod redis_server;
mod replay;
mod wire;

use std::time::Duration;

use http::Method;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::dpop::{DpopAuthenticator, DpopBuilder};
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::clock::Clock;
use tower_warden::testing::{FakeClock, TestDpopKey, TestDpopProof, TestIssuer, TestToken};

use crate::support::{Answer, request, through};

const NOW: u64 = 1_800_000_000;
const API: &str = "https://api.example";
const ORDERS: &str = "https://api.example/orders";
const CHALLENGE: &str = r#"DPoP realm="api", algs="ES256 EdDSA Ed25519""#;

/// What a 401 says of DPoP when it was tried and failed.
fn challenge_with(error: &str) -> String {
    format!(r#"{CHALLENGE}, error="{error}""#)
}

/// An issuer, a client with a key, and a clock that stands still.
#[derive(Clone)]
struct World {
    issuer: TestIssuer,
    key: TestDpopKey,
    clock: FakeClock,
}

impl World {
    fn new() -> Self {
        Self {
            issuer: TestIssuer::new("https://issuer.example", API),
            key: TestDpopKey::new(),
            clock: FakeClock::at_unix(NOW),
        }
    }

    fn validator(&self) -> JwtValidator {
        let issuer = self.issuer.trust().unwrap();
        JwtValidator::builder().issuer(issuer).clock(self.clock.clone()).build().unwrap()
    }

    fn builder(&self) -> DpopBuilder {
        DpopAuthenticator::builder(self.validator()).external_url(API).clock(self.clock.clone())
    }

    fn layer(&self) -> AuthenticateLayer {
        AuthenticateLayer::new(self.builder().build().unwrap())
    }

    /// Bearer and DPoP side by side.
    fn both(&self) -> AuthenticateLayer {
        AuthenticateLayer::new(BearerAuthenticator::new(self.validator()))
            .or(self.builder().build().unwrap())
    }

    fn unbound(&self) -> TestToken {
        self.issuer.token("ada").issued_at(self.clock.unix().as_secs())
    }

    /// A token bound to the client's key.
    fn token(&self) -> String {
        self.unbound().bound_to(&self.key).sign()
    }

    /// The proof that goes with `token` and GET /orders.
    fn proof(&self, token: &str) -> TestDpopProof {
        self.key.proof("GET", ORDERS).token(token).issued_at(self.clock.unix())
    }
}

/// GET /orders with this token and this proof.
async fn send(layer: &AuthenticateLayer, token: &str, proof: &str) -> Answer {
    ask(layer, Method::GET, "/orders", token, &[proof]).await
}

async fn ask(
    layer: &AuthenticateLayer,
    method: Method,
    path: &str,
    token: &str,
    proofs: &[&str],
) -> Answer {
    let authorization = format!("DPoP {token}");
    let mut headers = vec![("authorization", &*authorization)];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    through(layer, request(method, path, &headers)).await
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
