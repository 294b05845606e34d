//! What every public layer owes to tower: readiness, errors, cancellation and panics, over real tower services.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::util::MapRequestLayer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authz::object::{ActionKind, Guard, ObjectPolicy, Ruling};
use tower_warden::authz::{Rules, RulesBuilder, RulesLayer, authenticated, check_async, public};
use tower_warden::client_address::{ClientAddress, ClientAddressLayer, PeerAddress};
use tower_warden::gate::{Gate, GateLayer, Verdict};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
use tower_warden::rate_limit::concurrency::ConcurrencyLimitLayer;
use tower_warden::rate_limit::flow::Flow;
use tower_warden::rate_limit::{Key, Quota, RateLimitBuilder, RateLimitLayer};
use tower_warden::response_headers::ResponseHeadersLayer;
use tower_warden::sanitize::SanitizeLayer;
use tower_warden::testing::TestIssuer;
use tower_warden::warden::Warden;

use crate::support::{Later, TestBody, get, hello};

/// Makes the tests of one layer. `$request` is an expression for a request that the layer admits.
macro_rules! contract {
    ($name:ident, $layer:expr, $request:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn the_service_is_clone_send_sync() {
                fn assert<T: Clone + Send + Sync + 'static>(_: &T) {}
                let layer = $layer;
                assert(&layer);
                assert(&layer.layer(service_fn(hello)));
            }

            #[tokio::test]
            async fn it_works_over_a_buffer() {
                let service = $layer.layer(Buffer::new(service_fn(hello), 1));
                for _ in 0..3 {
                    let response =
                        service.clone().oneshot($request).await.map_err(|error| error.to_string());
                    assert_eq!(response.unwrap().status(), 200);
                }
            }

            #[tokio::test]
            async fn it_calls_the_service_that_was_ready() {
                // A concurrency limit panics when a clone is called that was never polled ready.
                let mut service = $layer.layer(ConcurrencyLimit::new(service_fn(hello), 1));
                for _ in 0..3 {
                    let response = service.ready().await.unwrap().call($request).await.unwrap();
                    assert_eq!(response.status(), 200);
                }
            }

            #[tokio::test]
            async fn a_service_that_is_not_ready_is_waited_for() {
                let (mock, mut handle) =
                    tower_test::mock::spawn_with(|mock: Mock| $layer.layer(mock));
                let mut mock = mock;
                handle.allow(0);
                assert!(mock.poll_ready().is_pending());
                handle.allow(1);
                assert!(mock.poll_ready().is_ready());
            }

            #[tokio::test]
            async fn a_dropped_future_gives_its_place_back() {
                let stuck = service_fn(async |_: Request<TestBody>| {
                    pending::<Result<Response<TestBody>, Infallible>>().await
                });
                let mut service = $layer.layer(ConcurrencyLimit::new(stuck, 1));
                let mut call = Box::pin(service.ready().await.unwrap().call($request));
                for _ in 0..3 {
                    assert!(futures_util::poll!(&mut call).is_pending());
                    tokio::task::yield_now().await;
                }
                drop(call);
                let freed = tokio::time::timeout(Duration::from_secs(5), service.ready()).await;
                assert!(freed.is_ok(), "the place is still taken");
            }

            #[tokio::test]
            async fn an_error_of_the_inner_service_passes_untouched() {
                let failing = service_fn(async |_: Request<TestBody>| {
                    Err::<Response<TestBody>, _>(InnerError(42))
                });
                let error: InnerError =
                    $layer.layer(failing).oneshot($request).await.err().unwrap();
                assert_eq!(error, InnerError(42));
            }

            #[tokio::test]
            async fn it_survives_a_panic_of_the_inner_service() {
                let moody = service_fn(async |request: Request<TestBody>| {
                    assert!(!request.headers().contains_key("x-panic"), "moody");
                    hello(request).await
                });
                let service = $layer.layer(moody);
                let mut bad = $request;
                bad.headers_mut().insert("x-panic", "1".parse().unwrap());
                let outcome = AssertUnwindSafe(service.clone().oneshot(bad)).catch_unwind().await;
                if let Ok(response) = outcome {
                    assert_eq!(response.unwrap().status(), 500);
                }
                assert_eq!(service.oneshot($request).await.unwrap().status(), 200);
            }
        }
    };
}

type Mock = tower_test::mock::Mock<Request<TestBody>, Response<TestBody>>;

#[derive(Debug, PartialEq, Eq)]
struct InnerError(u8);

impl fmt::Display for InnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inner error {}", self.0)
    }
}

impl Error for InnerError {}

#[derive(Clone, Debug)]
struct Open;

impl Gate for Open {
    type Pass = ();

    fn admit(&self, _head: &mut http::request::Parts) -> Verdict<()> {
        Verdict::admit(())
    }
}

/// Admits after it has been polled twice.
#[derive(Clone, Debug)]
struct Slow;

impl Gate for Slow {
    type Pass = ();

    fn admit(&self, _head: &mut http::request::Parts) -> Verdict<()> {
        Verdict::pending(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    }
}

contract!(a_ready_gate, GateLayer::new(Open), get("/", &[]));
contract!(a_pending_gate, GateLayer::new(Slow), get("/", &[]));
contract!(authentication, AuthenticateLayer::new(anyone()).optional(), get("/", &[]));
contract!(
    bandwidth_limit,
    BandwidthLimitLayer::by_address("contract", Quota::per_second(1_000)).build().unwrap(),
    from_client()
);
contract!(client_address, ClientAddressLayer::default(), from_peer());
contract!(
    concurrency_limit,
    ConcurrencyLimitLayer::by_address("contract", 1).overall(1).build().unwrap(),
    from_client()
);
contract!(
    flow,
    Flow::new("contract", Key::principal()).step("only", "GET /").build().unwrap(),
    from_principal()
);
contract!(rate_limit_by_address, limit(RateLimitLayer::by_address), from_client());
contract!(rate_limit_by_principal, limit(RateLimitLayer::by_principal), from_principal());
contract!(
    limit_of_failed_authentication,
    limit(RateLimitLayer::failed_authentication),
    from_client()
);
contract!(response_headers_for_apis, ResponseHeadersLayer::api(), get("/", &[]));
contract!(response_headers_for_pages, ResponseHeadersLayer::web(), get("/", &[]));
contract!(rules, RulesLayer::new(open_rules()), get("/", &[]));
contract!(rules_with_a_pending_check, RulesLayer::new(slow_rules()), from_principal());
contract!(
    rules_with_a_tripwire,
    (RulesLayer::new(serving_rules().build().unwrap()), skipping()),
    from_principal()
);
contract!(sanitize, SanitizeLayer::new(), get("/", &[]));
contract!(warden, a_warden(), from_peer());
contract!(warden_that_waits_twice, a_waiting_warden(), from_peer_later());
contract!(warden_with_a_tripwire, (a_serving_warden(), skipping()), from_peer_later());

fn from_peer() -> Request<TestBody> {
    let mut request = get("/", &[]);
    request.extensions_mut().insert(PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000))));
    request
}

fn from_peer_later() -> Request<TestBody> {
    let mut request = from_peer();
    request.headers_mut().insert("x-later", "ada".parse().unwrap());
    request
}

fn from_client() -> Request<TestBody> {
    let mut request = get("/", &[]);
    request.extensions_mut().insert(ClientAddress::new(IpAddr::from([192, 0, 2, 1])));
    request
}

fn from_principal() -> Request<TestBody> {
    let mut request = get("/", &[]);
    request
        .extensions_mut()
        .insert(Principal::builder("issuer", "ada", PrincipalKind::User, "Bearer").build());
    request
}

fn limit(builder: fn(&'static str, Quota) -> RateLimitBuilder) -> RateLimitLayer {
    builder("contract", Quota::per_second(100)).build().unwrap()
}

fn open_rules() -> Rules {
    Rules::builder().get("/", public("contract")).build().unwrap()
}

fn slow_rules() -> Rules {
    let slow = check_async("slow", |_, _| async {
        tokio::task::yield_now().await;
        Ok(true)
    });
    Rules::builder().get("/", slow).build().unwrap()
}

struct Loom;

struct Nobody;

impl ObjectPolicy<Loom> for Nobody {
    fn judge<'a>(&'a self, _: &'a Principal, _: ActionKind, _: &'a Loom) -> Ruling<'a> {
        Ruling::forbid()
    }
}

fn serving_rules() -> RulesBuilder {
    Rules::builder().object_policy(Nobody).get("/", authenticated().serving::<Loom>())
}

/// What the handler of a route that serves objects would do: without it, no success leaves.
fn skipping() -> MapRequestLayer<fn(Request<TestBody>) -> Request<TestBody>> {
    MapRequestLayer::new(|request| {
        Guard::<Loom>::of(request.extensions()).unwrap().skip("contract");
        request
    })
}

fn a_serving_warden() -> Warden {
    Warden::builder().authenticate(Later::new()).rules(serving_rules()).build().unwrap()
}

fn a_warden() -> Warden {
    Warden::builder().rules(open_rules()).build().unwrap()
}

fn a_waiting_warden() -> Warden {
    Warden::builder().authenticate(Later::new()).rules(slow_rules()).build().unwrap()
}

fn anyone() -> BearerAuthenticator {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    BearerAuthenticator::new(JwtValidator::new(issuer.trust().unwrap()))
}

#[tokio::test]
async fn the_inner_service_is_not_called_before_a_pending_verdict_resolves() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<TestBody>, Response<TestBody>>();
    let mut service = GateLayer::new(Slow).layer(inner);
    handle.allow(1);
    let mut call = Box::pin(service.ready().await.unwrap().call(get("/", &[])));
    assert!(futures_util::poll!(&mut call).is_pending());
    assert!(matches!(futures_util::poll!(Box::pin(handle.next_request())), Poll::Pending));
    assert!(futures_util::poll!(&mut call).is_pending());
    let (_, respond) = handle.next_request().await.unwrap();
    respond.send_response(Response::new(TestBody::default()));
    assert_eq!(call.await.unwrap().status(), 200);
}
