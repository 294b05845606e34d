//! A real provider changes its keys, fails and stalls, while requests come in over a real socket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tower_warden::authn::jwks::RemoteKeys;
use tower_warden::authn::jwt::KeySource;
use tower_warden::testing::{FakeClock, TestIssuer};

use super::served::{Service, clock, seconds, until};
use super::{Provider, RESOURCE};

/// Requests that never cease, with all tokens that are good at the time.
struct Traffic {
    tokens: Arc<Mutex<Vec<String>>>,
    /// How many answers each task got.
    answered: Vec<Arc<AtomicUsize>>,
    refused: Arc<Mutex<Vec<u16>>>,
    _tasks: JoinSet<()>,
}

impl Traffic {
    fn start(service: &Arc<Service>, token: &str) -> Self {
        let tokens = Arc::new(Mutex::new(vec![token.to_owned()]));
        let (refused, mut tasks) = (Arc::<Mutex<Vec<u16>>>::default(), JoinSet::new());
        let answered: Vec<Arc<AtomicUsize>> = (0..4).map(|_| Arc::default()).collect();
        for count in answered.iter().map(Arc::clone) {
            let (service, tokens) = (Arc::clone(service), Arc::clone(&tokens));
            let refused = Arc::clone(&refused);
            tasks.spawn(async move {
                loop {
                    let tokens = tokens.lock().unwrap().clone();
                    for token in tokens {
                        let status = service.bearer(&token).await.status;
                        if status != 200 {
                            refused.lock().unwrap().push(status);
                        }
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { tokens, answered, refused, _tasks: tasks }
    }

    /// From now on with these.
    fn with(&self, tokens: &[&String]) {
        *self.tokens.lock().unwrap() = tokens.iter().map(|token| (*token).clone()).collect();
    }

    /// Waits until every task got answers to requests that it began after this was called. None may be a refusal.
    async fn more(&self) {
        for answered in &self.answered {
            let before = answered.load(Ordering::SeqCst);
            until(async || answered.load(Ordering::SeqCst) > before + 3).await;
        }
        assert_eq!(*self.refused.lock().unwrap(), Vec::<u16>::new());
    }
}

/// A service that has the provider's keys, and the clock by which they age.
async fn served(provider: &Provider) -> (Arc<Service>, RemoteKeys, FakeClock) {
    let clock = clock();
    let keys = provider.keys().clock(clock.clone()).build().unwrap();
    keys.load().await.unwrap();
    let service = Service::of(provider.trusted_for(RESOURCE, keys.clone())).await;
    (Arc::new(service), keys, clock)
}

/// Lets an unknown key be a reason to ask again.
fn after_the_cooldown(clock: &FakeClock) {
    clock.advance(seconds(30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn k3_k7_a_real_provider_rotates_its_keys_and_no_good_token_is_refused() {
    let provider = Provider::start();
    let (service, _keys, clock) = served(&provider).await;
    let first = provider.jwt_token(RESOURCE).await;
    let traffic = Traffic::start(&service, &first);
    traffic.more().await;
    assert_eq!(provider.asked("/jwks").await, 1);

    // New keys beside the old ones: tokens of both are good.
    provider.rotate(true).await;
    let second = provider.jwt_token(RESOURCE).await;
    after_the_cooldown(&clock);
    traffic.with(&[&first, &second]);
    traffic.more().await;
    assert_eq!(provider.asked("/jwks").await, 2);

    // New keys instead of the old ones: only the new tokens are good, the others are no more, remembered or not.
    provider.rotate(false).await;
    let third = provider.jwt_token(RESOURCE).await;
    drop(traffic); // whose tokens are good no more once the keys are here
    after_the_cooldown(&clock);
    let traffic = Traffic::start(&service, &third);
    traffic.more().await;
    assert_eq!(provider.asked("/jwks").await, 3);
    for old in [&first, &second] {
        assert_eq!(service.bearer(old).await.status, 401);
    }
    traffic.more().await;
    assert_eq!(provider.asked("/jwks").await, 3, "within the cooldown nobody asks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn k3_a_hundred_tokens_of_unknown_keys_make_a_real_provider_be_asked_once() {
    let provider = Provider::start();
    let (service, _keys, clock) = served(&provider).await;
    let forged = |name: &str| {
        let signer = TestIssuer::new(provider.issuer(), RESOURCE).with_key_id(name);
        signer.token("ada").scope("orders:read").sign()
    };
    let forged: Vec<String> = (0..100).map(|number| forged(&number.to_string())).collect();
    let all = async |tokens: &[String]| -> Vec<u16> {
        let answers = join_all(tokens.iter().map(|token| service.bearer(token))).await;
        answers.into_iter().map(|answer| answer.status).collect()
    };
    // Right after the keys came, for no reason at all.
    assert_eq!(all(&forged).await, [401; 100]);
    assert_eq!(provider.asked("/jwks").await, 1);
    // Later once for all, and each waits for what comes of it.
    provider.fault("/jwks", 0, 200, 1).await;
    after_the_cooldown(&clock);
    assert_eq!(all(&forged).await, [401; 100]);
    assert_eq!(provider.asked("/jwks").await, 2);
    // A failure counts like an answer; but whether these keys are new ones cannot be told then.
    provider.fault("/jwks", 503, 0, u32::MAX).await;
    after_the_cooldown(&clock);
    assert_eq!(all(&forged).await, [503; 100]);
    assert_eq!(provider.asked("/jwks").await, 3);
    // The same with good tokens of a new key, which are all admitted.
    provider.fault("/jwks", 0, 200, 1).await;
    provider.rotate(false).await;
    let good = join_all((0..100).map(|_| provider.jwt_token(RESOURCE))).await;
    after_the_cooldown(&clock);
    assert_eq!(all(&good).await, [200; 100]);
    assert_eq!(provider.asked("/jwks").await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn k4_k7_a_real_provider_in_trouble_is_nothing_to_requests_whose_keys_are_known() {
    let provider = Provider::start();
    let (service, keys, clock) = served(&provider).await;
    let known = provider.jwt_token(RESOURCE).await;
    let traffic = Traffic::start(&service, &known);
    provider.rotate(true).await;
    let new = provider.jwt_token(RESOURCE).await;
    for (status, body) in [(500, "{}"), (404, ""), (200, "no key set"), (200, "{\"keys\":[]}")] {
        provider.answer("/jwks", status, body, u32::MAX).await;
        let before = provider.asked("/jwks").await;
        clock.advance(seconds(600)); // the keys are no longer current
        until(async || provider.asked("/jwks").await > before).await;
        traffic.more().await;
        assert_eq!(service.bearer(&new).await.status, 503, "{status} {body}: its key is not here");
    }
    // It stalls: known tokens do not wait for it, and the answer that comes at last is good.
    provider.fault("/jwks", 0, 4_000, u32::MAX).await;
    let (before, held) = (provider.asked("/jwks").await, keys.current().unwrap());
    clock.advance(seconds(600));
    until(async || provider.asked("/jwks").await > before).await;
    traffic.more().await;
    assert!(Arc::ptr_eq(&held, &keys.current().unwrap()), "it has not answered yet");
    until(async || {
        clock.advance(seconds(1));
        service.bearer(&new).await.status == 200
    })
    .await;
    traffic.with(&[&known, &new]);
    traffic.more().await;
    // And when it is gone, what is known stays good for a day.
    drop(provider);
    clock.advance(seconds(23 * 3_600));
    traffic.more().await;
    clock.advance(seconds(2 * 3_600));
    until(async || service.bearer(&new).await.status == 503).await;
}
