//! From the issuer's name to its keys.

use serde_json::json;
use tower_warden::authn::jwks::{LoadError, RemoteKeys};
use tower_warden::authn::jwt::Issuer;

use super::{Scenery, seconds, status, until_renewed};
use crate::key_server::{KEYS, METADATA, Reply};
use crate::support::Logs;

const INSERTED: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn k1_metadata_of_another_issuer_are_discarded() {
    let scene = Scenery::set().await;
    let (name, jwks_uri) = (scene.server.issuer(), scene.server.jwks_uri());
    for metadata in [
        json!({"issuer": "https://evil.example", "jwks_uri": jwks_uri}),
        json!({"issuer": format!("{name}/"), "jwks_uri": jwks_uri}),
        json!({"issuer": name.to_uppercase(), "jwks_uri": jwks_uri}),
        json!({"issuer": format!("{name} "), "jwks_uri": jwks_uri}),
        json!({"issuer": [name], "jwks_uri": jwks_uri}),
        json!({"jwks_uri": jwks_uri}),
    ] {
        for path in [METADATA, INSERTED] {
            scene.server.reply(path, Reply::json(&metadata));
        }
        let refused = scene.discover().build().unwrap().load().await.unwrap_err();
        assert!(matches!(refused, LoadError::IssuerMismatch { .. }), "{metadata}: {refused}");
    }
    assert_eq!(scene.server.fetches(), 0, "what the metadata name was asked for");

    scene.server.reply(METADATA, Reply::json(json!({"issuer": name, "jwks_uri": jwks_uri})));
    let keys = scene.discover().build().unwrap(); // the other document is still a liar's
    keys.load().await.unwrap();
    assert_eq!(status(&scene.guard(&keys), &scene.signer).await, 200);
}

#[tokio::test]
async fn k1_metadata_that_begin_to_lie_change_nothing() {
    let scene = Scenery::set().await;
    let keys = scene.discover().build().unwrap();
    keys.load().await.unwrap();
    let evil = scene.server.signer("evil");
    let lie = json!({"issuer": "https://evil.example", "jwks_uri": format!("{}/evil", scene.server.issuer())});
    scene.server.reply(METADATA, Reply::json(lie));
    scene.server.reply("/evil", Reply::keys([&evil]));

    scene.clock.advance(seconds(60));
    let layer = scene.guard(&keys);
    assert_eq!(status(&layer, &evil).await, 503); // it cannot be told
    assert_eq!(status(&layer, &scene.signer).await, 200);
    assert_eq!(scene.server.requests("/evil").len(), 0);
}

#[tokio::test]
async fn k2_the_inserted_form_is_asked_first_and_then_the_one_that_answered() {
    let scene = Scenery::set().await;
    let keys = scene.discover().build().unwrap();
    keys.load().await.unwrap();
    assert_eq!(scene.server.paths(), [INSERTED, METADATA, KEYS]);

    let before = tower_warden::authn::jwt::KeySource::current(&keys).unwrap();
    scene.server.publish([&scene.signer, &scene.server.signer("two")]);
    scene.clock.advance(seconds(600));
    until_renewed(&keys, &before).await;
    assert_eq!(scene.server.paths()[3..], [METADATA, KEYS]);
}

#[tokio::test]
async fn k2_an_issuer_with_a_path_is_asked_at_both_forms() {
    let scene = Scenery::set().await;
    let name = format!("{}/realms/one", scene.server.issuer());
    let keys = RemoteKeys::discover(&name).insecure_allow_loopback_http().build().unwrap();
    assert!(matches!(keys.load().await, Err(LoadError::Status { status: 404, .. })));
    let asked = [&*format!("{INSERTED}/realms/one"), &*format!("/realms/one{METADATA}")];
    assert_eq!(scene.server.paths(), asked);
}

#[tokio::test]
async fn k2_issuer_and_key_set_are_https() {
    for address in [
        "http://issuer.example",
        "http://127.0.0.1:8080",
        "issuer.example",
        "https://",
        "https://user@issuer.example",
        "https://issuer.example#keys",
        "",
    ] {
        assert!(RemoteKeys::discover(address).build().is_err(), "{address}");
        assert!(RemoteKeys::at(address).build().is_err(), "{address}");
        assert!(Issuer::discover(address).audience("api").build().is_err(), "{address}");
    }
    for address in ["http://issuer.example", "http://10.0.0.1", "http://127.0.0.1.example"] {
        let allowing = RemoteKeys::discover(address).insecure_allow_loopback_http();
        assert!(allowing.build().is_err(), "{address}");
    }
    assert!(RemoteKeys::discover("https://issuer.example").build().is_ok());
    assert!(RemoteKeys::at("https://issuer.example/keys?tenant=1").build().is_ok());
    assert!(RemoteKeys::discover("https://issuer.example?tenant=1").build().is_err());
    assert!(Issuer::discover("https://issuer.example").audience("api").build().is_ok());
}

#[tokio::test]
async fn k2_metadata_cannot_lead_to_an_address_that_is_not_https() {
    let scene = Scenery::set().await;
    for jwks_uri in [
        json!("http://issuer.example/jwks"),
        json!("http://169.254.169.254/latest"),
        json!("file:///etc/passwd"),
        json!("/jwks"),
        json!("https://user:secret@issuer.example/jwks"),
        json!(["https://issuer.example/jwks"]),
        json!(null),
    ] {
        let metadata = json!({"issuer": scene.server.issuer(), "jwks_uri": jwks_uri});
        scene.server.reply(METADATA, Reply::json(&metadata));
        let refused = scene.discover().build().unwrap().load().await.unwrap_err();
        assert!(matches!(refused, LoadError::KeySetAddress { .. }), "{metadata}: {refused}");
    }
}

#[tokio::test]
async fn k2_the_switch_for_plain_http_is_logged() {
    let logs = Logs::capture();
    RemoteKeys::at("https://issuer.example/jwks").build().unwrap();
    assert!(!logs.text().contains("posture"));
    RemoteKeys::at("http://localhost/jwks").insecure_allow_loopback_http().build().unwrap();
    assert!(logs.text().contains("tower_warden::posture"));
    assert!(logs.text().contains("insecure_allow_loopback_http"));
}

#[test]
fn settings_that_leave_nothing_are_refused_all_at_once() {
    let none = seconds(0);
    let refused = RemoteKeys::at("http://issuer.example/jwks")
        .cooldown(none)
        .lifetime(none, none)
        .timeout(none)
        .max_body(0)
        .max_keys(0)
        .build()
        .unwrap_err();
    assert_eq!(refused.problems().len(), 6, "{refused}");
    let forever = RemoteKeys::at("https://issuer.example/jwks").timeout(seconds(u64::MAX));
    assert!(forever.build().is_err());
    let upside_down =
        RemoteKeys::at("https://issuer.example/jwks").lifetime(seconds(9), seconds(8));
    assert!(upside_down.build().is_err());
}
