//! Rate limits in real Redis servers, which the tests start, kill, stop and fill.

mod bytes;
mod outages;
mod processes;
pub(crate) mod server;
mod topologies;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::future::join_all;
use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_warden::authn::api_key::{ApiKeyAuthenticator, MemoryApiKeyStore};
use tower_warden::authz::{Rules, public};
use tower_warden::client_address::PeerAddress;
use tower_warden::rate_limit::{
    Key, Lease, Limit, Quota, RateLimitBuilder, RateLimitLayer, RedisStore, RedisStoreBuilder,
    WhenUnavailable,
};
use tower_warden::rejection::{Rejection, RejectionKind};
use tower_warden::warden::Warden;

use self::server::Server;
use super::{from, status};
use crate::support::{TestBody, ask};

/// None comes back while a test runs.
const FIVE: Quota = Quota::per_day(5);

fn patient(store: RedisStoreBuilder) -> RedisStore {
    store.timeout(Duration::from_secs(20)).build().unwrap()
}

fn by_address(quota: Quota, store: RedisStore) -> RateLimitLayer {
    let limit = Limit::by_address("address", quota).when_unavailable(WhenUnavailable::Refuse);
    RateLimitLayer::builder().limit(limit).store(store).build().unwrap()
}

/// What so many requests of one address come to, at the same time.
async fn statuses(layer: &RateLimitLayer, requests: usize) -> Vec<u16> {
    join_all((0..requests).map(|_| status(layer, "192.0.2.1"))).await
}

fn admitted(statuses: &[u16]) -> usize {
    statuses.iter().filter(|status| **status == 200).count()
}

/// Asks until the answer is that one: the first after an outage may find the old connection.
async fn until(layer: &RateLimitLayer, address: &str, expected: u16) {
    let recovered = async {
        while status(layer, address).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), recovered).await.expect("recovers by itself");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q10_two_instances_share_a_bucket_and_another_prefix_does_not() {
    let server = Server::start(&[]);
    let store = || RedisStore::builder(server.url());
    let [one, two] = [(); 2].map(|()| by_address(FIVE, patient(store())));
    let (first, second) = tokio::join!(statuses(&one, 10), statuses(&two, 10));
    assert_eq!(admitted(&first) + admitted(&second), 5);
    assert_eq!(status(&two, "192.0.2.2").await, 200, "another address");
    for other in [store().prefix("other"), store().secret("other")] {
        assert_eq!(status(&by_address(FIVE, patient(other)), "192.0.2.1").await, 200);
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q9_many_limits_are_one_round_trip() {
    let server = Server::start(&[]);
    let store = patient(RedisStore::builder(server.url()));
    let limits = (0..8).map(|number| {
        let key = Key::address_with_ipv6_prefix(40 + number);
        Limit::new(format!("limit{number}"), key, Quota::per_day(100))
    });
    let layer = limits.fold(RateLimitLayer::builder().store(store), RateLimitBuilder::limit);
    let layer = layer.build().unwrap();
    assert_eq!(status(&layer, "2001:db8::1").await, 200);
    let before = (server.calls("evalsha"), server.calls("eval"));
    for _ in 0..5 {
        assert_eq!(status(&layer, "2001:db8::1").await, 200);
    }
    assert_eq!((server.calls("evalsha"), server.calls("eval")), (before.0 + 5, before.1));
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q10_two_wardens_share_the_buckets_of_all_their_limits() {
    let server = Server::start(&[]);
    let guarded = || {
        let warden = Warden::builder().rules(Rules::builder().get("/", public("demo")));
        let warden = warden.limit_by_address(FIVE);
        let warden = warden.rate_limit_store(patient(RedisStore::builder(server.url())));
        warden.build().unwrap().guard(Router::new().route("/", get(async || "inner")))
    };
    let (one, two) = (guarded(), guarded());
    let mut statuses = Vec::new();
    for service in [&one, &two].into_iter().cycle().take(10) {
        let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000)));
        let request = Request::get("/").extension(peer).body(Body::empty()).unwrap();
        statuses.push(ask(service.clone(), request).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 429, 429, 429]);
}

#[tokio::test]
async fn q13_without_a_store_a_warden_counts_here_unless_told_to_refuse() {
    let bad = ("x-api-key", "orders_0000"); // presents a credential
    for (when, statuses) in [
        (None, [200, 401]),
        (Some(WhenUnavailable::InsecureAdmit), [200, 401]),
        (Some(WhenUnavailable::Refuse), [503, 503]),
    ] {
        let nowhere =
            RedisStore::builder("redis://127.0.0.1:1/").timeout(Duration::from_millis(50));
        let warden = Warden::builder()
            .rules(Rules::builder().get("/", public("demo")))
            .authenticate(ApiKeyAuthenticator::new(MemoryApiKeyStore::new()))
            .rate_limit_store(nowhere.build().unwrap());
        let warden = match when {
            Some(when) => warden.when_unavailable(when),
            None => warden,
        };
        let service = warden.build().unwrap().guard(Router::new().route("/", get(async || "up")));
        let request = |headers: &[(&str, &str)]| {
            let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000)));
            let request = Request::get("/").extension(peer);
            let with = |request: http::request::Builder, &(name, value): &(&str, &str)| {
                request.header(name, value)
            };
            headers.iter().fold(request, with).body(Body::empty()).unwrap()
        };
        let answered = [
            ask(service.clone(), request(&[])).await.status,
            ask(service.clone(), request(&[bad])).await.status,
        ];
        assert_eq!(answered, statuses, "{when:?}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q12_failed_log_ins_at_one_instance_are_refused_at_the_other() {
    let server = Server::start(&[]);
    let [one, two] = [(); 2].map(|()| {
        let store = patient(RedisStore::builder(server.url()));
        RateLimitLayer::failed_authentication("failed", FIVE).store(store).build().unwrap()
    });
    let wrong = service_fn(|_request: Request<TestBody>| async {
        let mut response = Response::new(TestBody::default());
        let rejection = Rejection::new(RejectionKind::InvalidCredentials, "test");
        response.extensions_mut().insert(rejection);
        Ok::<_, Infallible>(response)
    });
    let guess = || ask(one.layer(wrong), from("192.0.2.1", &[]));
    let guesses = join_all((0..5).map(|_| guess())).await;
    assert!(guesses.iter().all(|answer| answer.status == 200));
    until(&two, "192.0.2.1", 429).await;
    assert_eq!(status(&two, "192.0.2.2").await, 200);
}

#[tokio::test]
async fn q13_a_warden_tells_what_it_did_without_its_store() {
    let nowhere = RedisStore::builder("redis+unix:///nonexistent/tower-warden/socket");
    let warden = Warden::builder().rules(Rules::builder().get("/", public("demo")));
    let warden = warden.rate_limit_store(patient(nowhere)).build().unwrap();
    let service = warden.guard(Router::new().route("/", get(async || "inner")));
    for _ in 0..10 {
        let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40_000)));
        let request = Request::get("/").extension(peer).body(Body::empty()).unwrap();
        assert_eq!(ask(service.clone(), request).await.status, 200);
    }
    let counts = warden.store_counts().unwrap();
    assert_eq!((counts.failed_trips, counts.outages, counts.counted_here), (3, 1, 10));
    let alone = Warden::builder().rules(Rules::builder().get("/", public("demo")));
    assert_eq!(alone.build().unwrap().store_counts(), None);
}

#[test]
fn q13_what_is_wrong_with_a_store_is_told_when_it_is_built_and_no_password_with_it() {
    let url = "redis://user:hunter2@127.0.0.1:1/";
    let cluster = || RedisStore::cluster([url]);
    let none: [&str; 0] = [];
    for store in [
        RedisStore::builder("http://user:hunter2@127.0.0.1/"),
        RedisStore::builder("rediss://user:hunter2@127.0.0.1/#insecure"),
        RedisStore::builder(url).prefix(""),
        RedisStore::builder(url).prefix("a{b}"),
        RedisStore::builder(url).timeout(Duration::ZERO),
        RedisStore::builder(url).root_certificates("no use without TLS"),
        RedisStore::cluster(none),
        RedisStore::cluster([url, "redis://127.0.0.1:2/"]),
        RedisStore::sentinel("primary", none),
        RedisStore::sentinel("", [url]),
        RedisStore::sentinel("primary", [url, "rediss://127.0.0.1/"]),
    ] {
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
        let error = store.build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let limits = |store: RedisStoreBuilder| {
        let layer = RateLimitLayer::by_address("address", FIVE).store(store.build().unwrap());
        layer.limit(Limit::by_principal("principal", FIVE)).build()
    };
    assert!(!format!("{:?}", cluster().build().unwrap()).contains("hunter2"));
    assert!(limits(cluster()).unwrap_err().to_string().contains("one_slot"));
    assert!(limits(cluster().one_slot()).is_ok());
    assert!(limits(RedisStore::builder(url)).is_ok());
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q10_instances_share_a_quota_by_the_calendar() {
    let server = Server::start(&[]);
    let [one, two] = [(); 2].map(|()| {
        let store = patient(RedisStore::builder(server.url()).lease(Lease::new(3)));
        by_address(Quota::calendar_month(5), store)
    });
    let (first, second) = tokio::join!(statuses(&one, 10), statuses(&two, 10));
    assert_eq!(admitted(&first) + admitted(&second), 5, "unless the month has just ended");
    let keys = server.ask::<Vec<String>>(&["KEYS", "*"]);
    let left = server.ask::<u64>(&["PTTL", &keys[0]]) / 86_400_000;
    assert!(left == 30 || left == 31, "{left} days");
}
