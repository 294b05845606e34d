//! The issuer changes its keys while requests come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tower_warden::authn::jwt::KeySource;

use super::{Scenery, seconds, status, until, until_renewed};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k7_a_rotation_refuses_no_good_token_and_lets_nobody_wait() {
    let scene = Scenery::set().await;
    let (keys, layer) = scene.loaded().await;
    let two = scene.server.signer("two");
    // Requests never cease; which key they were signed with changes as the issuer does it.
    let signs_with_two = Arc::new(AtomicBool::new(false));
    let (over, good, bad) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let traffic: Vec<_> = (0..4)
        .map(|_| {
            let (layer, one, two) = (layer.clone(), scene.signer.clone(), two.clone());
            let (switch, over) = (Arc::clone(&signs_with_two), Arc::clone(&over));
            let (good, bad) = (Arc::clone(&good), Arc::clone(&bad));
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    let signer = if switch.load(Ordering::SeqCst) { &two } else { &one };
                    let count = if status(&layer, signer).await == 200 { &good } else { &bad };
                    count.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let more = async || {
        let before = good.load(Ordering::SeqCst);
        until(|| good.load(Ordering::SeqCst) > before + 20).await;
    };
    more().await;

    // 1. Both are published, and the answer takes a while: the old key goes on to serve.
    let before = keys.current().unwrap();
    scene.server.publish([&scene.signer, &two]);
    scene.server.hold();
    scene.clock.advance(seconds(600));
    scene.fetches(2).await;
    more().await;
    scene.server.open();
    until_renewed(&keys, &before).await;
    // 2. The new key signs.
    signs_with_two.store(true, Ordering::SeqCst);
    more().await;
    // 3. The old one is withdrawn.
    let before = keys.current().unwrap();
    scene.server.publish([&two]);
    scene.clock.advance(seconds(600));
    until_renewed(&keys, &before).await;
    more().await;

    over.store(true, Ordering::SeqCst);
    for task in traffic {
        task.await.unwrap();
    }
    assert_eq!(bad.load(Ordering::SeqCst), 0);
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
    use tower_warden::testing::{KeyPublisher, TestIssuer};

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
