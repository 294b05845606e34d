//! Proofs that are no proof: each with the reason in the log, and the one error that the caller sees.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower_warden::authn::dpop::ProofError as E;
use tower_warden::authn::{Attempt, Authenticator};
use tower_warden::testing::{TestDpopKey, TestDpopProof};

use super::{NOW, World, challenge_with, send};

/// The proof with one part of it changed after it was signed.
fn tampered(proof: &str, part: usize, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let mut parts: Vec<String> = proof.split('.').map(str::to_owned).collect();
    parts[part] = URL_SAFE_NO_PAD.encode(change(URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()));
    parts.join(".")
}

/// The proof's key with one more member.
fn with_member(world: &World, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = world.key.public_jwk();
    jwk[name] = value.into();
    jwk
}

fn hostile_headers(world: &World, token: &str) -> Vec<(String, String, E)> {
    let good = || world.proof(token);
    let mut all = Vec::new();
    let mut add = |name: &str, proof: TestDpopProof, error| {
        all.push((name.to_owned(), proof.sign(), error));
    };
    for media_type in ["JWT", "at+jwt", "dpop", "DPoP+jwt", "dpop+JWT", "application/dpop+jwt", ""]
    {
        add(&format!("typ {media_type}"), good().header("typ", media_type), E::MediaType);
    }
    add("no typ", good().without_header("typ"), E::MediaType);
    add("typ of an array", good().header("typ", json!(["dpop+jwt"])), E::MediaType);
    for algorithm in ["none", "None", "HS256", "HS512", "RS256", "es256", "ES384", "EdDSA ", ""] {
        add(&format!("alg {algorithm}"), good().header("alg", algorithm), E::AlgorithmNotAllowed);
    }
    add("no alg", good().without_header("alg"), E::AlgorithmNotAllowed);
    add("another alg of the list", good().header("alg", "EdDSA"), E::Key);
    for critical in [json!([]), json!(["jwk"]), json!(["b64"]), json!(null)] {
        add(&format!("crit {critical}"), good().header("crit", critical), E::CriticalHeader);
    }
    add("b64", good().header("b64", true), E::Malformed);
    add("zip", good().header("zip", "DEF"), E::Malformed);
    add("no jwk", good().without_header("jwk"), E::Key);
    add("jwk as text", good().header("jwk", world.key.public_jwk().to_string()), E::Key);
    add("empty jwk", good().header("jwk", json!({})), E::Key);
    add("a symmetric jwk without its key", good().header("jwk", json!({"kty": "oct"})), E::Key);
    let symmetric = json!({"kty": "oct", "k": "AAAA"});
    add("a symmetric jwk", good().header("jwk", symmetric), E::KeyPrivate);
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        let jwk = with_member(world, member, "AAAA");
        add(&format!("jwk with {member}"), good().header("jwk", jwk), E::KeyPrivate);
    }
    for (member, value) in [
        ("use", json!("enc")),
        ("use", json!(1)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("alg", json!(256)),
    ] {
        let jwk = with_member(world, member, value.clone());
        add(&format!("jwk with {member} {value}"), good().header("jwk", jwk), E::Key);
    }
    for (member, value) in [
        ("kty", json!("RSA")),
        ("kty", json!("ec")),
        ("kty", json!(null)),
        ("crv", json!("secp256k1")),
        ("crv", json!("Ed25519")),
        ("x", json!("")),
        ("x", json!("!!")),
        ("y", json!(null)),
    ] {
        let jwk = with_member(world, member, value.clone());
        add(&format!("jwk with {member} {value}"), good().header("jwk", jwk), E::Key);
    }
    // Well-formed, but not the key of the token: no more is said than of any bad token.
    for (member, value) in [("crv", "P-384"), ("x", "AAAA")] {
        let jwk = with_member(world, member, value);
        add(&format!("jwk with {member} {value}"), good().header("jwk", jwk), E::KeyMismatch);
    }
    let huge = with_member(world, "x5c", "A".repeat(5000));
    add("a huge jwk", good().header("jwk", huge), E::Malformed);
    let stranger = TestDpopKey::new().proof("GET", super::ORDERS).token(token);
    add("another key", stranger.issued_at(super::seconds(NOW)), E::KeyMismatch);
    add(
        "keys from elsewhere",
        good().header("jku", "https://evil.example").without_header("jwk"),
        E::Key,
    );
    all
}

fn hostile_claims(world: &World, token: &str) -> Vec<(String, String, E)> {
    let good = || world.proof(token);
    let mut all = Vec::new();
    let mut add = |name: &str, proof: TestDpopProof, error| {
        all.push((name.to_owned(), proof.sign(), error));
    };
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        add(&format!("no {claim}"), good().without_claim(claim), E::ClaimMalformed);
        for value in [json!(null), json!(true), json!([]), json!({}), json!("")] {
            let name = format!("{claim} {value}");
            add(&name, good().claim(claim, value), E::ClaimMalformed);
        }
    }
    add("jti of a number", good().claim("jti", 7), E::ClaimMalformed);
    add("a long jti", good().claim("jti", "j".repeat(257)), E::ClaimMalformed);
    for iat in [json!("1800000000"), json!(-1), json!(1e300)] {
        add(&format!("iat {iat}"), good().claim("iat", iat), E::ClaimMalformed);
    }
    for claim in ["exp", "nbf"] {
        add(&format!("{claim} of text"), good().claim(claim, "now"), E::ClaimMalformed);
    }
    add("exp reached", good().claim("exp", NOW), E::Expired);
    add("nbf far ahead", good().claim("nbf", NOW + 6), E::Expired);
    add("iat 61 s ago", good().claim("iat", NOW - 61), E::TooOld);
    add("iat long ago", good().claim("iat", 0), E::TooOld);
    add("iat 6 s ahead", good().claim("iat", NOW + 6), E::TooEarly);
    add("iat in milliseconds", good().claim("iat", NOW * 1000), E::ClaimMalformed);
    for method in ["get", "Get", "POST", "GET ", "GET,POST", "*"] {
        add(&format!("htm {method}"), good().claim("htm", method), E::Method);
    }
    for uri in [
        "http://api.example/orders",
        "https://api.example:8443/orders",
        "https://api.example./orders",
        "https://api.example.evil.example/orders",
        "https://evil.example/orders",
        "https://evil.example/https://api.example/orders",
        "https://api.example@evil.example/orders",
        "https://ada@api.example/orders",
        "https://evil.example\\@api.example/orders",
        "https://[::1]/orders",
        "https://api.example/Orders",
        "https://api.example/orders/",
        "https://api.example//orders",
        "https://api.example/orders;a=b",
        "https://api.example/orders%2F",
        "https://api.example/orders%00",
        "https://api.example/orders/1",
        "https://api.example/orders/%2e%2e",
        "https://api.example",
        "//api.example/orders",
        "/orders",
        "orders",
        "https://api.example%2Forders",
        "https://api.example?/orders",
        "https://api.example#/orders",
        " https://api.example/orders",
        "https://api.example/orders https://api.example/orders",
    ] {
        add(&format!("htu {uri}"), good().claim("htu", uri), E::Target);
    }
    add("another token", good().token("another"), E::TokenHash);
    let hash = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";
    add("the hash of the standard's token", good().claim("ath", hash), E::TokenHash);
    for (name, hash) in [
        ("cut", &hash[..42]),
        ("half", &hash[..22]),
        ("with padding", &format!("{hash}=")),
        ("in hexadecimal", &"ab".repeat(32)),
        ("in another alphabet", &format!("+{}", &hash[1..])),
    ] {
        add(&format!("ath {name}"), good().claim("ath", hash), E::ClaimMalformed);
    }
    add("nonce of a number", good().claim("nonce", 7), E::ClaimMalformed);
    all
}

fn hostile_forms(world: &World, token: &str) -> Vec<(String, String, E)> {
    let good = world.proof(token).sign();
    let parts: Vec<&str> = good.split('.').collect();
    let other = world.proof(token).claim("jti", "other").sign();
    let text = |header: &str, claims: &str| world.key.sign(header.as_bytes(), claims.as_bytes());
    let jwk = world.key.public_jwk();
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#);
    let twice = header.replacen('{', r#"{"alg":"none","#, 1);
    let twice_inside = header.replacen(r#""kty""#, r#""kty":"EC","kty""#, 1);
    let signature = other.rsplit_once('.').unwrap().1;
    [
        ("nothing", String::new(), E::Malformed),
        ("not a token", "proof".to_owned(), E::Malformed),
        ("two parts", format!("{}.{}", parts[0], parts[1]), E::Malformed),
        ("four parts", format!("{good}.x"), E::Malformed),
        ("two proofs with a comma", format!("{good}, {other}"), E::Malformed),
        ("two proofs with a space", format!("{good} {other}"), E::Malformed),
        ("quoted", format!("\"{good}\""), E::Malformed),
        ("padding", format!("{}=.{}.{}", parts[0], parts[1], parts[2]), E::Malformed),
        ("not ASCII", format!("{good}\u{fc}"), E::Malformed),
        ("JSON serialization", format!(r#"{{"payload":"{}"}}"#, parts[1]), E::Malformed),
        ("too long", format!("{good}{}", "A".repeat(8192)), E::TooLong),
        ("an empty signature", format!("{}.{}.", parts[0], parts[1]), E::Signature),
        (
            "a signature over another proof",
            format!("{}.{}.{signature}", parts[0], parts[1]),
            E::Signature,
        ),
        ("a signature of zeros", tampered(&good, 2, |it| vec![0; it.len()]), E::Signature),
        ("a cut signature", tampered(&good, 2, |it| it[..63].to_vec()), E::Signature),
        ("a longer signature", tampered(&good, 2, |it| [it, vec![0]].concat()), E::Signature),
        ("a repeated header member", text(&twice, "{}"), E::Malformed),
        ("a repeated member of the key", text(&twice_inside, "{}"), E::Malformed),
        ("a repeated claim", text(&header, r#"{"htm":"GET","htm":"POST"}"#), E::Malformed),
        ("claims that are no object", text(&header, r#"["jti"]"#), E::Malformed),
        ("two objects", text(&header, "{}{}"), E::Malformed),
        ("a header that is no object", text("[]", "{}"), E::Malformed),
        (
            "nested too deeply",
            text(&header, &format!(r#"{{"a":{}1{}}}"#, "[".repeat(99), "]".repeat(99))),
            E::Malformed,
        ),
        ("the access token", token.to_owned(), E::MediaType),
    ]
    .map(|(name, proof, error)| (name.to_owned(), proof, error))
    .into()
}

#[tokio::test]
async fn p1_to_p12_every_hostile_proof_is_refused_for_its_own_reason() {
    let world = World::new();
    let (layer, token) = (world.layer(), world.token());
    let hostile = [hostile_headers, hostile_claims, hostile_forms].map(|of| of(&world, &token));
    let (mut count, mut bodies) = (0, Vec::new());
    for (name, proof, error) in hostile.into_iter().flatten() {
        let answer = send(&layer, &token, &proof).await;
        assert_eq!((answer.status, answer.reason()), (401, error.reason()), "{name}");
        assert_eq!(answer.header("www-authenticate"), challenge_with(error.code()), "{name}");
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        count += 1;
        bodies.push(answer.text().to_owned());
    }
    assert!(count >= 120, "{count}");
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the body tells nothing: {bodies:?}");
    // None of them was remembered, and the honest one is still good.
    assert_eq!(send(&layer, &token, &world.proof(&token).sign()).await.status, 200);
}

#[test]
fn p15_every_reason_is_a_code_of_its_own() {
    let mut reasons = E::ALL.map(E::reason).to_vec();
    assert!(reasons.iter().all(|reason| reason.starts_with("dpop_")));
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), E::ALL.len());
}

/// Whether a fresh scheme, to which no proof is known, admits this proof.
fn admits(world: &World, token: &str, proof: &[u8]) -> bool {
    let scheme = world.builder().build().unwrap();
    let request = http::Request::get("/orders").header("authorization", format!("DPoP {token}"));
    let Ok(request) = request.header("dpop", proof).body(()) else { return false };
    matches!(scheme.authenticate(&request.into_parts().0), Attempt::Ready(Ok(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn p5_a_proof_with_one_bit_changed_is_refused(bit in any::<prop::sample::Index>()) {
        let world = World::new();
        let token = world.token();
        let mut proof = world.proof(&token).sign().into_bytes();
        prop_assert!(admits(&world, &token, &proof));
        let bit = bit.index(proof.len() * 8);
        proof[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!admits(&world, &token, &proof), "{}", String::from_utf8_lossy(&proof));
    }

    #[test]
    fn p1_any_field_is_read_without_panic(proof in any::<Vec<u8>>()) {
        let world = World::new();
        prop_assert!(!admits(&world, &world.token(), &proof));
    }

    #[test]
    fn p2_any_claims_are_read_without_panic(htu in any::<String>(), jti in any::<String>(), iat in any::<f64>()) {
        let world = World::new();
        let token = world.token();
        let proof = world.proof(&token).claim("htu", htu).claim("jti", jti).claim("iat", iat);
        prop_assert!(!admits(&world, &token, proof.sign().as_bytes()));
    }
}
