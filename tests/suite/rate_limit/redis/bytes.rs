//! Bandwidth limits in real Redis servers: bytes that one instance sends are owed at the others.

use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;

use super::*;

/// A thousand bytes, which do not come back while a test runs.
fn limit(server: &Server, when: WhenUnavailable) -> BandwidthLimitLayer {
    let quota = Quota::new(1_000, Duration::from_secs(30 * 24 * 3600));
    let store = RedisStore::builder(server.url()).timeout(Duration::from_secs(1)).build().unwrap();
    let limit = BandwidthLimitLayer::by_address("download", quota).store(store);
    limit.when_unavailable(when).build().unwrap()
}

/// The status of a request of this address, and that of a body of 1,200 bytes which is read to its end.
async fn download(layer: &BandwidthLimitLayer, address: &str) -> u16 {
    let film = service_fn(async |_: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(TestBody::from(vec![0; 1_200])))
    });
    ask(layer.layer(film), from(address, &[])).await.status
}

async fn until(layer: &BandwidthLimitLayer, address: &str, expected: u16) {
    let reached = async {
        let empty = || {
            service_fn(async |_: Request<TestBody>| {
                Ok::<_, Infallible>(Response::new(TestBody::default()))
            })
        };
        while ask(layer.layer(empty()), from(address, &[])).await.status != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("in the end");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_bytes_that_one_instance_sent_are_owed_at_the_other() {
    let server = Server::start(&[]);
    let [one, two] = [(); 2].map(|()| limit(&server, WhenUnavailable::Refuse));
    assert_eq!(download(&one, "192.0.2.1").await, 200);
    until(&two, "192.0.2.1", 429).await;
    assert_eq!(download(&two, "192.0.2.2").await, 200, "another address");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_bandwidth_limits_do_in_an_outage_what_they_were_told() {
    let mut server = Server::start(&[]);
    let modes =
        [WhenUnavailable::Refuse, WhenUnavailable::CountHere, WhenUnavailable::InsecureAdmit];
    let layers = modes.map(|mode| limit(&server, mode));
    for layer in &layers {
        until(layer, "192.0.2.9", 200).await;
    }
    server.kill();
    for (layer, expected) in layers.iter().zip([[503, 503], [200, 429], [200, 200]]) {
        let told = [download(layer, "192.0.2.1").await, download(layer, "192.0.2.1").await];
        assert_eq!(told, expected);
        let counts = layer.store_counts().unwrap();
        // Who owes here is refused without asking.
        assert!(counts.failed_trips >= 1, "{counts:?}");
    }
    server.restart();
    for layer in &layers {
        until(layer, "192.0.2.8", 200).await;
    }
    assert_eq!(download(&layers[0], "192.0.2.8").await, 200);
    until(&layers[0], "192.0.2.8", 429).await;
}
