//! Rules before gRPC methods of every shape, over a real tonic server and over a router of axum that serves tonic beside.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::uri::PathAndQuery;
use tokio::net::TcpListener;
use tonic::server::{Grpc, NamedService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};
use tower_warden::authz::{
    PolicyError, Rules, RulesBuilder, all_of, any_of, authenticated, check, check_async, not,
    public, role, scope,
};
use tower_warden::frameworks::axum::Routes;
use tower_warden::frameworks::axum::methods::get;
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use crate::orders_v1::{GetRequest, Order};

/// A service with a method of each streaming shape: `List` (server), `Sum` (client), `Chat` (both).
#[derive(Clone, Default)]
pub(super) struct Streams {
    calls: Arc<AtomicUsize>,
}

impl NamedService for Streams {
    const NAME: &'static str = "streams.v1.Streams";
}

fn order(id: u64) -> Order {
    Order { id, ..Order::default() }
}

impl<B> Service<http::Request<B>> for Streams
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut grpc = Grpc::new(ProstCodec::<Order, GetRequest>::default());
        Box::pin(async move {
            Ok(match request.uri().path().rsplit('/').next() {
                Some("List") => {
                    let list = service_fn(async |request: Request<GetRequest>| {
                        let ids = 0..request.into_inner().id;
                        Ok::<_, Status>(Response::new(stream::iter(ids.map(|id| Ok(order(id))))))
                    });
                    grpc.server_streaming(list, request).await
                }
                Some("Sum") => {
                    let sum = service_fn(async |request: Request<Streaming<GetRequest>>| {
                        let asked: Vec<_> = request.into_inner().try_collect().await?;
                        Ok(Response::new(order(asked.iter().map(|asked| asked.id).sum())))
                    });
                    grpc.client_streaming(sum, request).await
                }
                _ => {
                    let chat = service_fn(async |request: Request<Streaming<GetRequest>>| {
                        let asked = request.into_inner();
                        Ok::<_, Status>(Response::new(asked.map_ok(|asked| order(asked.id))))
                    });
                    grpc.streaming(chat, request).await
                }
            })
        })
    }
}

/// A running server, and who calls it.
pub(super) struct Running {
    issuer: TestIssuer,
    calls: Arc<AtomicUsize>,
    channel: Channel,
}

impl Running {
    /// On tonic's own server.
    pub(super) async fn on_tonic(rules: RulesBuilder) -> Self {
        let (issuer, warden) = guard(rules);
        let streams = Streams::default();
        let calls = streams.calls.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder().layer(warden).add_service(streams);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self::connect(address, issuer, calls).await
    }

    /// On axum, beside routes of its own; covered by the rules.
    async fn on_axum(rules: RulesBuilder, methods: &[&str]) -> Self {
        let (issuer, warden) = guard(rules);
        let streams = Streams::default();
        let calls = streams.calls.clone();
        let routes = Routes::new().route("/health", get(async || "up"));
        let routes = routes.grpc(streams.clone(), methods.iter().copied()).grpc_service(streams);
        let service = warden.guard_routes(routes).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, service.into_make_service()).into_future());
        Self::connect(address, issuer, calls).await
    }

    async fn connect(address: SocketAddr, issuer: TestIssuer, calls: Arc<AtomicUsize>) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self { issuer, calls, channel: endpoint.connect().await.unwrap() }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn token(&self, scope: &str) -> String {
        format!("Bearer {}", self.issuer.token("ada").scope(scope).sign())
    }

    /// Calls a method of any shape: on the wire all are streams.
    pub(super) async fn call(
        &self,
        path: &str,
        token: &str,
        asked: impl Stream<Item = u64> + Send + 'static,
    ) -> Result<Vec<u64>, Status> {
        let mut request = Request::new(asked.map(|id| GetRequest { id }));
        if !token.is_empty() {
            request.metadata_mut().insert("authorization", token.parse().unwrap());
        }
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let codec = ProstCodec::<GetRequest, Order>::default();
        let answer =
            client.streaming(request, path.parse::<PathAndQuery>().unwrap(), codec).await?;
        answer.into_inner().map_ok(|order: Order| order.id).try_collect().await
    }
}

fn guard(rules: RulesBuilder) -> (TestIssuer, Warden) {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
    (issuer, warden)
}

const LIST: &str = "/streams.v1.Streams/List";
const SUM: &str = "/streams.v1.Streams/Sum";
const CHAT: &str = "/streams.v1.Streams/Chat";

fn rules() -> RulesBuilder {
    Rules::builder().group("/", authenticated(), |rules| {
        rules.grpc(LIST, scope("list")).grpc(SUM, scope("sum")).grpc(CHAT, scope("chat"))
    })
}

async fn each_shape_is_decided_by_its_rule(server: &Running) {
    for (path, scope, asked, answered) in [
        (LIST, "list", vec![3], vec![0, 1, 2]),
        (SUM, "sum", vec![3, 4, 5], vec![12]),
        (CHAT, "chat", vec![3, 4, 5], vec![3, 4, 5]),
    ] {
        let before = server.calls();
        // Streams that never end: the refusal does not wait for them.
        let endless = || stream::repeat(1).take(2).chain(stream::pending());
        let other = server.call(path, &server.token("other"), endless()).await.unwrap_err();
        assert_eq!(other.code(), Code::PermissionDenied, "{path}");
        let nobody = server.call(path, "", endless()).await.unwrap_err();
        assert_eq!(nobody.code(), Code::Unauthenticated, "{path}");
        assert_eq!(server.calls(), before, "{path}");

        let asked = stream::iter(asked);
        let answer = server.call(path, &server.token(scope), asked).await.unwrap();
        assert_eq!((answer, server.calls()), (answered, before + 1), "{path}");
    }
}

#[tokio::test]
async fn z1_g2_streams_of_every_shape_are_decided_by_their_rules() {
    let server = Running::on_tonic(rules()).await;
    each_shape_is_decided_by_its_rule(&server).await;
    let token = server.token("list sum chat");
    let undeclared = server.call("/streams.v1.Streams/Drop", &token, stream::pending()).await;
    assert_eq!(undeclared.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn z1_g2_a_router_of_axum_proves_the_methods_of_a_tonic_service_too() {
    let with_health = rules().get("/health", public("probe"));
    let all = with_health.grpc_service("streams.v1.Streams", role("operator"));
    let server = Running::on_axum(all, &["List", "Sum", "Chat"]).await;
    each_shape_is_decided_by_its_rule(&server).await;
    let token = server.token("list sum chat");
    let other = server.call("/streams.v1.Streams/Other", &token, stream::pending()).await;
    assert_eq!(other.unwrap_err().code(), Code::PermissionDenied);
}

#[test]
fn z1_a_method_of_a_tonic_service_without_a_rule_is_told() {
    let (_, warden) = guard(rules().grpc("/streams.v1.Streams/Gone", role("x")));
    let streams = Streams::default();
    let routes = Routes::new().grpc(streams, ["List", "Sum", "Chat", "Drop"]);
    let error = warden.guard_routes(routes).unwrap_err();
    let told: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "POST /streams.v1.Streams/Drop: has no rule",
            "POST /streams.v1.Streams/Gone: matches no route",
        ]
    );
    let proof = warden.rules().prove_grpc(&[(Streams::NAME, &["List", "Sum", "Chat", "Drop"])]);
    assert_eq!(proof.unwrap_err(), error);
}

/// Panics without the output of the panic hook.
fn panicking() -> bool {
    std::panic::resume_unwind(Box::new("a panic in a check"))
}

#[tokio::test]
async fn z9_a_check_that_fails_panics_or_takes_too_long_denies_over_grpc() {
    let instant = std::time::Duration::from_millis(1);
    let down = || check_async("d", |_, _| async { Err(PolicyError::unavailable("db-7")) });
    for (policy, code) in [
        (check("p", |_, _| panicking()), Code::PermissionDenied),
        (check_async("p", |_, _| async { Ok(panicking()) }), Code::PermissionDenied),
        (check_async("e", |_, _| async { Err(PolicyError::new("db-7")) }), Code::PermissionDenied),
        (
            tower_warden::authz::check_async_within(instant, "t", |_, _| std::future::pending()),
            Code::PermissionDenied,
        ),
        (down(), Code::Unavailable),
        (not(down()), Code::Unavailable),
        // A denial counts before a failure.
        (all_of([down(), role("admin")]), Code::PermissionDenied),
        (any_of([down(), scope("chat")]), Code::Ok),
    ] {
        let text = policy.to_string();
        let server = Running::on_tonic(Rules::builder().grpc(CHAT, policy)).await;
        let answer = server.call(CHAT, &server.token("chat"), stream::iter([1])).await;
        let (told, message) = match &answer {
            Ok(_) => (Code::Ok, ""),
            Err(status) => (status.code(), status.message()),
        };
        assert_eq!(told, code, "{text}");
        assert!(!message.contains("db-7"), "{text}: {message}");
        assert_eq!(server.calls(), usize::from(code == Code::Ok), "{text}");
        if let (Code::Unavailable, Err(status)) = (code, answer) {
            assert_eq!(
                status.metadata().get("retry-after").map(|after| after.to_str().unwrap()),
                Some("5")
            );
        }
    }
}
