//! Key stores that have to ask somebody, and those that are down.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, ApiKeyStore};
use tower_warden::authn::app_key::{App, AppKeyAuthenticator, AppStore};
use tower_warden::authn::issued_key::{Holder, KeyId, Lookup, StoreError};

use crate::support::{Answer, Logs, get};
use crate::witness::{basic, forged, issue, seen, witness};

/// A store that answers later, or never.
#[derive(Debug)]
struct Database(Option<Arc<ApiKeyRecord>>);

impl ApiKeyStore for Database {
    fn find(&self, id: KeyId) -> Lookup<Arc<ApiKeyRecord>> {
        let Some(record) = self.0.clone() else { return Lookup::pending(future::pending()) };
        Lookup::pending(async move {
            tokio::task::yield_now().await;
            Ok((record.id() == id).then_some(record))
        })
    }
}

/// A store that is down.
#[derive(Debug)]
struct Down {
    pending: bool,
}

impl Down {
    fn fail<T: Send + 'static>(&self) -> Lookup<T> {
        let error = || StoreError::new("connection refused").retry_after(Duration::from_secs(7));
        if self.pending {
            Lookup::pending(async move { Err(error()) })
        } else {
            Lookup::Ready(Err(error()))
        }
    }
}

impl ApiKeyStore for Down {
    fn find(&self, _id: KeyId) -> Lookup<Arc<ApiKeyRecord>> {
        self.fail()
    }
}

impl AppStore for Down {
    fn find(&self, _id: &str) -> Lookup<Arc<App>> {
        self.fail()
    }
}

async fn ask_with(layer: &AuthenticateLayer, key: &str) -> Answer {
    witness(layer, get("/", &[("x-api-key", key)])).await
}

#[tokio::test]
async fn a_database_is_waited_for() {
    let issued = issue();
    let record =
        ApiKeyRecord::builder(issued.id, issued.hash, Holder::new("billing")).build().unwrap();
    let layer = AuthenticateLayer::new(ApiKeyAuthenticator::new(Database(Some(record.into()))));
    let answer = ask_with(&layer, issued.key.expose()).await;
    assert_eq!(seen(&answer).subject(), "billing");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(ask_with(&layer, &forged(&issued)).await.reason(), "api_key_secret_mismatch");
    assert_eq!(ask_with(&layer, issue().key.expose()).await.reason(), "api_key_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_does_not_answer_is_unavailable_after_a_while() {
    let scheme = ApiKeyAuthenticator::builder(Database(None)).store_timeout(Duration::from_secs(9));
    let layer = AuthenticateLayer::new(scheme.build().unwrap()).optional();
    let start = tokio::time::Instant::now();
    let answer = ask_with(&layer, issue().key.expose()).await;
    assert_eq!((answer.status, answer.reason()), (503, "key_store_timeout"));
    assert_eq!(answer.header("retry-after"), "5");
    let waited = start.elapsed();
    assert!((9..10).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test]
async fn a_store_that_fails_neither_admits_nor_blames_the_caller() {
    let key = issue();
    let key = key.key.expose();
    for pending in [false, true] {
        let logs = Logs::capture();
        let layer = AuthenticateLayer::new(ApiKeyAuthenticator::new(Down { pending }))
            .or(AppKeyAuthenticator::headers(Down { pending }))
            .or(AppKeyAuthenticator::basic(Down { pending }))
            .optional();
        for headers in [
            &[("x-api-key", key)][..],
            &[("x-app-id", "shop-7"), ("x-app-key", key)],
            &[("x-app-id", "shop-7")],
            &[("authorization", &basic("shop-7", key))],
        ] {
            let answer = witness(&layer, get("/", headers)).await;
            assert_eq!((answer.status, answer.reason()), (503, "key_store_unavailable"));
            assert_eq!(answer.header("retry-after"), "7");
            assert!(answer.all("www-authenticate").is_empty());
            assert!(!answer.text().contains("connection"), "{}", answer.text());
        }
        assert_eq!(logs.text().matches("connection refused").count(), 4, "{}", logs.text());
    }
}
