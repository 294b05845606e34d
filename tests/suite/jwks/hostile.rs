//! A server that means ill, or is broken.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tower_warden::authn::jwks::{LoadError, RemoteKeys};
use tower_warden::authn::jwt::{Algorithm, KeySource};
use tower_warden::http_client::{HttpClient, Limits, ResponseFuture};
use tower_warden::testing::TestIssuer;

use super::{AUDIENCE, SHORT, Scenery, ask, seconds, status};
use crate::key_server::{KEYS, Manner, Reply};

#[tokio::test]
async fn k5_a_server_that_never_ends_is_left() {
    for (manner, expected) in [
        (Manner::Stalling, "took too long"),
        (Manner::Dripping, "took too long"),
        (Manner::Endless, "too large"),
        (Manner::Huge, "too large"),
        (Manner::BreakingOff, "failed"),
        (Manner::HangingUp, "failed"),
    ] {
        let scene = Scenery::set().await;
        scene.server.reply(KEYS, Reply::keys([&scene.signer]).sent(manner));
        // Only what has to run out of time may do so quickly.
        let patience = if expected == "took too long" { SHORT } else { seconds(5) };
        let keys = scene.at().timeout(patience).build().unwrap();
        let Err(LoadError::Unreachable { source, .. }) = keys.load().await else {
            panic!("{manner:?} was taken for an answer");
        };
        assert!(source.to_string().contains(expected), "{manner:?}: {source}");
    }
}

#[tokio::test]
async fn k5_the_body_is_read_up_to_the_limit() {
    let scene = Scenery::set().await;
    let body = scene.signer.jwks();
    for (limit, fits) in [(body.len(), true), (body.len() - 1, false)] {
        scene.server.reply(KEYS, Reply::json(&body));
        let keys = scene.at().max_body(limit).build().unwrap();
        assert_eq!(keys.load().await.is_ok(), fits, "{limit}");
    }
    let padded = |length| format!("{body}{}", " ".repeat(length - body.len()));
    for (length, fits) in [(512 * 1024, true), (512 * 1024 + 1, false)] {
        scene.server.reply(KEYS, Reply::json(padded(length)));
        assert_eq!(scene.at().build().unwrap().load().await.is_ok(), fits, "{length}");
    }
}

#[tokio::test]
async fn k5_a_head_is_not_read_without_end_either() {
    let scene = Scenery::set().await;
    for fields in
        [vec![("x".to_owned(), 1_000_000)], (0..500).map(|n| (format!("x{n}"), 1)).collect()]
    {
        let bloated = fields.iter().fold(Reply::keys([&scene.signer]), |reply, (name, length)| {
            reply.header(name, &"x".repeat(*length))
        });
        scene.server.reply(KEYS, bloated);
        let refused = scene.at().build().unwrap().load().await.unwrap_err();
        assert!(matches!(refused, LoadError::Unreachable { .. }), "{refused}");
    }
}

#[tokio::test]
async fn k5_redirects_are_not_followed() {
    let scene = Scenery::set().await;
    let other = Scenery::set().await;
    for (code, target) in [
        (301, "/elsewhere"),
        (302, &*other.server.jwks_uri()),
        (307, "/elsewhere"),
        (308, "/elsewhere"),
    ] {
        scene.server.reply("/elsewhere", Reply::keys([&scene.signer]));
        scene.server.reply(KEYS, Reply::status(code).header("location", target));
        let refused = scene.at().build().unwrap().load().await.unwrap_err();
        assert!(matches!(refused, LoadError::Status { status, .. } if status == code), "{refused}");
    }
    assert_eq!(scene.server.requests("/elsewhere").len() + other.server.fetches(), 0);
}

#[tokio::test]
async fn k5_cookies_are_not_kept_and_nothing_is_told() {
    let scene = Scenery::set().await;
    scene.server.reply(KEYS, Reply::keys([&scene.signer]).header("set-cookie", "who=me; Path=/"));
    let (_keys, layer) = scene.loaded().await;
    scene.clock.advance(seconds(30));
    assert_eq!(status(&layer, &scene.server.signer("unknown")).await, 401);
    let heads = scene.server.requests(KEYS);
    assert_eq!(heads.len(), 2);
    for head in heads {
        for field in ["cookie", "referer", "authorization", "accept-encoding"] {
            assert!(!head.to_lowercase().contains(&format!("\r\n{field}:")), "{head}");
        }
    }
}

#[tokio::test]
async fn k5_a_set_of_too_many_keys_is_not_taken() {
    let scene = Scenery::set().await;
    let with = |count: usize| {
        let junk = std::iter::repeat_n(json!({"kty": "?"}), count - 1);
        Reply::json(json!({"keys": Vec::from_iter(junk.chain([scene.signer.public_jwk()]))}))
    };
    for (count, fits) in [(100, true), (101, false), (10_000, false)] {
        scene.server.reply(KEYS, with(count));
        let outcome = scene.at().build().unwrap().load().await;
        assert_eq!(outcome.is_ok(), fits, "{count}");
        assert!(fits || matches!(outcome, Err(LoadError::TooManyKeys { .. })));
    }
}

#[tokio::test]
async fn k6_bad_keys_are_skipped_and_the_good_ones_work() {
    let scene = Scenery::set().await;
    let good = |name: &str| scene.server.signer(name).public_jwk();
    let without = |member: &str| {
        let mut jwk = good(&format!("without-{member}"));
        jwk.as_object_mut().unwrap().remove(member);
        jwk
    };
    let with = |member: &str, value: Value| {
        let mut jwk = good(&format!("with-{member}"));
        jwk[member] = value;
        jwk
    };
    let hmac = TestIssuer::with_algorithm(&scene.server.issuer(), AUDIENCE, Algorithm::Hs256);
    let secret = json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"});
    let bad = [
        json!({"kty": "unknown", "kid": "x"}),
        json!({"kty": "RSA", "kid": "x", "n": "AQAB", "e": "AQAB"}),
        json!("no object"),
        json!(null),
        json!({}),
        secret,
        hmac.public_jwk(),
        without("kty"),
        without("x"),
        without("crv"),
        with("use", json!("enc")),
        with("key_ops", json!(["sign"])),
        with("d", json!("AAAA")),
        with("alg", json!("HS256")),
        with("alg", json!("none")),
        with("kid", json!(7)),
        with("y", json!("AAAA")),
    ];
    let set = Vec::from_iter(bad.iter().cloned().chain([scene.signer.public_jwk()]));
    scene.server.reply(KEYS, Reply::json(json!({"keys": set, "more": {"x": 1}})));
    let (keys, layer) = scene.loaded().await;
    assert_eq!(keys.current().unwrap().iter().count(), 1);
    assert_eq!(status(&layer, &scene.signer).await, 200);

    for bad in bad {
        scene.server.reply(KEYS, Reply::json(json!({"keys": [bad]})));
        let refused = scene.at().build().unwrap().load().await.unwrap_err();
        assert!(matches!(refused, LoadError::NoUsableKey { .. }), "{bad}: {refused}");
    }
}

#[tokio::test]
async fn k6_keys_of_one_name_are_tried_in_bounded_number() {
    let scene = Scenery::set().await;
    let signers: Vec<_> = (0..5).map(|_| scene.server.signer("same")).collect();
    scene.server.publish(&signers[..4]);
    let (_keys, layer) = scene.loaded().await;
    for signer in &signers[..4] {
        assert_eq!(status(&layer, signer).await, 200);
    }
    assert_eq!(status(&layer, &signers[4]).await, 401);

    scene.server.publish(&signers);
    scene.clock.advance(seconds(600));
    let (_keys, layer) = scene.loaded().await;
    assert_eq!(status(&layer, &signers[0]).await, 401, "five keys for one token are too many");
}

#[tokio::test]
async fn k6_a_token_without_key_name_is_tried_with_what_fits_its_algorithm() {
    let scene = Scenery::set().await;
    let rsa = TestIssuer::with_algorithm(&scene.server.issuer(), AUDIENCE, Algorithm::Rs256);
    scene.server.publish([&rsa, &scene.signer]);
    let (_keys, layer) = scene.loaded().await;
    for signer in [&rsa, &scene.signer] {
        assert_eq!(
            ask(&layer, &signer.token("ada").without_header("kid").sign()).await.status,
            200
        );
    }
    let stranger = scene.server.signer("one").token("eve").without_header("kid").sign();
    assert_eq!(ask(&layer, &stranger).await.status, 401);
}

#[tokio::test]
async fn j1_a_published_key_is_never_taken_for_a_secret() {
    let scene = Scenery::set().await;
    let (_keys, layer) = scene.loaded().await;
    let hmac = TestIssuer::with_algorithm(&scene.server.issuer(), AUDIENCE, Algorithm::Hs256);
    let refused = ask(&layer, &hmac.with_key_id("one").token("eve").sign()).await;
    assert_eq!((refused.status, refused.reason()), (401, "token_algorithm_not_allowed"));
}

#[tokio::test]
async fn the_content_type_is_not_looked_at() {
    let scene = Scenery::set().await;
    for kind in ["text/html", "application/jwk-set+json", "application/octet-stream"] {
        scene.server.reply(KEYS, Reply::keys([&scene.signer]).header("content-type", kind));
        scene.at().build().unwrap().load().await.unwrap();
    }
}

/// Keeps none of the limits.
#[derive(Clone, Copy, Debug)]
enum Careless {
    Large,
    Slow,
}

impl HttpClient for Careless {
    fn send(&self, _: Request<Bytes>, _: Limits) -> ResponseFuture {
        match self {
            Self::Slow => Box::pin(std::future::pending()),
            Self::Large => {
                let mut body = "{\"keys\":[]".to_owned();
                let _cannot_fail = write!(body, "{}}}", " ".repeat(1_000_000));
                Box::pin(async { Ok(Response::new(body.into())) })
            }
        }
    }
}

#[tokio::test]
async fn k5_the_limits_hold_for_a_client_that_keeps_none() {
    for (client, expected) in [(Careless::Large, "too large"), (Careless::Slow, "took too long")] {
        let keys = RemoteKeys::at("https://issuer.example/jwks").client(client).timeout(SHORT);
        let Err(LoadError::Unreachable { source, .. }) = keys.build().unwrap().load().await else {
            panic!("{client:?} was taken for an answer");
        };
        assert!(source.to_string().contains(expected), "{client:?}: {source}");
    }
}
