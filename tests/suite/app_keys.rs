//! AppID and AppKey through the authentication layer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Request};
use proptest::prelude::*;
use tower_warden::authn::app_key::{
    AddKeyError, App, AppKey, AppKeyAuthenticator, AppKeyTransport, MemoryAppStore,
};
use tower_warden::authn::issued_key::{Holder, IssuedKey, SecretHash};
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator};
use tower_warden::clock::Clock;
use tower_warden::principal::PrincipalKind;
use tower_warden::testing::FakeClock;

use crate::support::{Answer, Logs, TestBody, get};
use crate::witness::{basic, forged, issue, outside, seen, witness};

const NOW: u64 = 1_800_000_000;

fn key(issued: &IssuedKey) -> AppKey {
    AppKey::new(issued.id, issued.hash)
}

fn shop() -> Holder {
    Holder::new("shop-7").scope("orders:read").role("partner").tenant("acme").plan("gold")
}

/// A store with one app, and its key.
fn stored() -> (IssuedKey, MemoryAppStore) {
    let (issued, store) = (issue(), MemoryAppStore::new());
    store.insert(App::builder(shop()).key(key(&issued)).build().expect("a valid app"));
    (issued, store)
}

/// Both transports of one store.
fn layer(store: &MemoryAppStore) -> AuthenticateLayer {
    AuthenticateLayer::new(AppKeyAuthenticator::headers(store.clone()))
        .or(AppKeyAuthenticator::basic(store.clone()))
}

async fn by_headers(layer: &AuthenticateLayer, id: &str, key: &str) -> Answer {
    witness(layer, get("/", &[("x-app-id", id), ("x-app-key", key)])).await
}

async fn by_basic(layer: &AuthenticateLayer, id: &str, key: &str) -> Answer {
    witness(layer, get("/", &[("authorization", &basic(id, key))])).await
}

#[tokio::test]
async fn a6_an_app_is_one_principal_however_its_key_comes() {
    let (issued, store) = stored();
    let layer = layer(&store);
    for (answer, scheme) in [
        (by_headers(&layer, "shop-7", issued.key.expose()).await, "AppKey"),
        (by_basic(&layer, "shop-7", issued.key.expose()).await, "Basic"),
    ] {
        let app = seen(&answer);
        assert_eq!(app.identity(), ("app-key", "shop-7"));
        assert_eq!((app.kind(), app.scheme()), (PrincipalKind::App, scheme));
        assert_eq!(app.client_id(), Some("shop-7"));
        assert_eq!(app.scopes().to_string(), "orders:read");
        assert!(app.has_role("partner"));
        assert_eq!((app.tenant(), app.plan()), (Some("acme"), Some("gold")));
    }
}

#[tokio::test]
async fn a6_an_id_alone_is_no_credential() {
    let (_, store) = stored();
    let layer = layer(&store).optional();
    let answer = witness(&layer, get("/", &[("x-app-id", "shop-7")])).await;
    assert_eq!((answer.status, answer.reason()), (401, "app_key_missing"));
    let answer = by_basic(&layer, "shop-7", "").await;
    assert_eq!((answer.status, answer.reason()), (401, "app_key_missing"));
}

#[tokio::test]
async fn a6_a_key_without_its_id_is_no_credential() {
    let (issued, store) = stored();
    let layer = layer(&store).optional();
    let answer = witness(&layer, get("/", &[("x-app-key", issued.key.expose())])).await;
    assert_eq!((answer.status, answer.reason()), (401, "app_id_missing"));
    let answer = by_basic(&layer, "", issued.key.expose()).await;
    assert_eq!((answer.status, answer.reason()), (401, "app_id_malformed"));
}

#[tokio::test]
async fn a6_the_key_of_another_app_is_no_credential() {
    let (issued, store) = stored();
    let other = issue();
    store.insert(App::builder(Holder::new("shop-8")).key(key(&other)).build().unwrap());
    store.insert(App::builder(Holder::new("no-keys")).build().unwrap());
    let layer = layer(&store);
    for (id, key) in [("shop-7", &other), ("shop-8", &issued), ("no-keys", &issued)] {
        assert_eq!(by_headers(&layer, id, key.key.expose()).await.reason(), "app_key_mismatch");
    }
    assert_eq!(seen(&by_headers(&layer, "shop-8", other.key.expose()).await).subject(), "shop-8");
}

#[tokio::test]
async fn a6_a_keyless_app_gets_by_its_id_what_was_given_to_that_alone() {
    let (issued, store) = (issue(), MemoryAppStore::new());
    let logs = Logs::capture();
    store.insert(
        App::builder(shop()).key(key(&issued)).insecure_keyless(["status:read"]).build().unwrap(),
    );
    assert!(logs.text().contains("insecure_keyless") && logs.text().contains("shop-7"));

    let layer = layer(&store);
    for answer in [
        witness(&layer, get("/", &[("x-app-id", "shop-7")])).await,
        by_basic(&layer, "shop-7", "").await,
    ] {
        let app = seen(&answer);
        assert_eq!(app.subject(), "shop-7");
        assert_eq!(app.scopes().to_string(), "status:read");
        assert_eq!(app.roles().count(), 0);
    }
    let with_key = by_headers(&layer, "shop-7", issued.key.expose()).await;
    assert_eq!(seen(&with_key).scopes().to_string(), "orders:read");

    // A bad key does not fall back to none.
    let answer = by_headers(&layer, "shop-7", &forged(&issued)).await;
    assert_eq!((answer.status, answer.reason()), (401, "app_key_mismatch"));
    let answer = by_headers(&layer, "shop-7", "").await;
    assert_eq!((answer.status, answer.reason()), (401, "app_key_malformed"));
    assert!(store.suspend("shop-7"));
    let answer = witness(&layer, get("/", &[("x-app-id", "shop-7")])).await;
    assert_eq!((answer.status, answer.reason()), (401, "app_suspended"));
}

#[tokio::test]
async fn a6_five_keys_are_good_at_once_and_a_sixth_is_refused() {
    let keys: Vec<IssuedKey> = (0..6).map(|_| issue()).collect();
    let store = MemoryAppStore::new();
    store.insert(App::builder(shop()).key(key(&keys[0])).build().unwrap());
    for more in &keys[1..5] {
        store.add_key("shop-7", key(more)).unwrap();
    }
    let layer = layer(&store);
    for good in &keys[..5] {
        assert_eq!(by_headers(&layer, "shop-7", good.key.expose()).await.status, 200);
    }
    let error = store.add_key("shop-7", key(&keys[5])).unwrap_err();
    assert_eq!(error, AddKeyError::TooManyKeys { limit: 5 });
    let refused = by_headers(&layer, "shop-7", keys[5].key.expose()).await;
    assert_eq!(refused.reason(), "app_key_mismatch");
    // The same key once more is no new key, and one that went makes room.
    store.add_key("shop-7", key(&keys[4])).unwrap();
    assert!(store.revoke_key("shop-7", keys[0].id));
    store.add_key("shop-7", key(&keys[5])).unwrap();
    assert_eq!(by_headers(&layer, "shop-7", keys[5].key.expose()).await.status, 200);
    assert_eq!(store.add_key("shop-8", key(&keys[5])), Err(AddKeyError::UnknownApp));

    let builder = keys.iter().fold(App::builder(shop()), |builder, more| builder.key(key(more)));
    assert!(builder.clone().build().unwrap_err().to_string().contains("5 keys"));
    assert_eq!(builder.max_keys(6).build().unwrap().key_ids().count(), 6);
}

#[tokio::test]
async fn a6_each_key_has_a_time_of_its_own() {
    let clock = FakeClock::at_unix(NOW);
    let hour = Duration::from_secs(3600);
    let [old, new] = [issue(), issue()];
    let store = MemoryAppStore::new();
    store.insert(
        App::builder(shop())
            .key(key(&old).expires_at(clock.unix() + 2 * hour))
            .key(key(&new).not_before(clock.unix() + hour))
            .build()
            .unwrap(),
    );
    let scheme = AppKeyAuthenticator::builder(store, AppKeyTransport::headers());
    let layer = AuthenticateLayer::new(scheme.clock(clock.clone()).build().unwrap());
    let ask = async |issued: &IssuedKey| by_headers(&layer, "shop-7", issued.key.expose()).await;

    assert_eq!(seen(&ask(&old).await).expires_at(), Some(clock.unix() + 2 * hour));
    assert_eq!(ask(&new).await.reason(), "app_key_not_yet_valid");
    clock.advance(hour);
    assert_eq!((ask(&old).await.status, ask(&new).await.status), (200, 200));
    assert_eq!(seen(&ask(&new).await).expires_at(), None);
    clock.advance(hour);
    assert_eq!(ask(&old).await.reason(), "app_key_expired");
    assert_eq!(ask(&new).await.status, 200);
}

#[tokio::test]
async fn a6_both_transports_at_once_are_refused() {
    let (issued, store) = stored();
    let key = issued.key.expose();
    let basic = basic("shop-7", key);
    for headers in [
        &[("x-app-id", "shop-7"), ("x-app-key", key), ("authorization", &basic)][..],
        &[("x-app-id", "shop-7"), ("authorization", &basic)],
        &[("x-app-key", key), ("authorization", "Basic")],
    ] {
        let answer = witness(&layer(&store), get("/", headers)).await;
        assert_eq!((answer.status, answer.reason()), (400, "several_credentials"));
    }
}

#[tokio::test]
async fn a6_a_field_that_comes_twice_is_refused() {
    let (issued, store) = stored();
    let (id, key) = (("x-app-id", "shop-7"), ("x-app-key", issued.key.expose()));
    let basic = basic("shop-7", issued.key.expose());
    let basic = ("authorization", basic.as_str());
    for (headers, reason) in [
        (&[id, id, key][..], "several_app_ids"),
        (&[id, key, key], "several_app_keys"),
        (&[basic, basic], "several_authorization_fields"),
    ] {
        let answer = witness(&layer(&store), get("/", headers)).await;
        assert_eq!((answer.status, answer.reason()), (400, reason));
    }
}

#[tokio::test]
async fn a6_changes_take_effect_at_once() {
    let (issued, store) = stored();
    let layer = layer(&store);
    let reason = async || by_headers(&layer, "shop-7", issued.key.expose()).await.reason();
    assert_eq!(reason().await, "");
    assert!(store.suspend("shop-7"));
    assert_eq!(reason().await, "app_suspended");
    assert!(store.resume("shop-7"));
    assert_eq!(reason().await, "");
    assert!(store.revoke_key("shop-7", issued.id));
    assert_eq!(reason().await, "app_key_mismatch");
    store.add_key("shop-7", key(&issued)).unwrap();
    assert_eq!(reason().await, "");
    assert_eq!(store.ids(), ["shop-7"]);
    assert!(store.remove("shop-7"));
    assert_eq!(reason().await, "app_unknown");
    assert!(!store.suspend("shop-7") && !store.resume("shop-7") && !store.remove("shop-7"));
    assert!(!store.revoke_key("shop-7", issued.id));
}

#[tokio::test]
async fn a7_every_bad_pair_gets_the_same_answer_and_a_reason_of_its_own() {
    let clock = FakeClock::at_unix(NOW);
    let [good, expired, early] = [issue(), issue(), issue()];
    let store = MemoryAppStore::new();
    store.insert(
        App::builder(shop())
            .key(key(&good))
            .key(key(&expired).expires_at(clock.unix()))
            .key(key(&early).not_before(clock.unix() + Duration::from_secs(1)))
            .build()
            .unwrap(),
    );
    let suspended = App::builder(Holder::new("shop-8")).key(key(&good)).suspended(true);
    store.insert(suspended.build().unwrap());
    let authenticator = |transport| {
        let builder = AppKeyAuthenticator::builder(store.clone(), transport);
        builder.clock(clock.clone()).build().unwrap()
    };
    let layer = AuthenticateLayer::new(authenticator(AppKeyTransport::headers()))
        .or(authenticator(AppKeyTransport::Basic));

    let wrong_sum = good.key.expose().replace("acme", "emca");
    let mut outsides = Vec::new();
    for (id, key, reason) in [
        ("shop 7", good.key.expose(), "app_id_malformed"),
        (&"s".repeat(65), good.key.expose(), "app_id_malformed"),
        ("shop-7", "nonsense", "app_key_malformed"),
        ("shop-7", &wrong_sum, "app_key_checksum"),
        ("shop-9", good.key.expose(), "app_unknown"),
        ("SHOP-7", good.key.expose(), "app_unknown"),
        ("shop-7", issue().key.expose(), "app_key_mismatch"),
        ("shop-7", &forged(&good), "app_key_mismatch"),
        ("shop-7", expired.key.expose(), "app_key_expired"),
        ("shop-7", early.key.expose(), "app_key_not_yet_valid"),
        ("shop-8", good.key.expose(), "app_suspended"),
    ] {
        for answer in [by_headers(&layer, id, key).await, by_basic(&layer, id, key).await] {
            assert_eq!((answer.status, answer.reason()), (401, reason));
            outsides.push(outside(&answer));
        }
    }
    let garbage = witness(&layer, get("/", &[("authorization", "Basic !")])).await;
    assert_eq!((garbage.status, garbage.reason()), (401, "basic_malformed"));
    outsides.push(outside(&garbage));
    assert!(outsides.iter().all(|other| *other == outsides[0]), "{outsides:?}");
    assert_eq!(by_headers(&layer, "shop-7", good.key.expose()).await.status, 200);
}

#[tokio::test]
async fn a7_neither_key_nor_hash_is_in_debug_or_in_the_log() {
    let logs = Logs::capture();
    let (issued, store) = stored();
    let layer = layer(&store);
    let forged = forged(&issued);
    assert_eq!(by_headers(&layer, "shop-7", issued.key.expose()).await.status, 200);
    assert_eq!(by_basic(&layer, "shop-7", &forged).await.status, 401);
    assert_eq!(by_basic(&layer, "shop-9", issued.key.expose()).await.status, 401);
    let app = App::builder(shop()).key(key(&issued));
    let shown = format!(
        "{} {app:?} {:?} {:?} {store:?} {layer:?}",
        logs.text(),
        app.clone().build().unwrap(),
        key(&issued)
    );
    assert!(shown.contains("app_key_mismatch") && shown.contains("app_unknown"));
    let secret = issued.key.expose().rsplit_once('_').unwrap().1;
    let encoded = basic("shop-7", &forged);
    for hidden in [&secret[1..12], &encoded[6..], &format!("{:?}", issued.hash.as_bytes())] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[tokio::test]
async fn a7_a_hash_of_zeros_admits_nobody() {
    let (issued, store) = (issue(), MemoryAppStore::new());
    let zeros = AppKey::new(issued.id, SecretHash::from_bytes([0; 32]));
    store.insert(App::builder(shop()).key(zeros).build().unwrap());
    let layer = layer(&store);
    assert_eq!(
        by_headers(&layer, "shop-7", issued.key.expose()).await.reason(),
        "app_key_mismatch"
    );
    let alone = witness(&layer, get("/", &[("x-app-id", "shop-7")])).await;
    assert_eq!(alone.reason(), "app_key_missing");
}

#[test]
fn a6_an_app_that_makes_no_sense_is_refused_with_all_its_problems() {
    let issued = issue();
    let error = App::builder(Holder::new("shop:7").scope(""))
        .key(key(&issued))
        .key(key(&issued))
        .insecure_keyless(["a b"])
        .max_keys(21)
        .build()
        .unwrap_err();
    let told = error.to_string();
    for problem in ["the id must be", "scope \"\"", "scope \"a b\"", "1 to 20 keys", "twice"] {
        assert!(told.contains(problem), "{problem} in {told}");
    }
    assert!(App::builder(shop()).max_keys(0).build().is_err());
}

#[test]
fn a6_headers_that_cannot_be_told_apart_are_refused_when_building() {
    let build = |id: &str, key: &str, realm| {
        let transport = AppKeyTransport::Headers { id: id.to_owned(), key: key.to_owned() };
        AppKeyAuthenticator::builder(MemoryAppStore::new(), transport).realm(realm).build()
    };
    assert!(build("x-client", "x-client-key", "api").is_ok());
    assert_eq!(build("x-client", "X-Client", "api").unwrap_err().problems().len(), 1);
    assert_eq!(build("authorization", "", "a\"b").unwrap_err().problems().len(), 3);
    let basic = AppKeyAuthenticator::builder(MemoryAppStore::new(), AppKeyTransport::Basic);
    let error = basic.realm("\n").store_timeout(Duration::ZERO).build().unwrap_err();
    assert_eq!(error.problems().len(), 2, "{error}");
}

proptest! {
    #[test]
    fn a6_no_field_panics_or_is_admitted(
        id in proptest::collection::vec(32_u8..=255, 0..80),
        key in proptest::collection::vec(32_u8..=255, 0..120),
    ) {
        let (_, store) = stored();
        let pair = [&id[..], b":", &key].concat();
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let (Ok(id), Ok(key)) = (HeaderValue::from_bytes(&id), HeaderValue::from_bytes(&key)) else {
            return Ok(());
        };
        let request = Request::builder()
            .header("x-app-id", id)
            .header("x-app-key", key)
            .header("authorization", basic)
            .body(TestBody::default());
        let head = request.unwrap().into_parts().0;
        for scheme in [
            AppKeyAuthenticator::headers(store.clone()),
            AppKeyAuthenticator::basic(store.clone()),
        ] {
            prop_assert!(scheme.is_presented(&head));
            prop_assert!(matches!(scheme.authenticate(&head), Attempt::Ready(Err(_))));
        }
    }
}
