//! A service on a real socket behind the whole stack, which trusts the provider.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower_warden::Warden;
use tower_warden::authn::TokenValidator;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwks::{RemoteKeys, RemoteKeysBuilder};
use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::authz::{Rules, scope};
use tower_warden::principal::Principal;
use tower_warden::testing::FakeClock;
use tower_warden::warden::WardenBuilder;

use super::Provider;
use crate::support::Answer;

/// Answers `GET /orders` to those with `orders:read`, and says who asks. Runs until it is dropped.
pub(super) struct Service {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    _task: JoinSet<()>,
}

impl Service {
    /// A service behind a stack with these schemes.
    pub(super) async fn behind(schemes: WardenBuilder) -> Self {
        let warden = schemes
            .rules(Rules::builder().get("/orders", scope("orders:read")))
            .insecure_without_rate_limits() // tests come from one address, with very many requests
            .build()
            .unwrap();
        let answer = async |who: Principal| format!("{} by {}", who.subject(), who.scheme());
        let service = warden.guard(Router::new().route("/orders", get(answer)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(async { axum::serve(listener, service.into_make_service()).await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, client, _task: task }
    }

    /// A service that takes the bearer tokens that `validator` takes.
    pub(super) async fn of(validator: impl TokenValidator) -> Self {
        Self::behind(Warden::builder().authenticate(BearerAuthenticator::new(validator))).await
    }

    pub(super) async fn ask(&self, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(format!("http://{}/orders", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).unwrap();
        Answer::read(self.client.request(request).await.unwrap()).await
    }

    /// The answer to a bearer token.
    pub(super) async fn bearer(&self, token: &str) -> Answer {
        self.ask(&[("authorization", &format!("Bearer {token}"))]).await
    }
}

impl Provider {
    /// Its keys, by discovery.
    pub(super) fn keys(&self) -> RemoteKeysBuilder {
        RemoteKeys::discover(self.issuer()).insecure_allow_loopback_http()
    }

    /// The service that its access tokens for `audience` are for.
    pub(super) fn trusted_for(&self, audience: &str, keys: RemoteKeys) -> JwtValidator {
        let issuer = Issuer::builder(self.issuer()).audience(audience).access_tokens_only();
        JwtValidator::new(issuer.keys_from(keys).build().unwrap())
    }

    /// The same with keys by discovery and nothing said beyond that.
    pub(super) fn trusted(&self, audience: &str) -> JwtValidator {
        self.trusted_for(audience, self.keys().build().unwrap())
    }
}

/// A clock to turn, that begins at the provider's time.
pub(super) fn clock() -> FakeClock {
    FakeClock::at_unix(now().as_secs())
}

pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Waits for something that happens elsewhere.
pub(super) async fn until(happened: impl AsyncFn() -> bool) {
    let waiting = async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(seconds(20), waiting).await.expect("it never happened");
}
