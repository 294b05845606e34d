//! Keys are renewed ahead of their end, and nobody waits for it.

use std::sync::Arc;

use tower_warden::authn::jwt::KeySource;

use super::{Scenery, seconds, status, until, until_renewed};
use crate::key_server::{KEYS, METADATA, Reply};

#[tokio::test]
async fn k7_keys_are_renewed_ahead_of_expiry_while_nobody_waits() {
    let scene = Scenery::set().await;
    let (keys, layer) = scene.loaded().await;
    let before = keys.current().unwrap();
    let two = scene.server.signer("two");
    scene.server.publish([&scene.signer, &two]);
    scene.server.hold();

    scene.clock.advance(seconds(449)); // 75 % of ten minutes are 450 s
    assert_eq!(status(&layer, &scene.signer).await, 200);
    assert_eq!(scene.server.fetches(), 1);
    scene.clock.advance(seconds(91)); // 90 %
    for _ in 0..50 {
        assert_eq!(status(&layer, &scene.signer).await, 200); // although the server answers nobody
    }
    scene.fetches(2).await;
    scene.server.open();
    until_renewed(&keys, &before).await;
    assert_eq!(status(&layer, &two).await, 200);
    assert_eq!(scene.server.fetches(), 2);
}

#[tokio::test]
async fn k7_the_lifetime_follows_cache_control_within_bounds() {
    for (field, early, late) in [
        ("max-age=1200", 899, 1_080),
        ("max-age=1", 44, 54), // not less than a minute
        ("no-store", 44, 54),
        ("max-age=31536000", 2_699, 3_240), // not more than an hour
    ] {
        let scene = Scenery::set().await;
        scene.server.reply(KEYS, Reply::keys([&scene.signer]).header("cache-control", field));
        let (_keys, layer) = scene.loaded().await;
        scene.clock.advance(seconds(early));
        assert_eq!(status(&layer, &scene.signer).await, 200);
        assert_eq!(scene.server.fetches(), 1, "{field}");
        scene.clock.advance(seconds(late - early));
        assert_eq!(status(&layer, &scene.signer).await, 200);
        scene.fetches(2).await;
    }
}

#[tokio::test]
async fn k7_keys_that_did_not_change_stay_the_very_same() {
    let scene = Scenery::set().await;
    for reply in
        [Reply::keys([&scene.signer]), Reply::keys([&scene.signer]).header("etag", "\"v1\"")]
    {
        scene.server.reply(KEYS, reply);
        let (keys, layer) = scene.loaded().await;
        let before = keys.current().unwrap();
        let fetches = scene.server.fetches();
        for round in 1..=3 {
            scene.clock.advance(seconds(86_000)); // too old, were they not confirmed each time
            assert_eq!(status(&layer, &scene.signer).await, 200);
            scene.fetches(fetches + round).await;
            until(|| keys.renew().is_none()).await; // the round is over
            assert!(Arc::ptr_eq(&before, &keys.current().unwrap()));
        }
    }
    let conditional = |head: &String| head.contains("if-none-match: \"v1\"");
    assert_eq!(scene.server.requests(KEYS).iter().filter(|head| conditional(head)).count(), 3);
}

#[tokio::test]
async fn k7_an_etag_is_sent_only_where_it_came_from() {
    let scene = Scenery::set().await;
    scene.server.reply(KEYS, Reply::keys([&scene.signer]).header("etag", "\"v1\""));
    let keys = scene.discover().build().unwrap();
    keys.load().await.unwrap();
    let before = keys.current().unwrap();

    let two = scene.server.signer("two");
    let moved = format!("{}/moved", scene.server.issuer());
    let metadata = serde_json::json!({"issuer": scene.server.issuer(), "jwks_uri": moved});
    scene.server.reply(METADATA, Reply::json(metadata));
    scene.server.reply("/moved", Reply::keys([&two]).header("etag", "\"v1\""));
    scene.clock.advance(seconds(600));
    assert_eq!(status(&scene.guard(&keys), &scene.signer).await, 200); // which starts the round
    until_renewed(&keys, &before).await;
    assert!(!scene.server.requests("/moved")[0].contains("if-none-match"));
    assert_eq!(status(&scene.guard(&keys), &two).await, 200);
}

#[tokio::test]
async fn k7_a_jump_of_the_calendar_changes_nothing() {
    let scene = Scenery::set().await;
    let (keys, layer) = scene.loaded().await;
    for unix in [0, 1_000_000_000, u64::MAX] {
        scene.clock.set_unix(seconds(unix));
        assert_eq!(status(&layer, &scene.signer).await, 200);
    }
    assert_eq!(scene.server.fetches(), 1);
    // A counting clock that went back does not keep new keys out.
    scene.clock.set_monotonic(seconds(1_000_000));
    assert!(keys.current().is_none());
    assert_eq!(status(&layer, &scene.signer).await, 200);
    scene.clock.set_monotonic(seconds(5));
    let two = scene.server.signer("two");
    scene.server.publish([&two]);
    assert_eq!(status(&layer, &two).await, 200);
}
