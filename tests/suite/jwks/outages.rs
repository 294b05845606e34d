//! The issuer's server is away, and comes back.

use tower_warden::authn::jwks::LoadError;
use tower_warden::authn::jwt::KeySource;

use super::{SHORT, Scenery, ask, seconds, status, until};
use crate::key_server::{KEYS, Manner, Reply};
use crate::support::{Answer, Logs};

fn assert_unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.reason()), (503, "token_keys_unavailable"));
    assert_eq!(answer.header("retry-after"), "5");
    assert!(!answer.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn k4_a_failed_fetch_keeps_the_keys_until_they_are_too_old_and_then_503() {
    let scene = Scenery::set().await;
    let (_keys, layer) = scene.loaded().await;
    let token = scene.signer.token("ada").sign();
    scene.server.reply(KEYS, Reply::status(500));

    // Current for ten minutes, in use for a day longer.
    for hours in 0..24 {
        assert_eq!(ask(&layer, &token).await.status, 200, "after {hours} hours");
        scene.clock.advance(seconds(3_600));
    }
    scene.clock.advance(seconds(599));
    assert_eq!(ask(&layer, &token).await.status, 200);
    scene.clock.advance(seconds(1));
    assert_unavailable(&ask(&layer, &token).await);
    assert_unavailable(&ask(&layer, &token).await);

    scene.server.publish([&scene.signer]);
    scene.clock.advance(seconds(60)); // the longest pause between two tries
    assert_eq!(ask(&layer, &token).await.status, 200);
}

#[tokio::test]
async fn k4_without_staleness_the_keys_end_with_their_lifetime() {
    let scene = Scenery::set().await;
    let keys = scene.at().max_stale(seconds(0)).build().unwrap();
    keys.load().await.unwrap();
    let layer = scene.guard(&keys);
    scene.server.reply(KEYS, Reply::status(503));
    scene.clock.advance(seconds(599));
    assert_eq!(status(&layer, &scene.signer).await, 200);
    scene.clock.advance(seconds(1));
    assert_unavailable(&ask(&layer, &scene.signer.token("ada").sign()).await);
}

#[tokio::test]
async fn k4_any_way_of_failing_keeps_the_keys() {
    let scene = Scenery::set().await;
    let keys = scene.at().timeout(SHORT).build().unwrap();
    keys.load().await.unwrap();
    let layer = scene.guard(&keys);
    let stranger = scene.server.signer("unknown");
    let whole = Reply::keys([&stranger]);
    for reply in [
        Reply::status(500),
        Reply::status(404),
        Reply::status(204),
        whole.clone().header("location", "/other").sent(Manner::BreakingOff),
        Reply::manner(Manner::Stalling),
        Reply::manner(Manner::HangingUp),
        Reply::manner(Manner::Endless),
        Reply::manner(Manner::Huge),
        Reply::manner(Manner::Dripping),
        Reply::json(""),
        Reply::json("<html>be right back</html>"),
        Reply::json("[]"),
        Reply::json(r#"{"keys":{}}"#),
        Reply::json(r#"{"keys":[],"keys":[]}"#),
        Reply::json(r#"{"keys":[]}"#),
        Reply::json(r#"{"keys":[{"kty":"EC"}]}"#),
        Reply::status(304), // nobody asked whether anything changed
    ] {
        scene.clock.advance(seconds(60));
        let before = scene.server.fetches();
        scene.server.reply(KEYS, reply.clone());
        assert_eq!(status(&layer, &stranger).await, 503, "{reply:?}");
        assert_eq!(scene.server.fetches(), before + 1, "{reply:?}");
        assert_eq!(status(&layer, &scene.signer).await, 200, "{reply:?}");
    }
    scene.clock.advance(seconds(60));
    scene.server.reply(KEYS, whole);
    assert_eq!(status(&layer, &stranger).await, 200);
}

#[tokio::test]
async fn k4_tries_grow_rare_while_it_fails_and_requests_do_not_wait_for_them() {
    let scene = Scenery::set().await;
    scene.server.reply(KEYS, Reply::status(500));
    let keys = scene.at().build().unwrap();
    let layer = scene.guard(&keys);
    let token = scene.signer.token("ada").sign();
    for _ in 0..600 {
        assert_unavailable(&ask(&layer, &token).await);
        scene.clock.advance(seconds(1));
    }
    // 1 + 2 + 4 + 8 + 16 + 32 s, then every 60 s, each cut by up to a half.
    let tries = scene.server.fetches();
    assert!((14..=28).contains(&tries), "{tries} tries in ten minutes");
}

#[tokio::test]
async fn k4_an_outage_is_logged_with_its_cause() {
    let scene = Scenery::set().await;
    scene.server.reply(KEYS, Reply::status(500));
    let keys = scene.at().build().unwrap();
    let logs = Logs::capture();
    keys.load().await.unwrap_err();
    let text = logs.text();
    assert!(text.contains("ERROR") && text.contains("tower_warden::jwks"), "{text}");
    assert!(text.contains("answered with status 500"), "{text}");
}

#[tokio::test]
async fn k9_require_a_service_that_needs_keys_fails_to_start() {
    let scene = Scenery::set().await;
    let keys = scene.at().build().unwrap();
    scene.server.reply(KEYS, Reply::status(500));
    assert!(matches!(keys.load().await, Err(LoadError::Status { status: 500, .. })));
    scene.server.reply(KEYS, Reply::manner(Manner::HangingUp));
    assert!(matches!(keys.load().await, Err(LoadError::Unreachable { .. })));
    assert!(keys.current().is_none());

    scene.server.publish([&scene.signer]);
    keys.load().await.unwrap();
    assert_eq!(status(&scene.guard(&keys), &scene.signer).await, 200);
    let fetches = scene.server.fetches();
    keys.load().await.unwrap();
    assert_eq!(scene.server.fetches(), fetches, "there were keys already");
}

#[tokio::test]
async fn k9_lazy_503_until_there_are_keys() {
    let scene = Scenery::set().await;
    scene.server.reply(KEYS, Reply::status(500));
    let keys = scene.at().build().unwrap();
    let layer = scene.guard(&keys);
    assert_eq!(scene.server.fetches(), 0, "nothing is fetched before anybody asks");
    assert_unavailable(&ask(&layer, &scene.signer.token("ada").sign()).await);
    assert_eq!(scene.server.fetches(), 1);
    // Never open: whoever signed.
    assert_unavailable(&ask(&layer, &scene.server.signer("one").token("eve").sign()).await);

    scene.server.publish([&scene.signer]);
    scene.clock.advance(seconds(1));
    assert_eq!(status(&layer, &scene.signer).await, 200);
    assert_eq!(status(&layer, &scene.server.signer("one")).await, 401);
}

#[tokio::test]
async fn k9_lazy_the_first_requests_share_one_fetch_and_wait_for_it() {
    let scene = Scenery::set().await;
    let keys = scene.discover().build().unwrap();
    let layer = scene.guard(&keys);
    let asking = (0..20).map(|_| status(&layer, &scene.signer));
    assert_eq!(futures_util::future::join_all(asking).await, [200; 20]);
    assert_eq!(scene.server.fetches(), 1);
}

#[tokio::test]
async fn k9_a_hundred_requests_share_one_wait_for_a_server_that_stalls() {
    let scene = Scenery::set().await;
    scene.server.reply(KEYS, Reply::manner(Manner::Stalling));
    let keys = scene.at().timeout(SHORT).build().unwrap();
    let layer = scene.guard(&keys);
    let token = scene.signer.token("ada").sign();
    let answers = futures_util::future::join_all((0..100).map(|_| ask(&layer, &token))).await;
    answers.iter().for_each(assert_unavailable);
    assert_eq!(scene.server.fetches(), 1);
    // Until the next try is due, nobody waits.
    assert_unavailable(&ask(&layer, &token).await);
    assert_eq!(scene.server.fetches(), 1);
}

#[test]
fn k9_lazy_keys_may_be_built_before_there_is_a_runtime() {
    let keys =
        tower_warden::authn::jwks::RemoteKeys::discover("https://issuer.example").build().unwrap();
    // Nobody to fetch: no panic, no waiting, and nothing counted as a try.
    assert!(keys.current().is_none() && keys.renew().is_none());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(async {
        let scene = Scenery::set().await;
        let (name, clock) = (scene.server.issuer(), scene.clock.clone());
        let built = std::thread::spawn(move || {
            let keys = tower_warden::authn::jwks::RemoteKeys::discover(&name);
            keys.insecure_allow_loopback_http().clock(clock).build().unwrap()
        });
        let keys = built.join().unwrap();
        assert_eq!(status(&scene.guard(&keys), &scene.signer).await, 200);
    });
}

#[tokio::test]
async fn k9_an_issuer_that_comes_back_is_found_without_requests() {
    let scene = Scenery::set().await;
    scene.server.reply(KEYS, Reply::manner(Manner::HangingUp));
    let keys = scene.at().clock(tower_warden::clock::SystemClock::default()).build().unwrap();
    keys.load().await.unwrap_err();
    scene.server.publish([&scene.signer]);
    until(|| keys.current().is_some()).await; // after the first pause, of a second at most
}
