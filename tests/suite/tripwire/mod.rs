//! The tripwire: over the whole stack and over the rules alone, in memory and over sockets, in HTTP and gRPC.

mod grpc;
mod modes;
mod nested;
mod served;
mod streams;
mod verdicts;

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Extensions, Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::authz::object::{ActionKind, Guard, ObjectPolicy, Ruling};
use tower_warden::authz::{Access, PolicyError, Rules, RulesBuilder, RulesLayer};
use tower_warden::client_address::PeerAddress;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::warden::{Warden, WardenBuilder};

use crate::support::{Later, TestBody, get};

type BoxError = Box<dyn Error + Send + Sync>;
type AnyBody = UnsyncBoxBody<Bytes, BoxError>;
type Reply = Response<AnyBody>;
type Service = BoxCloneService<Request<TestBody>, Reply, Infallible>;
type Handler = Arc<dyn Fn(Extensions) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Whose it is decides, and `of` names what a denial is.
#[derive(Clone, Copy)]
struct Order(&'static str);

const MINE: Order = Order("ada");
const HIDDEN: Order = Order("eve");
const FORBIDDEN: Order = Order("forbidden");
const DOWN: Order = Order("down");

/// Objects of another type.
struct Draft;

struct Policies;

impl ObjectPolicy<Order> for Policies {
    fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        match order.0 {
            "forbidden" => Ruling::forbid(),
            "down" => Ruling::failed(PolicyError::unavailable("down")),
            owner => (caller.subject() == owner).into(),
        }
    }
}

impl ObjectPolicy<Draft> for Policies {
    fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, _: &'a Draft) -> Ruling<'a> {
        (caller.subject() == "ada").into()
    }
}

fn rules(access: impl Into<Access>) -> RulesBuilder {
    let objects =
        Rules::builder().object_policy::<Order>(Policies).object_policy::<Draft>(Policies);
    objects.any("/orders/{id}", access)
}

fn warden(rules: RulesBuilder) -> WardenBuilder {
    Warden::builder().authenticate(Later::new()).rules(rules)
}

/// Ada asks for an order, in a form that every stack here admits.
fn asked(headers: &[(&str, &str)]) -> Request<TestBody> {
    let mut request = get("/orders/7", headers);
    request.headers_mut().insert("x-later", "ada".parse().unwrap());
    let ada = Principal::builder("issuer", "ada", PrincipalKind::User, "Bearer");
    request.extensions_mut().insert(ada.build());
    request.extensions_mut().insert(PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000))));
    request
}

fn handler<F>(handler: impl Fn(Guard<Order>, Guard<Draft>) -> F + Send + Sync + 'static) -> Handler
where
    F: Future<Output = Reply> + Send + 'static,
{
    Arc::new(move |extensions| {
        let guards = (Guard::of(&extensions).unwrap(), Guard::of(&extensions).unwrap());
        Box::pin(handler(guards.0, guards.1))
    })
}

fn inner(handler: &Handler) -> Service {
    let handler = handler.clone();
    let inner = service_fn(move |request: Request<TestBody>| {
        let answer = handler(request.into_parts().0.extensions);
        async { Ok::<_, Infallible>(answer.await) }
    });
    BoxCloneService::new(inner)
}

fn layered<L, B>(layer: &L, service: Service) -> Service
where
    L: Layer<Service>,
    L::Service: tower::Service<Request<TestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    <L::Service as tower::Service<Request<TestBody>>>::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let boxed = |answer: Response<B>| answer.map(|body| body.map_err(Into::into).boxed_unsync());
    BoxCloneService::new(layer.layer(service).map_response(boxed))
}

/// The same handler behind the rules alone, and behind a whole stack.
fn stacks(access: &Access, handler: &Handler) -> [(&'static str, Service); 2] {
    let alone = RulesLayer::new(rules(access.clone()).build().unwrap());
    let whole = warden(rules(access.clone())).build().unwrap();
    [
        ("rules alone", layered(&alone, inner(handler))),
        ("a whole stack", layered(&whole, inner(handler))),
    ]
}

fn reply(status: u16) -> Reply {
    let body = TestBody::from("the order").map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).header("x-order", "7").body(body).unwrap()
}
