//! Tokens that name keys that are not there.

use futures_util::future::join_all;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::testing::TestIssuer;

use super::{AUDIENCE, Scenery, ask, seconds, status};
use crate::key_server::{KEYS, Manner, Reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k3_a_hundred_tokens_of_unknown_keys_share_one_fetch() {
    let scene = Scenery::set().await;
    let (_keys, layer) = scene.loaded().await;
    assert_eq!(scene.server.fetches(), 1);
    scene.clock.advance(seconds(30));

    let two = scene.server.signer("two");
    scene.server.publish([&scene.signer, &two]);
    scene.server.hold();
    let asking = (0..100).map(|number| {
        let (layer, signer) = (layer.clone(), two.clone().with_key_id(&format!("{}", number % 50)));
        tokio::spawn(async move { status(&layer, &signer).await })
    });
    let asking: Vec<_> = asking.collect();
    let (other, signer) = (layer.clone(), two.clone());
    let good = tokio::spawn(async move { status(&other, &signer).await });
    scene.fetches(2).await;
    // Keys that are there make nobody wait.
    assert_eq!(status(&layer, &scene.signer).await, 200);
    assert!(!good.is_finished());
    scene.server.open();

    assert_eq!(good.await.unwrap(), 200);
    assert!(join_all(asking).await.into_iter().all(|status| status.unwrap() == 401));
    assert_eq!(scene.server.fetches(), 2);
}

#[tokio::test]
async fn k3_a_flood_of_unknown_keys_makes_one_fetch_a_cooldown() {
    let scene = Scenery::set().await;
    let (_keys, layer) = scene.loaded().await;
    let flood = async || {
        for number in 0..200 {
            let token = scene.signer.token("eve").header("kid", format!("made-up-{number}")).sign();
            assert_eq!(ask(&layer, &token).await.status, 401);
        }
    };
    flood().await;
    assert_eq!(scene.server.fetches(), 1, "the round that loaded the keys was a moment ago");
    scene.clock.advance(seconds(30));
    flood().await;
    assert_eq!(scene.server.fetches(), 2);
    scene.clock.advance(seconds(29));
    flood().await;
    assert_eq!(scene.server.fetches(), 2);
    scene.clock.advance(seconds(1));
    flood().await;
    assert_eq!(scene.server.fetches(), 3);
    assert_eq!(status(&layer, &scene.signer).await, 200);
}

#[tokio::test]
async fn k3_failures_count_for_the_cooldown() {
    let scene = Scenery::set().await;
    let (_keys, layer) = scene.loaded().await;
    let stranger = scene.server.signer("unknown");
    for reply in [Reply::status(500), Reply::json("nonsense"), Reply::manner(Manner::HangingUp)] {
        scene.server.reply(KEYS, reply);
        scene.clock.advance(seconds(30));
        let before = scene.server.fetches();
        for _ in 0..20 {
            // Its key may be a new one: that cannot be told while nobody answers.
            assert_eq!(status(&layer, &stranger).await, 503);
        }
        assert_eq!(scene.server.fetches(), before + 1);
        assert_eq!(status(&layer, &scene.signer).await, 200);
    }
    scene.server.reply(KEYS, Reply::keys([&scene.signer]));
    scene.clock.advance(seconds(60));
    assert_eq!(status(&layer, &stranger).await, 401);
}

#[tokio::test]
async fn k4_a_miss_evicts_nothing() {
    let scene = Scenery::set().await;
    let (keys, layer) = scene.loaded().await;
    let before = tower_warden::authn::jwt::KeySource::current(&keys).unwrap();
    scene.clock.advance(seconds(30));
    assert_eq!(status(&layer, &scene.server.signer("unknown")).await, 401);
    assert_eq!(scene.server.fetches(), 2);
    let after = tower_warden::authn::jwt::KeySource::current(&keys).unwrap();
    assert!(std::sync::Arc::ptr_eq(&before, &after));
    assert_eq!(status(&layer, &scene.signer).await, 200);
}

#[tokio::test]
async fn k8_tokens_of_an_unknown_issuer_make_nobody_ask() {
    let scene = Scenery::set().await;
    let keys = scene.at().build().unwrap();
    let alone = scene.guard(&keys);
    let trust = |name: &str| {
        let issuer = Issuer::builder(name).audience(AUDIENCE).keys_from(keys.clone());
        issuer.build().unwrap()
    };
    let several = JwtValidator::builder()
        .issuer(trust(&scene.server.issuer()))
        .issuer(trust("https://other.example"))
        .build()
        .unwrap();
    let several = AuthenticateLayer::new(BearerAuthenticator::new(several));
    for name in ["https://evil.example", "", &scene.server.issuer().to_uppercase()] {
        let stranger = TestIssuer::new(name, AUDIENCE).with_key_id("unknown");
        assert_eq!(status(&several, &stranger).await, 401, "{name:?}");
        assert_eq!(status(&alone, &stranger).await, 401, "{name:?}");
    }
    assert_eq!(scene.server.paths(), [""; 0], "something was asked for");

    keys.load().await.unwrap();
    scene.clock.advance(seconds(30));
    for layer in [&several, &alone] {
        let stranger = TestIssuer::new("https://evil.example", AUDIENCE).with_key_id("unknown");
        assert_eq!(status(layer, &stranger).await, 401);
        assert_eq!(status(layer, &scene.signer).await, 200);
    }
    assert_eq!(scene.server.fetches(), 1);
}
