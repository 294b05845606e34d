//! Rounds that do not come to their end in the usual way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use tower_warden::authn::jwks::{LoadError, RemoteKeys};
use tower_warden::authn::jwt::KeySource;
use tower_warden::http_client::{HttpClient, Limits, ResponseFuture};
use tower_warden::testing::{FakeClock, KeyPublisher, TestIssuer};

use super::{AUDIENCE, Scenery, ask, guard, seconds, status, until};

#[tokio::test]
async fn k3_a_round_goes_on_when_the_request_that_started_it_is_dropped() {
    let scene = Scenery::set().await;
    let keys = scene.at().build().unwrap();
    let layer = scene.guard(&keys);
    scene.server.hold();
    let (other, signer) = (layer.clone(), scene.signer.clone());
    let first = tokio::spawn(async move { status(&other, &signer).await });
    scene.fetches(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    scene.server.open();
    assert_eq!(status(&layer, &scene.signer).await, 200);
    assert_eq!(scene.server.fetches(), 1);
}

#[test]
fn k3_a_round_whose_runtime_went_away_is_started_anew() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    };
    let outer = runtime();
    let scene = outer.block_on(Scenery::set());
    let keys = scene.at().build().unwrap();
    scene.server.hold();
    let first = runtime();
    let renewal = {
        let _on_this = first.enter();
        keys.renew().unwrap()
    };
    outer.block_on(scene.fetches(1));
    drop(first);
    outer.block_on(renewal); // ends, and does not wait for ever
    assert!(keys.current().is_none());

    scene.server.open();
    scene.clock.advance(seconds(1));
    assert_eq!(outer.block_on(status(&scene.guard(&keys), &scene.signer)), 200);
}

/// Panics as often as it was told to, then answers.
#[derive(Debug)]
struct Panicking {
    left: AtomicUsize,
    while_asked: bool,
    then: KeyPublisher,
}

impl HttpClient for Panicking {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> ResponseFuture {
        if self.left.load(Ordering::SeqCst) == 0 {
            return self.then.send(request, limits);
        }
        self.left.fetch_sub(1, Ordering::SeqCst);
        assert!(self.while_asked, "this client panics when it is asked");
        Box::pin(async { panic!("this client panics while it answers") })
    }
}

#[tokio::test]
async fn k4_a_client_that_panics_is_a_failure_and_nothing_more() {
    for while_asked in [false, true] {
        let clock = FakeClock::at_unix(1_800_000_000);
        let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
        let then = KeyPublisher::new(&signer);
        let keys = RemoteKeys::discover("https://issuer.example")
            .client(Panicking { left: AtomicUsize::new(2), while_asked, then })
            .clock(clock.clone())
            .build()
            .unwrap();
        assert!(matches!(keys.load().await, Err(LoadError::Interrupted)));
        let layer = guard("https://issuer.example", keys);
        clock.advance(seconds(1));
        let token = signer.token("ada").sign();
        assert_eq!(ask(&layer, &token).await.status, 503);
        assert_eq!(ask(&layer, &token).await.status, 503); // not asked again yet
        clock.advance(seconds(2));
        assert_eq!(ask(&layer, &token).await.status, 200);
    }
}

/// Tells when nobody holds it any more.
#[derive(Debug)]
struct Witnessed(KeyPublisher, Arc<AtomicBool>);

impl HttpClient for Witnessed {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> ResponseFuture {
        self.0.send(request, limits)
    }
}

impl Drop for Witnessed {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn k7_nothing_runs_on_when_the_last_handle_is_dropped() {
    let gone = Arc::new(AtomicBool::new(false));
    let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
    let client = Witnessed(KeyPublisher::new(&signer), Arc::clone(&gone));
    let keys = RemoteKeys::discover("https://issuer.example").client(client).build().unwrap();
    let clone = keys.clone();
    keys.load().await.unwrap();
    drop(keys);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    until(|| tasks() == 1).await; // the one that renews the keys
    assert!(!gone.load(Ordering::SeqCst) && clone.current().is_some());
    drop(clone);
    until(|| gone.load(Ordering::SeqCst) && tasks() == 0).await;
}
