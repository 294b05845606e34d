//! The issuer changes its keys while requests come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::jwt::KeySource;
use tower_warden::testing::TestIssuer;

use super::{Scenery, seconds, status, until, until_renewed};

/// Requests that never cease: each task asks again and again with good tokens.
struct Traffic {
    /// How many answers each task got.
    answered: Vec<Arc<AtomicUsize>>,
    refused: Arc<AtomicUsize>,
    signs_with_two: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Traffic {
    fn start(layer: &AuthenticateLayer, one: &TestIssuer, two: &TestIssuer) -> Self {
        let mut this = Self {
            answered: (0..4).map(|_| Arc::default()).collect(),
            refused: Arc::default(),
            signs_with_two: Arc::default(),
            tasks: JoinSet::new(),
        };
        for answered in this.answered.iter().map(Arc::clone) {
            let (layer, one, two) = (layer.clone(), one.clone(), two.clone());
            let (switch, refused) = (Arc::clone(&this.signs_with_two), Arc::clone(&this.refused));
            this.tasks.spawn(async move {
                loop {
                    let signer = if switch.load(Ordering::SeqCst) { &two } else { &one };
                    let is_refused = status(&layer, signer).await != 200;
                    refused.fetch_add(usize::from(is_refused), Ordering::SeqCst);
                    answered.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            });
        }
        this
    }

    /// Waits until every task got some more answers, to requests that it began after this was called.
    async fn more(&self) {
        for answered in &self.answered {
            let before = answered.load(Ordering::SeqCst);
            until(|| answered.load(Ordering::SeqCst) > before + 4).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k7_a_rotation_refuses_no_good_token_and_lets_nobody_wait() {
    let scene = Scenery::set().await;
    let (keys, layer) = scene.loaded().await;
    let two = scene.server.signer("two");
    let traffic = Traffic::start(&layer, &scene.signer, &two);
    traffic.more().await;

    // 1. Both are published, and the answer takes a while: the old key goes on to serve.
    let before = keys.current().unwrap();
    scene.server.publish([&scene.signer, &two]);
    scene.server.hold();
    scene.clock.advance(seconds(600));
    scene.fetches(2).await;
    traffic.more().await;
    scene.server.open();
    until_renewed(&keys, &before).await;
    // 2. The new key signs.
    traffic.signs_with_two.store(true, Ordering::SeqCst);
    traffic.more().await;
    // 3. The old one is withdrawn.
    let before = keys.current().unwrap();
    scene.server.publish([&two]);
    scene.clock.advance(seconds(600));
    until_renewed(&keys, &before).await;
    traffic.more().await;

    assert_eq!(traffic.refused.load(Ordering::SeqCst), 0);
    assert_eq!(scene.server.fetches(), 3);
    assert_eq!(status(&layer, &scene.signer).await, 401, "a removed key verifies nothing");
}

#[tokio::test]
async fn k3_a_key_that_was_not_announced_is_fetched_for_the_first_token_that_names_it() {
    let scene = Scenery::set().await;
    let (_keys, layer) = scene.loaded().await;
    let two = scene.server.signer("two");
    scene.server.publish([&two]);
    scene.clock.advance(seconds(30));
    assert_eq!(status(&layer, &two).await, 200);
    assert_eq!(status(&layer, &scene.signer).await, 401);
}

#[tokio::test]
async fn k6_a_key_that_was_removed_verifies_nothing_from_then_on() {
    let scene = Scenery::set().await;
    let (keys, layer) = scene.loaded().await;
    let token = scene.signer.token("ada").sign();
    assert_eq!(super::ask(&layer, &token).await.status, 200);
    let before = keys.current().unwrap();
    scene.server.publish([&scene.server.signer("two")]);
    scene.clock.advance(seconds(600));
    assert_eq!(super::ask(&layer, &token).await.status, 200); // starts the round, and does not wait
    until_renewed(&keys, &before).await;
    let refused = super::ask(&layer, &token).await;
    assert_eq!((refused.status, refused.reason()), (401, "token_unknown_key"));
}

#[tokio::test(start_paused = true)]
async fn k7_keys_are_renewed_while_nobody_asks() {
    use tower_warden::authn::jwks::RemoteKeys;
    use tower_warden::testing::KeyPublisher;

    let one = TestIssuer::new("https://issuer.example", super::AUDIENCE).with_key_id("one");
    let two = TestIssuer::new("https://issuer.example", super::AUDIENCE).with_key_id("two");
    let publisher = KeyPublisher::new(&one);
    let keys = RemoteKeys::discover("https://issuer.example")
        .client(publisher.clone())
        .clock(PausedClock(tokio::time::Instant::now()))
        .max_stale(Duration::ZERO)
        .build()
        .unwrap();
    keys.load().await.unwrap();
    publisher.publish(&[&two]);
    tokio::time::sleep(seconds(3_600)).await; // not a real one
    // Had nobody renewed them, there would be none; and whoever comes now finds the new ones at once.
    let found = keys.current().unwrap();
    assert_eq!(found.iter().next().unwrap().id(), Some("two"));
}

/// The time that tokio shows, which stands still in tests and jumps to the next timer.
#[derive(Debug)]
struct PausedClock(tokio::time::Instant);

impl tower_warden::clock::Clock for PausedClock {
    fn unix(&self) -> Duration {
        self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}
