//! Which token goes with which scheme and which key, and what a 401 says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;
use tower::service_fn;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::client_certificate::ClientCertificate;
use tower_warden::principal::Principal;
use tower_warden::testing::TestDpopKey;

use super::{CHALLENGE, NOW, World, ask, challenge_with, seconds, send};
use crate::support::{Logs, TestBody, get, through};

const BEARER: &str = r#"Bearer realm="api""#;

#[tokio::test]
async fn p12_a_token_goes_with_the_key_it_is_bound_to_and_no_other() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    assert_eq!(send(&layer, &token, &world.proof(&token).sign()).await.status, 200);

    // The thief has the token and a key of its own.
    let thief = World { key: TestDpopKey::new(), ..world.clone() };
    let refused = send(&layer, &token, &thief.proof(&token).sign()).await;
    assert_eq!((refused.status, refused.reason()), (401, "dpop_key_mismatch"));
    assert_eq!(refused.header("www-authenticate"), challenge_with("invalid_token"));

    // To the thief a token that is alive looks like one that is not.
    let dead = world.unbound().bound_to(&world.key).issued_at(NOW - 9999).sign();
    let refused_too = send(&layer, &dead, &thief.proof(&dead).sign()).await;
    assert_eq!(refused_too.reason(), "token_expired");
    assert_eq!(refused_too.header("www-authenticate"), refused.header("www-authenticate"));
    assert_eq!(refused_too.text(), refused.text());
}

#[tokio::test]
async fn p11_a_proof_for_one_token_is_none_for_another_of_the_same_key() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    let other = world.unbound().bound_to(&world.key).scope("admin").sign();
    let refused = send(&layer, &other, &world.proof(&token).sign()).await;
    assert_eq!((refused.status, refused.reason()), (401, "dpop_token_hash"));
}

#[tokio::test]
async fn p13_the_scheme_needs_a_proof_and_a_bound_token() {
    let world = World::new();
    let layer = world.layer();
    let bound = world.token();
    let no_proof = ask(&layer, Method::GET, "/orders", &bound, &[]).await;
    assert_eq!((no_proof.status, no_proof.reason()), (401, "dpop_missing"));

    let unbound = world.unbound().sign();
    let answer = send(&layer, &unbound, &world.proof(&unbound).sign()).await;
    assert_eq!((answer.status, answer.reason()), (401, "dpop_token_unbound"));
    assert_eq!(answer.header("www-authenticate"), challenge_with("invalid_token"));

    let proof = world.proof("").sign();
    for authorization in ["DPoP", "DPoP ", "dpop   "] {
        let headers = [("authorization", authorization), ("dpop", &*proof)];
        let answer = through(&layer, get("/orders", &headers)).await;
        assert_eq!((answer.status, answer.reason()), (401, "token_malformed"), "{authorization:?}");
    }
}

#[tokio::test]
async fn p14_a_bound_token_is_no_bearer_token_with_or_without_a_proof() {
    let world = World::new();
    let (layer, token) = (world.both(), world.token());
    let (authorization, proof) = (format!("Bearer {token}"), world.proof(&token).sign());
    let bearer = [("authorization", &*authorization)];
    for headers in [&bearer[..], &[bearer[0], ("dpop", &*proof)]] {
        let answer = through(&layer, get("/orders", headers)).await;
        assert_eq!((answer.status, answer.reason()), (401, "token_sender_constrained"));
        let expected = [format!(r#"{BEARER}, error="invalid_token""#), CHALLENGE.to_owned()];
        assert_eq!(answer.all("www-authenticate"), expected);
    }
    assert_eq!(send(&layer, &token, &proof).await.status, 200, "the proof was not spent");
}

#[tokio::test]
async fn p15_every_scheme_is_challenged_and_the_error_stands_on_the_one_that_was_tried() {
    let world = World::new();
    let (layer, token) = (world.both(), world.token());
    let plain = through(&layer, get("/orders", &[])).await;
    assert_eq!((plain.status, plain.all("www-authenticate")), (401, vec![BEARER, CHALLENGE]));

    let bad = send(&layer, &token, &world.proof("another").sign()).await;
    let expected = [BEARER.to_owned(), challenge_with("invalid_dpop_proof")];
    assert_eq!(
        (bad.status, bad.all("www-authenticate")),
        (401, expected.iter().map(|it| &**it).collect())
    );

    let bad = send(&layer, "made.up.token", &world.proof("made.up.token").sign()).await;
    let expected = [BEARER.to_owned(), challenge_with("invalid_token")];
    assert_eq!(
        (bad.status, bad.all("www-authenticate")),
        (401, expected.iter().map(|it| &**it).collect())
    );

    // A proof without a credential is no credential.
    let proof = world.proof(&token).sign();
    let alone = through(&layer, get("/orders", &[("dpop", &proof)])).await;
    assert_eq!((alone.status, alone.reason()), (401, "no_credentials"));
    assert_eq!(alone.all("www-authenticate"), [BEARER, CHALLENGE]);
}

#[tokio::test]
async fn p15_realm_and_parameters_of_the_challenge_are_the_services_own() {
    const METADATA: &str = "https://api.example/.well-known/oauth-protected-resource";
    let scheme = World::new().builder().realm("orders");
    let scheme = scheme.challenge_parameter("resource_metadata", METADATA).build().unwrap();
    let plain = through(&AuthenticateLayer::new(scheme), get("/orders", &[])).await;
    let expected = format!(
        r#"DPoP realm="orders", algs="ES256 EdDSA Ed25519", resource_metadata="{METADATA}""#
    );
    assert_eq!(plain.header("www-authenticate"), expected);
}

#[tokio::test]
async fn b2_two_credentials_are_400_whatever_their_schemes() {
    let world = World::new();
    let (layer, token) = (world.both(), world.token());
    let proof = world.proof(&token).sign();
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {}", world.unbound().sign()));
    for pair in [[&dpop, &bearer], [&bearer, &dpop], [&dpop, &dpop]] {
        let headers = pair.map(|value| ("authorization", &**value));
        let headers = [headers[0], headers[1], ("dpop", &*proof)];
        let answer = through(&layer, get("/orders", &headers)).await;
        assert_eq!((answer.status, answer.reason()), (400, "several_authorization_fields"));
    }
    // Two in one field are no token.
    let both = format!("DPoP {token}, Bearer {token}");
    let headers = [("authorization", &*both), ("dpop", &*proof)];
    assert_eq!(through(&layer, get("/orders", &headers)).await.reason(), "dpop_token_hash");
    assert_eq!(send(&layer, &token, &proof).await.status, 200, "the proof was not spent");
}

/// Whoever adds a proof to an unbound bearer token has not bound it: the scheme that was used decides.
#[tokio::test]
async fn p13_a_proof_beside_another_scheme_makes_no_difference() {
    let world = World::new();
    let authorization = format!("Bearer {}", world.unbound().sign());
    for proof in [&*world.proof("another").sign(), "rubbish"] {
        let headers = [("authorization", &*authorization), ("dpop", proof)];
        assert_eq!(through(&world.both(), get("/orders", &headers)).await.status, 200);
        let only_dpop = through(&world.layer(), get("/orders", &headers)).await;
        assert_eq!((only_dpop.status, only_dpop.reason()), (401, "no_credentials"));
    }
}

#[tokio::test]
async fn p12_the_scheme_is_case_insensitive_and_the_principal_knows_it() {
    use tower::{Layer, ServiceExt};
    let world = World::new();
    let token = world.token();
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let seen = service_fn(async |request: http::Request<TestBody>| {
            let principal = Principal::of(request.extensions()).unwrap();
            assert_eq!(principal.scheme(), "DPoP");
            assert!(principal.confirmation().jwk_thumbprint.is_some());
            assert!(request.headers()["dpop"].is_sensitive());
            Ok::<_, std::convert::Infallible>(http::Response::new(TestBody::default()))
        });
        let authorization = format!("{scheme} {token}");
        let proof = world.proof(&token).sign();
        let headers = [("authorization", &*authorization), ("dpop", &*proof)];
        let answer = world.layer().layer(seen).oneshot(get("/orders", &headers)).await.unwrap();
        assert_eq!(answer.status(), 200, "{scheme}");
    }
}

#[tokio::test]
async fn p18_a_token_that_is_bound_to_a_certificate_too_needs_both() {
    let world = World::new();
    let shown = ClientCertificate::from_der(*b"shown in the handshake");
    let digest = URL_SAFE_NO_PAD.encode(shown.digest());
    let cnf = json!({"jkt": world.key.thumbprint(), "x5t#S256": digest});
    let token = world.unbound().claim("cnf", cnf).sign();
    for (certificate, expected) in [
        (None, (401, "token_certificate_missing")),
        (Some(ClientCertificate::from_der(*b"another")), (401, "token_certificate_mismatch")),
        (Some(shown), (200, "")),
    ] {
        let authorization = format!("DPoP {token}");
        let proof = world.proof(&token).sign();
        let mut request = get("/orders", &[("authorization", &authorization), ("dpop", &proof)]);
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        let answer = through(&world.layer(), request).await;
        assert_eq!((answer.status, answer.reason()), expected);
        if answer.status == 401 {
            assert_eq!(answer.header("www-authenticate"), challenge_with("invalid_token"));
        }
    }
}

#[tokio::test]
async fn b9_nothing_of_token_and_proof_reaches_caller_or_log() {
    let world = World::new();
    let logs = Logs::capture();
    let token = world.token();
    let proof = world.proof(&token).claim("jti", "hunter2").nonce("hunter3").issued_at(seconds(1));
    let proof = proof.sign();
    let answer = send(&world.layer(), &token, &proof).await;
    assert_eq!(answer.reason(), "dpop_too_old");
    let seen = format!("{:?} {} {}", answer.headers, answer.text(), logs.text());
    assert!(logs.text().contains("dpop_too_old"));
    for leak in ["hunter", &token, &proof, &world.key.thumbprint()] {
        assert!(!seen.contains(leak), "{leak}");
    }
}
