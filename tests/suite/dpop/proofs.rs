//! Good proofs and their limits, and what the standard shows.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get as on_get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;
use sha2::{Digest, Sha256};
use tower::ServiceExt;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::dpop::DpopAuthenticator;
use tower_warden::authn::jwt::{Algorithm, VerifyingKey};
use tower_warden::authn::{Attempt, Token, TokenValidator};
use tower_warden::principal::{Confirmation, Principal, PrincipalKind};
use tower_warden::testing::{FakeClock, TestDpopKey};

use super::{API, NOW, ORDERS, World, ask, challenge_with, seconds, send};
use crate::support::{Answer, get, through};

/// RFC 9449 7.1, figures 13 and 14, with the thumbprint of 6.1, figure 9.
const RFC_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const RFC_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
/// RFC 9449 4.1: a proof for the token endpoint, so without `ath`.
const RFC_TOKEN_REQUEST_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const RFC_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// Knows one opaque token and the key it is bound to, and says so late: like token introspection.
#[derive(Debug)]
struct Opaque(&'static str, [u8; 32]);

impl TokenValidator for Opaque {
    fn attempt(&self, token: Token<'_>) -> Attempt {
        assert_eq!(token.as_str(), Some(self.0));
        let mut confirmation = Confirmation::default();
        confirmation.jwk_thumbprint = Some(self.1);
        Attempt::pending(async move {
            tokio::task::yield_now().await;
            let ada =
                Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
            Ok(ada.confirmation(confirmation).build())
        })
    }
}

fn rfc_layer(url: &str, now: u64, thumbprint: &str) -> AuthenticateLayer {
    let thumbprint = URL_SAFE_NO_PAD.decode(thumbprint).unwrap().try_into().unwrap();
    let scheme = DpopAuthenticator::builder(Opaque(RFC_TOKEN, thumbprint)).external_url(url);
    AuthenticateLayer::new(scheme.clock(FakeClock::at_unix(now)).build().unwrap())
}

#[tokio::test]
async fn p5_p11_p12_the_standards_own_proof_is_good() {
    const RESOURCE: &str = "https://resource.example.org";
    let path = "/protectedresource";
    let layer = rfc_layer(RESOURCE, 1_562_262_618, RFC_THUMBPRINT);
    assert_eq!(ask(&layer, Method::GET, path, RFC_TOKEN, &[RFC_PROOF]).await.status, 200);
    let again = ask(&layer, Method::GET, path, RFC_TOKEN, &[RFC_PROOF]).await;
    assert_eq!((again.status, again.reason()), (401, "dpop_replayed"));

    let other = rfc_layer(RESOURCE, 1_562_262_618, &"A".repeat(43));
    let refused = ask(&other, Method::GET, path, RFC_TOKEN, &[RFC_PROOF]).await;
    assert_eq!(refused.reason(), "dpop_key_mismatch");
    let late = rfc_layer(RESOURCE, 1_562_262_618 + 61, RFC_THUMBPRINT);
    assert_eq!(
        ask(&late, Method::GET, path, RFC_TOKEN, &[RFC_PROOF]).await.reason(),
        "dpop_too_old"
    );
}

#[tokio::test]
async fn p2_the_standards_proof_for_a_token_request_is_none_for_a_resource() {
    let layer = rfc_layer("https://server.example.com", 1_562_262_616, RFC_THUMBPRINT);
    let refused = ask(&layer, Method::POST, "/token", RFC_TOKEN, &[RFC_TOKEN_REQUEST_PROOF]).await;
    assert_eq!((refused.status, refused.reason()), (401, "dpop_claim_malformed"));
}

#[tokio::test]
async fn p1_one_proof_and_one_alone() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    let [one, two] = [(); 2].map(|()| world.proof(&token).sign());
    for (proofs, reason) in [
        (&[][..], "dpop_missing"),
        (&[&*one, &*two][..], "dpop_repeated"),
        (&[&*one, &*one], "dpop_repeated"),
        (&[&*one, ""], "dpop_repeated"),
    ] {
        let answer = ask(&layer, Method::GET, "/orders", &token, proofs).await;
        assert_eq!((answer.status, answer.reason()), (401, reason), "{}", proofs.len());
        assert_eq!(answer.header("www-authenticate"), challenge_with("invalid_dpop_proof"));
    }
    assert_eq!(ask(&layer, Method::GET, "/orders", &token, &[&one]).await.status, 200);
}

#[tokio::test]
async fn p4_the_algorithms_are_those_of_the_list() {
    let world = World::new();
    for algorithm in Algorithm::ALL.into_iter().filter(|one| !one.is_symmetric()) {
        let own = World { key: TestDpopKey::with_algorithm(algorithm), ..world.clone() };
        let token = own.token();
        let standard =
            [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ed25519].contains(&algorithm);
        let answer = send(&own.layer(), &token, &own.proof(&token).sign()).await;
        assert_eq!(answer.status == 200, standard, "{algorithm}");

        let named = own.builder().algorithms([algorithm]).build().unwrap();
        let named = AuthenticateLayer::new(named);
        assert_eq!(
            send(&named, &token, &own.proof(&token).sign()).await.status,
            200,
            "{algorithm}"
        );
        let plain = through(&named, get("/orders", &[])).await;
        let expected = format!(r#"DPoP realm="api", algs="{algorithm}""#);
        assert_eq!(plain.header("www-authenticate"), expected);
    }
}

#[tokio::test]
async fn p5_a_short_rsa_key_is_no_key_even_if_the_token_is_bound_to_it() {
    const MODULUS: usize = 128; // bytes: 1024 bits
    let world = World::new();
    let modulus = URL_SAFE_NO_PAD.encode([0xff; MODULUS]);
    let jwk = json!({"kty": "RSA", "e": "AQAB", "n": modulus});
    let text = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{modulus}"}}"#);
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&text));
    let token = world.unbound().claim("cnf", json!({"jkt": thumbprint})).sign();
    let rs256 = world.builder().algorithms([Algorithm::Rs256]).build().unwrap();
    let proof = world.proof(&token).header("alg", "RS256").header("jwk", jwk).sign();
    let answer = send(&AuthenticateLayer::new(rs256), &token, &proof).await;
    assert_eq!((answer.status, answer.reason()), (401, "dpop_key"));
}

#[tokio::test]
async fn p6_p12_members_that_say_nothing_of_the_key_change_nothing() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    let mut jwk = world.key.public_jwk();
    for (name, value) in [
        ("kid", json!("another")),
        ("alg", json!("ES256")),
        ("use", json!("sig")),
        ("key_ops", json!(["verify"])),
        ("x5t", json!("AAAA")),
        ("n", json!("AAAA")),
    ] {
        jwk[name] = value;
        let proof = world.proof(&token).header("jwk", jwk.clone()).header("kid", "mine");
        assert_eq!(send(&layer, &token, &proof.sign()).await.status, 200, "{name}");
    }
    assert!(VerifyingKey::from_jwk(&jwk.to_string()).is_ok());
}

#[tokio::test]
async fn p7_htm_is_the_method_of_the_request_letter_for_letter() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS] {
        for claimed in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "get", "Post"] {
            let proof = world.proof(&token).claim("htm", claimed).sign();
            let answer = ask(&layer, method.clone(), "/orders", &token, &[&proof]).await;
            assert_eq!(answer.status == 200, claimed == method.as_str(), "{method} {claimed}");
        }
    }
    let own = Method::from_bytes(b"get").unwrap();
    let proof = world.proof(&token).claim("htm", "get").sign();
    assert_eq!(ask(&layer, own, "/orders", &token, &[&proof]).await.status, 200);
}

#[tokio::test]
async fn p8_htu_is_the_target_in_any_equal_spelling_without_query_and_fragment() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    for (path, uri) in [
        ("/orders", "HTTPS://API.EXAMPLE:443/orders"),
        ("/orders", "https://api.example:/%6Frders"),
        ("/orders?page=2", "https://api.example/orders"),
        ("/orders", "https://api.example/orders?page=2#top"),
        ("/orders", "https://api.example/a/../orders"),
        ("/a/../orders", "https://api.example/orders"),
        ("/%6frders", "https://api.example/orders"),
        ("/a%2fb", "https://api.example/a%2Fb"),
        ("/", "https://api.example"),
    ] {
        let proof = world.proof(&token).claim("htu", uri).sign();
        let answer = ask(&layer, Method::GET, path, &token, &[&proof]).await;
        assert_eq!(answer.status, 200, "{path} {uri}");
    }
    for (path, uri) in [
        ("/admin", ORDERS),
        ("/a/b", "https://api.example/a%2Fb"),
        ("/a%2Fb", "https://api.example/a/b"),
        ("/a%252Fb", "https://api.example/a%2Fb"),
        ("*", "https://api.example/"),
        ("*", "https://api.example/*"),
    ] {
        let proof = world.proof(&token).claim("htu", uri).sign();
        let answer = ask(&layer, Method::GET, path, &token, &[&proof]).await;
        assert_eq!((answer.status, answer.reason()), (401, "dpop_target"), "{path} {uri}");
    }
}

#[tokio::test]
async fn p8_what_the_request_says_of_the_host_has_no_say() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    let evil = world.proof(&token).claim("htu", "https://evil.example/orders").sign();
    let good = world.proof(&token).sign();
    let authorization = format!("DPoP {token}");
    let asked = async |uri: &str, proof: &str| -> Answer {
        let headers = [
            ("host", "evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example;proto=http"),
            ("authorization", &*authorization),
            ("dpop", proof),
        ];
        through(&layer, get(uri, &headers)).await
    };
    for uri in ["/orders", "https://evil.example/orders", "http://evil.example/orders"] {
        assert_eq!(asked(uri, &evil).await.reason(), "dpop_target", "{uri}");
    }
    assert_eq!(asked("https://evil.example/orders", &good).await.status, 200);
}

#[tokio::test]
async fn p8_a_service_may_have_several_names_and_stand_below_a_path() {
    let world = World::new();
    let scheme = world
        .builder()
        .external_url("https://example.com/api/")
        .external_url("http://localhost:3000");
    let (layer, token) = (AuthenticateLayer::new(scheme.build().unwrap()), world.token());
    for (uri, status) in [
        (ORDERS, 200),
        ("https://example.com/api/orders", 200),
        ("http://localhost:3000/orders", 200),
        ("https://example.com/orders", 401),
        ("https://example.com/api/../orders", 401),
        ("http://localhost/orders", 401),
    ] {
        let proof = world.proof(&token).claim("htu", uri).sign();
        assert_eq!(send(&layer, &token, &proof).await.status, status, "{uri}");
    }
}

/// A router that is nested has its own part of the path cut off: the proof is for what the caller asked for.
#[tokio::test]
async fn p8_inside_a_nested_router_the_whole_path_counts() {
    let world = World::new();
    let token = world.token();
    let inner = Router::new().route("/orders", on_get(async || "inner")).layer(world.layer());
    let app = Router::new().nest("/v1", inner);
    let asked = async |uri: &str| {
        let proof = world.proof(&token).claim("htu", uri).sign();
        let request = http::Request::get("/v1/orders")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof);
        let request = request.body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(asked("https://api.example/v1/orders").await, Ok::<_, Infallible>(200));
    assert_eq!(asked("https://api.example/orders").await, Ok(401));
}

#[tokio::test]
async fn p10_a_proof_is_good_for_60_s_back_and_5_s_ahead() {
    let world = World::new();
    let token = world.token();
    for (issued_at, reason) in [
        (json!(NOW - 61), "dpop_too_old"),
        (json!(NOW - 60), ""),
        (json!(NOW), ""),
        (json!(NOW as f64 + 0.5), ""),
        (json!(NOW + 5), ""),
        (json!(NOW as f64 + 5.5), "dpop_too_early"),
        (json!(NOW + 6), "dpop_too_early"),
    ] {
        let proof = world.proof(&token).claim("iat", issued_at.clone()).sign();
        assert_eq!(send(&world.layer(), &token, &proof).await.reason(), reason, "{issued_at}");
    }
    let narrow = world.builder().max_age(seconds(10)).clock_tolerance(seconds(0)).build().unwrap();
    let narrow = AuthenticateLayer::new(narrow);
    for (issued_at, status) in [(NOW - 11, 401), (NOW - 10, 200), (NOW + 1, 401)] {
        let proof = world.proof(&token).issued_at(seconds(issued_at)).sign();
        assert_eq!(send(&narrow, &token, &proof).await.status, status, "{issued_at}");
    }
}

#[test]
fn p4_p8_p10_a_configuration_that_would_be_wrong_is_refused_with_all_its_problems() {
    let world = World::new();
    let build = || DpopAuthenticator::builder(world.validator());
    let problems = |builder: tower_warden::authn::dpop::DpopBuilder| {
        builder.build().map_or_else(|error| error.problems().len(), |_| 0)
    };
    assert_eq!(problems(build()), 1, "no URL");
    for url in [
        "api.example",
        "http://api.example",
        "http://127.0.0.1.example",
        "https://api.example?x",
        "https://api.example/#f",
        "https://ada@api.example",
        "ftp://api.example",
        "https://",
    ] {
        assert_eq!(problems(build().external_url(url)), 1, "{url}");
    }
    for url in [API, "http://127.0.0.1:3000", "http://[::1]:3000/v1", "https://api.example/v1/"] {
        assert_eq!(problems(build().external_url(url)), 0, "{url}");
    }
    let good = || build().external_url(API);
    assert_eq!(problems(good().algorithms([])), 1);
    assert_eq!(problems(good().algorithms([Algorithm::Hs256, Algorithm::Hs512])), 2);
    assert_eq!(problems(good().max_age(seconds(0))), 1);
    assert_eq!(problems(good().max_age(seconds(301))), 1);
    assert_eq!(problems(good().clock_tolerance(seconds(61))), 1);
    assert_eq!(problems(good().nonce_period(seconds(0))), 1);
    assert_eq!(problems(good().nonce_period(seconds(3601))), 1);
    assert_eq!(problems(good().nonce_period(Duration::from_millis(1500))), 1);
    assert_eq!(problems(good().replay_timeout(seconds(0))), 1);
    assert_eq!(problems(good().realm("\"")), 1);
    assert_eq!(problems(good().challenge_parameter("algs", "none")), 1);
    assert_eq!(problems(build().max_age(seconds(0)).algorithms([]).realm("\\")), 4);
}
