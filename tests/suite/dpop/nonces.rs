//! Nonces of the server (RFC 9449 8, 9).

use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::dpop::NonceKey;
use tower_warden::testing::TestDpopKey;

use super::{NOW, World, challenge_with, seconds, send};
use crate::support::Answer;

fn shared_key() -> NonceKey {
    NonceKey::from_secret(b"a key that the instances share, in a test").unwrap()
}

fn with_nonces(world: &World, key: NonceKey) -> AuthenticateLayer {
    AuthenticateLayer::new(world.builder().nonces(key).build().unwrap())
}

/// A client that knows this nonce asks.
async fn ask(world: &World, layer: &AuthenticateLayer, nonce: &str) -> Answer {
    let token = world.token();
    let proof = world.proof(&token);
    let proof = if nonce.is_empty() { proof } else { proof.nonce(nonce) };
    send(layer, &token, &proof.sign()).await
}

#[tokio::test]
async fn p9_p15_a_proof_without_a_nonce_gets_one_and_with_it_is_let_in() {
    let world = World::new();
    let layer = with_nonces(&world, NonceKey::random());
    let first = ask(&world, &layer, "").await;
    assert_eq!((first.status, first.reason()), (401, "dpop_nonce_missing"));
    assert_eq!(first.header("www-authenticate"), challenge_with("use_dpop_nonce"));
    assert_eq!(first.header("cache-control"), "no-store");
    let nonce = first.header("dpop-nonce"); // exactly one
    assert_eq!(nonce.len(), 22);

    let second = ask(&world, &layer, nonce).await;
    assert_eq!((second.status, second.all("dpop-nonce")), (200, vec![]), "nothing new to say");
    let forgotten = ask(&world, &layer, "").await;
    assert_eq!(forgotten.reason(), "dpop_nonce_missing", "once given, a nonce stays a must");
}

#[tokio::test]
async fn p9_a_nonce_that_was_never_given_or_is_too_old_is_none() {
    let world = World::new();
    let layer = with_nonces(&world, shared_key());
    let nonce = ask(&world, &layer, "").await.header("dpop-nonce").to_owned();
    for wrong in ["made-up", &nonce[1..], &format!("{nonce}A"), &nonce.to_lowercase()] {
        let answer = ask(&world, &layer, wrong).await;
        assert_eq!((answer.status, answer.reason()), (401, "dpop_nonce"), "{wrong}");
        assert_eq!(answer.header("www-authenticate"), challenge_with("use_dpop_nonce"));
        assert_eq!(answer.header("dpop-nonce"), nonce);
    }
    world.clock.advance(seconds(240));
    assert_eq!(ask(&world, &layer, &nonce).await.reason(), "dpop_nonce");
}

#[tokio::test]
async fn p17_the_previous_nonce_is_good_and_the_response_brings_the_next() {
    let world = World::new();
    let layer = with_nonces(&world, shared_key());
    let old = ask(&world, &layer, "").await.header("dpop-nonce").to_owned();
    world.clock.advance(seconds(120));
    let renewed = ask(&world, &layer, &old).await;
    assert_eq!((renewed.status, renewed.header("cache-control")), (200, "no-store"));
    let new = renewed.header("dpop-nonce");
    assert_ne!(new, old);
    let next = ask(&world, &layer, new).await;
    assert_eq!((next.status, next.all("dpop-nonce")), (200, vec![]));
}

#[tokio::test]
async fn p17_instances_that_share_the_key_accept_each_others_nonces_and_others_do_not() {
    let world = World::new();
    let [one, two] = [(); 2].map(|()| with_nonces(&world, shared_key()));
    let stranger = with_nonces(&world, NonceKey::random());
    let nonce = ask(&world, &one, "").await.header("dpop-nonce").to_owned();
    assert_eq!(ask(&world, &two, &nonce).await.status, 200);
    assert_eq!(ask(&world, &stranger, &nonce).await.reason(), "dpop_nonce");

    // The other instance's clock is a little behind, just before the nonce changes.
    world.clock.advance(seconds(120 - NOW % 120));
    let nonce = ask(&world, &one, "").await.header("dpop-nonce").to_owned();
    world.clock.set_unix(seconds(NOW + 120 - NOW % 120 - 5));
    assert_eq!(ask(&world, &two, &nonce).await.status, 200);
    world.clock.set_unix(seconds(NOW + 120 - NOW % 120 - 6));
    assert_eq!(ask(&world, &two, &nonce).await.reason(), "dpop_nonce");
}

#[tokio::test]
async fn p9_a_nonce_is_for_those_who_hold_token_and_key() {
    let world = World::new();
    let layer = with_nonces(&world, shared_key());
    let thief = World { key: TestDpopKey::new(), ..world.clone() };
    let token = world.token();
    let stolen = send(&layer, &token, &thief.proof(&token).sign()).await;
    assert_eq!((stolen.reason(), stolen.all("dpop-nonce")), ("dpop_key_mismatch", vec![]));

    // A proof that asks for its nonce is not used up by that.
    let proof = world.proof(&token).sign();
    for _ in 0..2 {
        assert_eq!(send(&layer, &token, &proof).await.reason(), "dpop_nonce_missing");
    }
}

#[tokio::test]
async fn p9_without_nonces_a_proof_may_carry_any() {
    let world = World::new();
    let answer = ask(&world, &world.layer(), "of another server").await;
    assert_eq!((answer.status, answer.all("dpop-nonce")), (200, vec![]));
}
