//! Rate limiting by neighbours: by address and by a header, with one key and with many, admitting and refusing.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum_gcra::real_ip::RealIp;
use governor::clock::QuantaInstant;
use governor::middleware::NoOpMiddleware;
use http::{HeaderValue, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::{KeyExtractor, PeerIpKeyExtractor};
use tower_governor::{GovernorError, GovernorLayer};

use crate::harness::{Case, Run, case, get, service};

const MANY: u32 = 100_000;

/// The inner service with axum's body, which tower_governor's refusals need.
fn bare() -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(async |_request: Request<Body>| Ok(Response::new(Body::empty())))
}

pub(crate) fn bare_case() -> Case {
    case("an empty 200, caller's address and account known", || {
        service(bare(), from_callers(1), 200)
    })
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("tower_governor by peer address, 1 key", || by_address(1)),
        case("tower_governor by peer address, 100,000 keys", || by_address(MANY)),
        case("tower_governor by header, 1 key", || by_account(1)),
        case("tower_governor by header, 100,000 keys", || by_account(MANY)),
        case("tower_governor by peer address, fields on success", || {
            let config = plenty(PeerIpKeyExtractor).use_headers().finish().expect("a valid quota");
            let layer = GovernorLayer::new(config);
            Box::new(service(layer.layer(bare()), from_callers(1), 200)) as Run
        }),
        case("tower_governor by peer address, refusing", refusing),
        case("axum_gcra by address, 1 key", || axum_gcra(1)),
        case("axum_gcra by address, 100,000 keys", || axum_gcra(MANY)),
        case("tokio-rate-limit by address, 1 key", || tokio_rate_limit(1)),
        case("tokio-rate-limit by address, 100,000 keys", || tokio_rate_limit(MANY)),
    ]
}

/// Requests of so many callers in turn, each with a peer address and an account.
fn from_callers(callers: u32) -> impl Fn() -> Request<Body> + 'static {
    let request = get("/", &[("x-account", "0000000000")]);
    let accounts: Vec<HeaderValue> =
        (0..callers).map(|n| HeaderValue::from_str(&account(n)).expect("digits")).collect();
    let next = Cell::new(0);
    move || {
        let caller = (next.get() + 7_919) % callers; // a prime: neighbours in time are none in memory
        next.set(caller);
        let mut request: Request<Body> = request();
        request.headers_mut().insert("x-account", accounts[caller as usize].clone());
        request.extensions_mut().insert(RealIp(address(caller)));
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address(caller), 50_000)));
        request
    }
}

fn address(caller: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + caller).into()
}

fn account(caller: u32) -> String {
    format!("{caller:010}")
}

/// A quota that no loop can use up.
fn plenty<K: KeyExtractor>(key: K) -> GovernorConfigBuilder<K, NoOpMiddleware<QuantaInstant>> {
    let mut config = GovernorConfigBuilder::default().key_extractor(key);
    config.per_nanosecond(1).burst_size(1_000_000);
    config
}

pub(crate) fn by_address_layer()
-> GovernorLayer<PeerIpKeyExtractor, NoOpMiddleware<QuantaInstant>, Body> {
    GovernorLayer::new(plenty(PeerIpKeyExtractor).finish().expect("a valid quota"))
}

fn by_address(callers: u32) -> Run {
    let config = plenty(PeerIpKeyExtractor).finish().expect("a valid quota");
    for caller in 0..callers {
        config.limiter().check_key(&address(caller)).expect("the quota is plenty");
    }
    Box::new(service(GovernorLayer::new(config).layer(bare()), from_callers(callers), 200))
}

/// A key as text, as one would limit by user or API key.
#[derive(Clone)]
struct Account;

impl KeyExtractor for Account {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let account = request.headers().get("x-account").and_then(|value| value.to_str().ok());
        account.map(str::to_owned).ok_or(GovernorError::UnableToExtractKey)
    }
}

fn by_account(callers: u32) -> Run {
    let config = plenty(Account).finish().expect("a valid quota");
    for caller in 0..callers {
        config.limiter().check_key(&account(caller)).expect("the quota is plenty");
    }
    Box::new(service(GovernorLayer::new(config).layer(bare()), from_callers(callers), 200))
}

fn axum_gcra(callers: u32) -> Run {
    let burst = NonZeroU64::new(1_000_000).expect("not zero");
    let quota = axum_gcra::gcra::Quota::new(Duration::from_nanos(1), burst);
    let layer = axum_gcra::RateLimitLayer::<RealIp>::builder().with_default_quota(quota).build();
    let mut run = service(layer.layer(bare()), from_callers(callers), 200);
    run(callers.into());
    Box::new(run)
}

/// The client's address, from the same extension as tower_governor's.
#[derive(Clone)]
struct Peer;

impl tokio_rate_limit::middleware::KeyExtractor for Peer {
    fn extract(&self, request: &Request<Body>) -> Option<String> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(peer.0.ip().to_string())
    }
}

fn tokio_rate_limit(callers: u32) -> Run {
    let limiter = tokio_rate_limit::RateLimiter::builder();
    let limiter = limiter.requests_per_second(1_000_000).burst(1_000_000).build();
    let limiter = Arc::new(limiter.expect("a valid quota"));
    let layer = tokio_rate_limit::middleware::RateLimitLayer::with_extractor(limiter, Peer);
    let mut run = service(layer.layer(bare()), from_callers(callers), 200);
    run(callers.into());
    Box::new(run)
}

fn refusing() -> Run {
    let mut config = GovernorConfigBuilder::default();
    let config = config.per_second(3600).burst_size(1).finish().expect("a valid quota");
    config.limiter().check_key(&address(0)).expect("the first request is admitted");
    Box::new(service(GovernorLayer::new(config).layer(bare()), from_callers(1), 429))
}
