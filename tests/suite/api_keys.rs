//! API keys through the authentication layer.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request};
use proptest::prelude::*;
use tower_warden::authn::api_key::{
    ApiKeyAuthenticator, ApiKeyRecord, ApiKeyStore, MemoryApiKeyStore,
};
use tower_warden::authn::issued_key::{
    Holder, IssuedKey, KeyId, KeyPrefix, KeyText, Lookup, SecretHash,
};
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator};
use tower_warden::clock::Clock;
use tower_warden::principal::PrincipalKind;
use tower_warden::rejection::RejectionKind;
use tower_warden::testing::FakeClock;

use crate::support::{Answer, Logs, TestBody, get};
use crate::witness::{forged, issue, outside, seen, witness};

const NOW: u64 = 1_800_000_000;

fn record(issued: &IssuedKey) -> ApiKeyRecord {
    ApiKeyRecord::builder(issued.id, issued.hash, Holder::new("billing").scope("orders:read"))
        .build()
        .expect("a valid record")
}

/// A store with one key in it.
fn stored() -> (IssuedKey, MemoryApiKeyStore) {
    let (issued, store) = (issue(), MemoryApiKeyStore::new());
    store.insert(record(&issued));
    (issued, store)
}

fn layer(store: impl ApiKeyStore) -> AuthenticateLayer {
    AuthenticateLayer::new(ApiKeyAuthenticator::new(store))
}

async fn ask_with(layer: &AuthenticateLayer, key: &str) -> Answer {
    witness(layer, get("/", &[("x-api-key", key)])).await
}

/// A store that must not be asked.
#[derive(Debug)]
struct Untouchable;

impl ApiKeyStore for Untouchable {
    fn find(&self, id: KeyId) -> Lookup<Arc<ApiKeyRecord>> {
        panic!("asked for {id}")
    }
}

#[tokio::test]
async fn a1_an_issued_key_is_admitted_as_its_owner() {
    let (issued, store) = stored();
    let answer = ask_with(&layer(store), issued.key.expose()).await;
    assert_eq!((answer.status, answer.text()), (200, "inner"));
    let principal = seen(&answer);
    assert_eq!(principal.identity(), ("api-key", "billing"));
    assert_eq!(principal.client_id(), Some(issued.id.as_str()));
    assert_eq!(principal.scheme(), "ApiKey");
    assert!(principal.has_scope("orders:read"));
}

#[tokio::test]
async fn a1_a_text_that_is_no_key_is_refused_before_the_store_is_asked() {
    let issued = issue();
    let text = issued.key.expose();
    let wrong_sum = format!("{}{}", &text[..text.len() - 6], "000000");
    let layer = layer(Untouchable);
    assert_eq!(ask_with(&layer, &wrong_sum).await.reason(), "api_key_checksum");
    let swapped = text.replace("acme_live", "acme_test");
    assert_eq!(ask_with(&layer, &swapped).await.reason(), "api_key_checksum");
    for malformed in ["", "key", "acme_live", &text[9..], &text.to_uppercase(), &"k".repeat(5000)] {
        let answer = ask_with(&layer, malformed).await;
        assert_eq!((answer.status, answer.reason()), (401, "api_key_malformed"), "{malformed}");
    }
    let mut request = get("/", &[]);
    let bytes = HeaderValue::from_bytes(b"acme_live_\xff").unwrap();
    request.headers_mut().insert("x-api-key", bytes);
    assert_eq!(witness(&layer, request).await.reason(), "api_key_malformed");
}

#[tokio::test]
async fn a2_a_record_comes_back_from_storage_as_id_and_hash() {
    let issued = issue();
    let (id, hash) = (issued.id.to_string(), issued.hash.as_bytes().to_vec());

    let id = KeyId::parse(&id).unwrap();
    let hash = SecretHash::from_bytes(hash.try_into().unwrap());
    let store = MemoryApiKeyStore::new();
    store.insert(ApiKeyRecord::builder(id, hash, Holder::new("billing")).build().unwrap());
    assert_eq!(ask_with(&layer(store), issued.key.expose()).await.status, 200);
}

#[tokio::test]
async fn a2_the_id_of_a_key_does_not_admit_without_its_secret() {
    let (issued, store) = stored();
    let layer = layer(store);
    assert_eq!(ask_with(&layer, &forged(&issued)).await.reason(), "api_key_secret_mismatch");
    assert_eq!(ask_with(&layer, issued.id.as_str()).await.reason(), "api_key_malformed");
}

#[tokio::test]
async fn a2_a_hash_of_zeros_admits_nobody() {
    // What a careless migration leaves for keys that had no hash.
    let (issued, store) = (issue(), MemoryApiKeyStore::new());
    let zeros = SecretHash::from_bytes([0; 32]);
    store.insert(ApiKeyRecord::builder(issued.id, zeros, Holder::new("billing")).build().unwrap());
    assert_eq!(
        ask_with(&layer(store), issued.key.expose()).await.reason(),
        "api_key_secret_mismatch"
    );
}

#[tokio::test]
async fn a2_neither_key_nor_hash_is_in_debug_or_in_the_log() {
    let logs = Logs::capture();
    let (issued, store) = stored();
    let layer = layer(store.clone());
    assert_eq!(ask_with(&layer, issued.key.expose()).await.status, 200);
    assert_eq!(ask_with(&layer, &forged(&issued)).await.status, 401);
    assert!(store.revoke(issued.id));
    let refused = ask_with(&layer, issued.key.expose()).await;
    assert_eq!(refused.status, 401);
    store.insert(record(&issued));

    let text = KeyText::parse(issued.key.expose()).unwrap();
    let lookup = store.find(issued.id);
    let shown = format!(
        "{} {issued:?} {:?} {store:?} {layer:?} {text:?} {lookup:?} {:?} {:?} {}",
        logs.text(),
        record(&issued),
        refused.rejection(),
        refused.extensions,
        refused.text(),
    );
    assert!(shown.contains("api_key_secret_mismatch") && shown.contains("api_key_unknown"));
    let secret = issued.key.expose().rsplit_once('_').unwrap().1;
    let hash = issued.hash.as_bytes();
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    for hidden in [issued.key.expose(), &secret[..8], &secret[8..20], &hex, &format!("{hash:?}")] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[tokio::test]
async fn a3_a_key_in_the_query_is_not_read() {
    let (issued, store) = stored();
    let key = issued.key.expose();
    let path = format!("/?x-api-key={key}&api_key={key}&key={key}");
    let answer = witness(&layer(store), get(&path, &[])).await;
    assert_eq!((answer.status, answer.reason()), (401, "no_credentials"));
}

#[tokio::test]
async fn a3_two_keys_are_refused_even_when_both_are_good() {
    let (issued, store) = stored();
    let layer = layer(store);
    let key = issued.key.expose();
    for other in [key, "", "another"] {
        let answer = witness(&layer, get("/", &[("x-api-key", key), ("X-API-Key", other)])).await;
        assert_eq!((answer.status, answer.reason()), (400, "several_api_keys"));
    }
    let joined = ask_with(&layer, &format!("{key}, {key}")).await;
    assert_eq!((joined.status, joined.reason()), (401, "api_key_malformed"));
}

#[tokio::test]
async fn a3_only_the_configured_header_is_read() {
    let (issued, store) = stored();
    let scheme = ApiKeyAuthenticator::builder(store).header("X-Partner-Key").build().unwrap();
    let layer = AuthenticateLayer::new(scheme);
    let key = issued.key.expose();
    assert_eq!(witness(&layer, get("/", &[("x-partner-key", key)])).await.status, 200);
    let answer = ask_with(&layer, key).await;
    assert_eq!((answer.status, answer.reason()), (401, "no_credentials"));
}

#[test]
fn a3_a_header_that_means_something_else_is_refused_when_building() {
    for header in ["Authorization", "cookie", "Proxy-Authorization", "", "x api key", "x-api-key:"]
    {
        let built = ApiKeyAuthenticator::builder(MemoryApiKeyStore::new())
            .header(header)
            .realm("a\"b")
            .store_timeout(Duration::ZERO)
            .build();
        let error = built.unwrap_err();
        assert_eq!(error.problems().len(), 3, "{error}");
        assert_eq!(error.problems()[0].culprit(), format!("credential header {header:?}"));
    }
}

#[tokio::test]
async fn a4_a_missing_and_a_bad_key_are_told_the_scheme() {
    let scheme = ApiKeyAuthenticator::builder(MemoryApiKeyStore::new()).realm("orders");
    let layer = AuthenticateLayer::new(scheme.build().unwrap());
    for request in [get("/", &[]), get("/", &[("x-api-key", issue().key.expose())])] {
        let answer = witness(&layer, request).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), "ApiKey realm=\"orders\"");
    }
}

#[tokio::test]
async fn a7_every_bad_key_gets_the_same_answer_and_a_reason_of_its_own() {
    let clock = FakeClock::at_unix(NOW);
    let at = clock.unix();
    let store = MemoryApiKeyStore::new();
    let [good, early, expired, disabled] = [issue(), issue(), issue(), issue()];
    let builder = |key: &IssuedKey| ApiKeyRecord::builder(key.id, key.hash, Holder::new("billing"));
    store.insert(record(&good));
    store.insert(builder(&early).not_before(at + Duration::from_secs(1)).build().unwrap());
    store.insert(builder(&expired).expires_at(at).build().unwrap());
    store.insert(builder(&disabled).disabled(true).build().unwrap());
    let scheme = ApiKeyAuthenticator::builder(store).clock(clock).build().unwrap();
    let layer = AuthenticateLayer::new(scheme);

    let wrong_sum = good.key.expose().replace("acme", "emca");
    let mut outsides = Vec::new();
    for (key, reason) in [
        ("nonsense", "api_key_malformed"),
        (&wrong_sum, "api_key_checksum"),
        (issue().key.expose(), "api_key_unknown"),
        (&forged(&good), "api_key_secret_mismatch"),
        (early.key.expose(), "api_key_not_yet_valid"),
        (expired.key.expose(), "api_key_expired"),
        (disabled.key.expose(), "api_key_disabled"),
        // Who has only the id learns nothing of its state, not even in the log.
        (&forged(&disabled), "api_key_secret_mismatch"),
    ] {
        let answer = ask_with(&layer, key).await;
        assert_eq!((answer.status, answer.reason()), (401, reason));
        outsides.push(outside(&answer));
    }
    assert!(outsides.iter().all(|other| *other == outsides[0]), "{outsides:?}");
    assert_eq!(ask_with(&layer, good.key.expose()).await.status, 200);
}

#[tokio::test]
async fn a7_a_key_works_within_its_time_only() {
    let clock = FakeClock::at_unix(NOW);
    let (issued, store) = (issue(), MemoryApiKeyStore::new());
    let hour = Duration::from_secs(3600);
    let record = ApiKeyRecord::builder(issued.id, issued.hash, Holder::new("billing"))
        .not_before(clock.unix() + hour)
        .expires_at(clock.unix() + 2 * hour);
    store.insert(record.build().unwrap());
    let scheme = ApiKeyAuthenticator::builder(store).clock(clock.clone()).build().unwrap();
    let layer = AuthenticateLayer::new(scheme);

    assert_eq!(ask_with(&layer, issued.key.expose()).await.reason(), "api_key_not_yet_valid");
    clock.advance(hour);
    let answer = ask_with(&layer, issued.key.expose()).await;
    assert_eq!(seen(&answer).expires_at(), Some(clock.unix() + hour));
    clock.advance(hour);
    assert_eq!(ask_with(&layer, issued.key.expose()).await.reason(), "api_key_expired");
}

#[tokio::test]
async fn a7_revoking_takes_effect_at_once() {
    let (issued, store) = stored();
    let layer = layer(store.clone());
    assert_eq!(ask_with(&layer, issued.key.expose()).await.status, 200);
    assert_eq!(store.ids(), [issued.id]);
    assert!(store.revoke(issued.id));
    assert_eq!(ask_with(&layer, issued.key.expose()).await.reason(), "api_key_unknown");
    assert!(!store.revoke(issued.id));
    assert!(store.ids().is_empty());
}

#[tokio::test]
async fn a8_a_key_carries_what_its_holder_was_given_and_nothing_else() {
    let (issued, store) = (issue(), MemoryApiKeyStore::new());
    let holder = Holder::new("billing")
        .issuer("partner-keys")
        .scope("orders:read")
        .scope("orders:write")
        .role("auditor")
        .tenant("acme")
        .plan("gold");
    store.insert(ApiKeyRecord::builder(issued.id, issued.hash, holder).build().unwrap());
    let bare = issue();
    store
        .insert(ApiKeyRecord::builder(bare.id, bare.hash, Holder::new("billing")).build().unwrap());
    let layer = layer(store);

    let answer = ask_with(&layer, issued.key.expose()).await;
    let full = seen(&answer);
    assert_eq!(full.kind(), PrincipalKind::Machine);
    assert_eq!(full.identity(), ("partner-keys", "billing"));
    assert_eq!(full.scopes().to_string(), "orders:read orders:write");
    assert!(full.has_role("auditor"));
    assert_eq!((full.tenant(), full.plan()), (Some("acme"), Some("gold")));

    let answer = ask_with(&layer, bare.key.expose()).await;
    let bare = seen(&answer);
    assert_eq!(bare.kind(), PrincipalKind::Machine);
    assert!(bare.scopes().is_empty() && bare.roles().next().is_none());
    assert_eq!((bare.tenant(), bare.plan()), (None, None));
}

#[test]
fn a8_a_record_that_says_nothing_sensible_is_refused_with_all_its_problems() {
    let issued = issue();
    let holder = Holder::new("").scope("orders read").role("").tenant("").plan("").issuer("");
    let error = ApiKeyRecord::builder(issued.id, issued.hash, holder)
        .not_before(Duration::from_secs(2))
        .expires_at(Duration::from_secs(1))
        .build()
        .unwrap_err();
    assert_eq!(error.problems().len(), 7, "{error}");
    let told = error.to_string();
    for culprit in ["issuer", "subject", "tenant", "plan", "role", "\"orders read\"", "API key"] {
        assert!(told.contains(culprit), "{culprit} in {told}");
    }
    assert!(KeyPrefix::new("Acme Live").is_err());
}

proptest! {
    #[test]
    fn a1_no_header_value_panics_or_is_admitted_unless_it_was_issued(
        value in proptest::collection::vec(32_u8..=255, 0..300),
        look_alike in "acme_live_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}",
    ) {
        let (_, store) = stored();
        let scheme = ApiKeyAuthenticator::new(store);
        for value in [&value[..], look_alike.as_bytes()] {
            let Ok(value) = HeaderValue::from_bytes(value) else { continue };
            let request = Request::builder().header("x-api-key", value).body(TestBody::default());
            let Attempt::Ready(Err(rejection)) = scheme.authenticate(&request.unwrap().into_parts().0)
            else {
                panic!("not refused at once")
            };
            prop_assert_eq!(rejection.kind(), RejectionKind::InvalidCredentials);
        }
    }
}
