//! Proofs used twice, and the store that finds them.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::replay::{
    MemoryReplayStore, Novelty, Remembered, ReplayStore, ReplayStoreError, SpentProof,
};
use tower_warden::testing::{FakeClock, TestDpopKey};

use super::{NOW, World, ask, challenge_with, seconds, send};

/// A layer that remembers proofs in `store`.
pub(super) fn remembering(world: &World, store: impl ReplayStore) -> AuthenticateLayer {
    AuthenticateLayer::new(world.builder().replay_store(store).build().unwrap())
}

fn ready(store: &MemoryReplayStore, proof: &SpentProof) -> Option<Novelty> {
    match store.remember(proof) {
        Remembered::Ready(answer) => answer.ok(),
        Remembered::Pending(_) => unreachable!("memory answers at once"),
    }
}

fn spent(key: u8, id: usize) -> SpentProof {
    SpentProof::new(&[key; 32], &id.to_string(), seconds(66))
}

#[tokio::test]
async fn p16_a_proof_is_good_once_wherever_and_however_it_is_sent_again() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    let proof = world.proof(&token).sign();
    assert_eq!(send(&layer, &token, &proof).await.status, 200);
    for path in ["/orders", "/orders?page=2", "/%6Frders", "/a/../orders"] {
        let again = ask(&layer, Method::GET, path, &token, &[&proof]).await;
        assert_eq!((again.status, again.reason()), (401, "dpop_replayed"), "{path}");
        assert_eq!(again.header("www-authenticate"), challenge_with("invalid_dpop_proof"));
    }
    assert_eq!(
        ask(&layer, Method::POST, "/orders", &token, &[&proof]).await.reason(),
        "dpop_method"
    );
    // The same `jti` in another proof of the same key is a second use; of another key it is not.
    let same_id = world.proof(&token).claim("jti", "mine").claim("htu", super::ORDERS).sign();
    assert_eq!(send(&layer, &token, &same_id).await.status, 200);
    let same_id = world.proof(&token).claim("jti", "mine").claim("more", 1).sign();
    assert_eq!(send(&layer, &token, &same_id).await.reason(), "dpop_replayed");
    let other = World { key: TestDpopKey::new(), ..world.clone() };
    let token = other.token();
    assert_eq!(
        send(&layer, &token, &other.proof(&token).claim("jti", "mine").sign()).await.status,
        200
    );
}

/// A signature that is not deterministic makes many proofs of the same claims: they are one.
#[tokio::test]
async fn p16_the_same_claims_signed_again_are_the_same_proof() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    let proof = world.proof(&token);
    let (one, two) = (proof.clone().sign(), proof.sign());
    assert_ne!(one, two);
    assert_eq!(send(&layer, &token, &one).await.status, 200);
    assert_eq!(send(&layer, &token, &two).await.reason(), "dpop_replayed");
}

#[tokio::test]
async fn p16_a_proof_is_remembered_as_long_as_it_could_be_accepted() {
    for made_at in [NOW - 60, NOW - 59, NOW, NOW + 5] {
        let world = World::new();
        let store = MemoryReplayStore::default().clock(world.clock.clone());
        let layer = remembering(&world, store);
        let token = world.unbound().bound_to(&world.key).sign();
        let proof = world.proof(&token).issued_at(seconds(made_at)).sign();
        assert_eq!(send(&layer, &token, &proof).await.status, 200);
        let mut reasons = Vec::new();
        for _ in 0..70 {
            reasons.push(send(&layer, &token, &proof).await.reason());
            world.clock.advance(seconds(1));
        }
        reasons.dedup();
        assert_eq!(reasons, ["dpop_replayed", "dpop_too_old"], "{made_at}");
    }
}

/// The slower instance would take the proof for good a little longer: so long it is remembered.
#[tokio::test]
async fn p16_an_instance_whose_clock_is_behind_still_finds_what_another_has_seen() {
    let world = World::new();
    let behind = World { clock: FakeClock::at_unix(NOW - 5), ..world.clone() };
    let store = MemoryReplayStore::default().clock(world.clock.clone());
    let [one, two] = [&world, &behind].map(|world| remembering(world, store.clone()));
    let token = behind.token();
    let proof = world.proof(&token).issued_at(seconds(NOW - 60)).sign();
    assert_eq!(send(&one, &token, &proof).await.status, 200);
    let turn = || [&world, &behind].iter().for_each(|world| world.clock.advance(seconds(1)));
    for _ in 0..5 {
        turn();
        assert_eq!(send(&one, &token, &proof).await.reason(), "dpop_too_old");
        assert_eq!(send(&two, &token, &proof).await.reason(), "dpop_replayed");
    }
    turn();
    assert_eq!(send(&two, &token, &proof).await.reason(), "dpop_too_old");
}

/// Counts what it is asked.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl ReplayStore for Counting {
    fn remember(&self, _: &SpentProof) -> Remembered {
        self.0.fetch_add(1, Ordering::SeqCst);
        Remembered::Ready(Ok(Novelty::New))
    }
}

#[tokio::test]
async fn p16_a_proof_that_is_refused_never_comes_near_the_store() {
    let world = World::new();
    let store = Counting::default();
    let layer = remembering(&world, store.clone());
    let token = world.token();
    let thief = World { key: TestDpopKey::new(), ..world.clone() };
    let unbound = world.unbound().sign();
    let good = world.proof(&token).sign();
    for (token, proof) in [
        (&token, thief.proof(&token).sign()),
        (&token, world.proof(&token).claim("htm", "POST").sign()),
        (&token, good.rsplit_once('.').unwrap().0.to_owned() + ".AAAA"),
        (&unbound, world.proof(&unbound).sign()),
        (&"made.up.token".to_owned(), world.proof("made.up.token").sign()),
    ] {
        assert_eq!(send(&layer, token, &proof).await.status, 401);
    }
    assert_eq!(store.0.load(Ordering::SeqCst), 0);
    assert_eq!(send(&layer, &token, &good).await.status, 200);
    assert_eq!(store.0.load(Ordering::SeqCst), 1);
}

#[derive(Debug)]
struct Down;

impl ReplayStore for Down {
    fn remember(&self, _: &SpentProof) -> Remembered {
        Remembered::pending(async {
            Err(ReplayStoreError::new("db-7.internal").retry_after(seconds(7)))
        })
    }
}

#[derive(Debug)]
struct Silent;

impl ReplayStore for Silent {
    fn remember(&self, _: &SpentProof) -> Remembered {
        Remembered::pending(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn p16_a_store_that_fails_or_is_silent_is_503_and_lets_nobody_in() {
    let world = World::new();
    let token = world.token();
    let answer = send(&remembering(&world, Down), &token, &world.proof(&token).sign()).await;
    assert_eq!((answer.status, answer.reason()), (503, "replay_store_unavailable"));
    assert_eq!((answer.header("retry-after"), answer.all("www-authenticate")), ("7", vec![]));
    assert!(!answer.text().contains("db-7"));
    let answer = send(&remembering(&world, Silent), &token, &world.proof(&token).sign()).await;
    assert_eq!((answer.status, answer.reason()), (503, "replay_store_timeout"));
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn p16_a_full_store_refuses_and_has_room_again_when_proofs_expire() {
    let world = World::new();
    let store = MemoryReplayStore::with_capacity(3, 2).clock(world.clock.clone());
    let layer = remembering(&world, store.clone());
    let others = [(); 2].map(|()| World { key: TestDpopKey::new(), ..world.clone() });
    let once = async |who: &World| {
        let token = who.token();
        let answer = send(&layer, &token, &who.proof(&token).sign()).await;
        (answer.status, answer.reason())
    };
    assert_eq!(once(&world).await, (200, ""));
    assert_eq!(once(&world).await, (200, ""));
    // One client has had its share; the others have theirs.
    assert_eq!(once(&world).await, (429, "replay_store_quota"));
    assert_eq!(once(&others[0]).await, (200, ""));
    assert_eq!(once(&others[1]).await, (503, "replay_store_unavailable"));
    assert_eq!(store.held(), 3);
    world.clock.advance(seconds(67));
    assert_eq!(once(&others[1]).await, (200, ""));
    assert_eq!(once(&world).await, (200, ""));
}

#[test]
fn p16_expired_proofs_leave_a_few_at_a_time_and_nothing_is_lost_that_counts() {
    let clock = FakeClock::at_unix(NOW);
    let store = MemoryReplayStore::with_capacity(10_000, 10_000).clock(clock.clone());
    for id in 0..5_000 {
        assert_eq!(ready(&store, &spent((id % 200) as u8, id)), Some(Novelty::New));
    }
    clock.advance(seconds(40));
    for id in 5_000..6_000 {
        assert_eq!(ready(&store, &spent((id % 200) as u8, id)), Some(Novelty::New));
    }
    clock.advance(seconds(40));
    assert_eq!(store.held(), 6_000);
    for id in 6_000..7_000 {
        ready(&store, &spent((id % 200) as u8, id));
    }
    assert!(store.held() < 2_500, "{} held", store.held());
    for id in 5_000..7_000 {
        assert_eq!(ready(&store, &spent((id % 200) as u8, id)), Some(Novelty::Replayed), "{id}");
    }
    assert_eq!(ready(&store, &spent(0, 0)), Some(Novelty::New), "long expired");
}

#[test]
fn p16_a_key_that_spent_its_share_gets_it_back_as_its_proofs_expire() {
    let clock = FakeClock::at_unix(NOW);
    let store = MemoryReplayStore::with_capacity(1_000_000, 100).clock(clock.clone());
    for id in 0..100 {
        assert_eq!(ready(&store, &spent(1, id)), Some(Novelty::New));
    }
    assert_eq!(ready(&store, &spent(1, 100)), Some(Novelty::QuotaSpent));
    assert_eq!(ready(&store, &spent(1, 7)), Some(Novelty::Replayed), "still remembered");
    assert_eq!(ready(&store, &spent(2, 100)), Some(Novelty::New), "another key");
    clock.advance(seconds(66));
    for id in 0..100 {
        assert_eq!(ready(&store, &spent(1, id)), Some(Novelty::New), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p16_of_100_uses_at_the_same_time_one_is_admitted() {
    let world = World::new();
    assert_eq!(admitted_of_100(&world, &world.layer()).await, 1);
}

/// How many of 100 uses of one proof, all under way at once, are let in; the others are refused as replays.
pub(super) async fn admitted_of_100(world: &World, layer: &AuthenticateLayer) -> usize {
    let token = world.token();
    let proof = world.proof(&token).sign();
    let uses = (0..100).map(|_| {
        let (layer, token, proof) = (layer.clone(), token.clone(), proof.clone());
        tokio::spawn(async move { send(&layer, &token, &proof).await })
    });
    let answers = futures_util::future::join_all(uses.collect::<Vec<_>>()).await;
    let mut admitted = 0;
    for answer in answers.into_iter().map(Result::unwrap) {
        assert!(answer.status == 200 || answer.reason() == "dpop_replayed", "{}", answer.reason());
        admitted += usize::from(answer.status == 200);
    }
    admitted
}
