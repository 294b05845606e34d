//! Keys that are dear to find, or cannot be found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tower::{Layer, service_fn};
use tower_warden::client_address::ClientAddress;
use tower_warden::rate_limit::{Key, Limit, Quota, RateLimitBuilder, RateLimitLayer};
use tower_warden::testing::FakeClock;

use crate::support::{ask, get, hello};

async fn status(layer: &RateLimitLayer) -> u16 {
    let mut request = get("/", &[]);
    request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
    ask(layer.layer(service_fn(hello)), request).await.status
}

fn built(limits: impl IntoIterator<Item = Limit>) -> RateLimitLayer {
    let builder = limits.into_iter().fold(RateLimitLayer::builder(), RateLimitBuilder::limit);
    builder.clock(FakeClock::at_unix(0)).build().unwrap()
}

/// Somebody pays for each look-up: whoever is refused anyway does not cause one.
#[tokio::test]
async fn q9_a_spent_address_does_not_have_keys_looked_up() {
    let lookups = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&lookups);
    let shop = Key::from_async_fn("shop", move |_| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Some("7".to_owned()))
        }
    });
    let quota = Quota::per_minute(2);
    let shop = Limit::new("shop", shop, quota.burst(100));
    let layer = built([Limit::by_address("address", quota), shop]);
    for expected in [200, 200, 429, 429, 429] {
        assert_eq!(status(&layer).await, expected);
    }
    assert_eq!(lookups.load(Ordering::Relaxed), 2);
    assert_eq!(layer.limiter("address").unwrap().usage().refused, 3);
    assert_eq!(layer.limiter("shop").unwrap().usage().charged, 2);
}

/// A limit on trial refuses nothing: not when its key breaks, either.
#[tokio::test]
async fn q14_a_limit_on_trial_whose_key_breaks_refuses_nothing() {
    let panics = Key::from_fn("panics", |_| panic!("moody"));
    let fails = Key::from_async_fn("fails", |_| async { Err::<Option<String>, _>("down") });
    let hangs = Key::from_async_fn_within(Duration::from_millis(5), "hangs", |_| {
        std::future::pending::<Result<Option<String>, std::io::Error>>()
    });
    for key in [panics, fails, hangs] {
        let trial = Limit::new("trial", key.clone(), Quota::per_minute(1));
        let address = Limit::by_address("address", Quota::per_minute(2));
        let layer = built([trial.clone().shadow(), address.clone()]);
        assert_eq!([status(&layer).await, status(&layer).await], [200, 200], "{key:?}");
        assert_eq!(status(&layer).await, 429, "the other limit counts: {key:?}");
        assert_eq!(status(&built([trial, address])).await, 503, "in force: {key:?}");
    }
}
