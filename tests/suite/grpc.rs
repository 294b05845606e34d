//! The whole stack in front of a real tonic server, over a real socket, asked by a real tonic client; and by a plain
//! HTTP/2 client where the wire form counts.

mod failures;
mod mill;
mod proofs;
mod refusals;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, ApiKeyStore};
use tower_warden::authn::issued_key::{IssuedKey, KeyId, KeyPrefix, Lookup, Secret, StoreError};
use tower_warden::authz::{Rules, authenticated, public, role, scope};
use tower_warden::testing::TestIssuer;
use tower_warden::warden::{Warden, WardenBuilder};

use self::mill::Mill;
use crate::orders_v1::health_server::HealthServer;
use crate::orders_v1::orders_client::OrdersClient;
use crate::orders_v1::orders_server::OrdersServer;
use crate::orders_v1::{GetRequest, Order};

const SECRET: &str = "db-7.internal";
const GET: &str = "/orders.v1.Orders/Get";

/// A key store that is down.
#[derive(Debug)]
struct Down;

impl ApiKeyStore for Down {
    fn find(&self, _: KeyId) -> Lookup<Arc<ApiKeyRecord>> {
        Lookup::Ready(Err(StoreError::new(SECRET).retry_after(Duration::from_secs(7))))
    }
}

/// A key that is well-formed, for the store to be asked about.
pub(crate) fn some_key() -> Secret {
    IssuedKey::generate(&KeyPrefix::new("acme").unwrap()).unwrap().key
}

/// A running server and those who call it.
pub(crate) struct Running {
    address: SocketAddr,
    issuer: TestIssuer,
    calls: Arc<AtomicUsize>,
    channel: Channel,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(|warden| warden).await
    }

    pub(crate) async fn with(configure: impl FnOnce(WardenBuilder) -> WardenBuilder) -> Self {
        let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
        let rules = Rules::builder()
            .grpc("/orders.v1.Health/Check", public("probe"))
            .grpc(GET, scope("orders:read"))
            .grpc("/orders.v1.Orders/List", scope("orders:read"))
            .grpc("/orders.v1.Orders/Create", scope("orders:write"))
            .grpc("/orders.v1.Orders/Delete", role("admin"))
            .grpc_service("orders.v2.Orders", authenticated());
        let warden: Warden = configure(
            Warden::builder()
                .trust_issuer(issuer.trust())
                .authenticate(ApiKeyAuthenticator::new(Down))
                .rules(rules),
        )
        .build()
        .unwrap();
        let mill = Mill::default();
        let calls = mill.calls.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .layer(warden)
            .add_service(OrdersServer::new(mill.clone()))
            .add_service(HealthServer::new(mill));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self { address, issuer, calls, channel: endpoint.connect().await.unwrap() }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn orders(&self) -> OrdersClient<Channel> {
        OrdersClient::new(self.channel.clone())
    }

    /// What a reader's call for the order `id` comes to.
    pub(crate) async fn get(&self, id: u64) -> Result<Order, Status> {
        let request = with(&[("authorization", &self.reader())], GetRequest { id });
        self.orders().get(request).await.map(Response::into_inner)
    }

    pub(crate) fn reader(&self) -> String {
        self.bearer("ada")
    }

    fn bearer(&self, subject: &str) -> String {
        format!("Bearer {}", self.issuer.token(subject).scope("orders:read").sign())
    }

    pub(crate) fn handler_calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

pub(crate) fn with<M>(metadata: &[(&'static str, &str)], message: M) -> Request<M> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn field<'m>(metadata: &'m MetadataMap, name: &str) -> &'m str {
    metadata.get(name).map_or("", |value| value.to_str().unwrap())
}
