//! Keys and tokens that are not what they are taken for.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_warden::authn::jwt::{
    Algorithm, Issuer, JwtValidator, KeyError, TokenError, VerifyingKey,
};
use tower_warden::testing::{FakeClock, TestIssuer, TestToken};

use crate::support::Logs;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
const NOW: u64 = 1_800_000_000;

/// An issuer that does not mark its access tokens, with this key.
fn trusting(key: VerifyingKey) -> JwtValidator {
    at_now(Issuer::builder(ISSUER).audience(AUDIENCE).key(key).build().unwrap())
}

fn at_now(issuer: Issuer) -> JwtValidator {
    JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW)).build().unwrap()
}

fn untyped(signer: &TestIssuer) -> TestToken {
    signer.token("ada").issued_at(NOW).header("typ", "JWT")
}

#[test]
fn j12_an_id_token_or_logout_token_without_a_type_of_its_own_is_no_access_token() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let validator = trusting(signer.verifying_key());
    assert!(validator.validate(&untyped(&signer).sign()).is_ok());
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for (claim, value) in [
        ("events", logout),
        ("nonce", json!("n-0S6_WzA2Mj")),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("c_hash", json!("LDktKdoQak3Pk0cnXxCltA")),
        ("token_introspection", json!({"active": true})),
        ("htm", json!("GET")),
    ] {
        for token in [untyped(&signer), untyped(&signer).without_header("typ")] {
            let other = token.claim(claim, value.clone()).sign();
            assert_eq!(validator.validate(&other), Err(TokenError::MediaType), "{claim}");
        }
        // One that says it is an access token may carry what it likes.
        let typed = untyped(&signer).header("typ", "at+jwt").claim(claim, value).sign();
        assert!(validator.validate(&typed).is_ok(), "{claim}");
    }
}

#[test]
fn j12_a_token_that_nothing_tells_from_an_id_token_is_no_access_token() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let issuer = || Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key());
    let validator = at_now(issuer().build().unwrap());
    let bare = || untyped(&signer).without_claim("scope").without_claim("client_id");
    let id_token = || bare().claim("azp", "web").claim("auth_time", 1).claim("roles", json!(["x"]));
    for token in [bare(), id_token(), id_token().without_header("typ")] {
        assert_eq!(validator.validate(&token.sign()), Err(TokenError::MediaType));
    }
    for claim in ["scope", "scp", "client_id", "cid", "appid"] {
        assert!(validator.validate(&bare().claim(claim, "x").sign()).is_ok(), "{claim}");
    }
    for (claim, kind, is_access_token) in [
        ("token_use", "access", true),
        ("token_use", "id", false),
        ("typ", "Bearer", true),
        ("typ", "ID", false),
        ("typ", "Refresh", false),
    ] {
        assert_eq!(validator.validate(&bare().claim(claim, kind).sign()).is_ok(), is_access_token);
        let with_scope = untyped(&signer).scope("a").claim(claim, kind).sign();
        assert_eq!(validator.validate(&with_scope).is_ok(), is_access_token, "{claim} {kind}");
    }

    let logs = Logs::capture();
    let lax = at_now(issuer().insecure_accept_unmarked_tokens().build().unwrap());
    assert!(logs.text().contains("may be ID tokens"), "{}", logs.text());
    assert!(lax.validate(&bare().sign()).is_ok());
    for other in [bare().claim("nonce", "n"), bare().claim("typ", "ID")] {
        assert_eq!(lax.validate(&other.sign()), Err(TokenError::MediaType));
    }
}

#[test]
fn j2_the_text_of_a_public_key_is_no_hmac_secret() {
    let pem = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Rs256).public_key_pem();
    let jwk = json!({"kty": "RSA", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx", "e": "AQAB"});
    for public in [
        pem.clone(),
        format!("\n{pem}"),
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 ada@example".to_owned(),
        jwk.to_string(),
        json!({"keys": [jwk]}).to_string(),
    ] {
        let taken = VerifyingKey::from_secret(Algorithm::Hs256, public.as_bytes());
        assert_eq!(taken.unwrap_err(), KeyError::AlgorithmMismatch, "{public}");
    }
    assert!(VerifyingKey::from_secret(Algorithm::Hs256, &[b'{'; 32]).is_ok());
}

#[test]
fn j2_only_a_single_public_key_is_read_from_pem() {
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBbTCCAROgAwIBAgIUN38hLbTQdQHi4rxveLP43rR08mMwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAeFw0yNjExMjIwMzUyNDZaFw0yNjExMjMwMzUyNDZaMAwx
CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATBa5BE7d5DOrSy
1PYBxThnzetvLQB9abcWpjjjvJAyELb5cTC4SvViu9PanEXJ/KpOulmsHGUEpEys
aYfj5Sd2o1MwUTAdBgNVHQ4EFgQUwXhnbhgBohGHA6y9OKr0yOMGHEQwHwYDVR0j
BBgwFoAUwXhnbhgBohGHA6y9OKr0yOMGHEQwDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiBv9al73MuDr5rF9mOaNpK2Z1IYs0zow/CWUIaINyHx8wIh
AJIT8a4qX7e/W2fkHzYKusA+F5WU283qXv853aT+xNZb
-----END CERTIFICATE-----
";
    let read = |pem: &str| VerifyingKey::from_pem(Algorithm::Es256, pem).map(|_| ());
    let (one, two) = (TestIssuer::new("a", "b"), TestIssuer::new("a", "b"));
    let pem = one.public_key_pem();
    assert_eq!(read(&pem), Ok(()));
    assert_eq!(read(&format!("# the issuer's key\n{pem}\n")), Ok(()));
    // Nobody would check its dates, its signature or its revocation.
    assert_eq!(read(CERTIFICATE), Err(KeyError::Malformed));
    // Which of the two counts?
    assert_eq!(read(&format!("{pem}{}", two.public_key_pem())), Err(KeyError::Malformed));
    assert_eq!(read(&format!("{pem}{CERTIFICATE}")), Err(KeyError::Malformed));
    for private in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        assert_eq!(
            read(&pem.replace("PUBLIC KEY", private)),
            Err(KeyError::Malformed),
            "{private}"
        );
    }
}

#[test]
fn j14_a_point_of_another_curve_of_the_same_size_is_no_key() {
    const SECP256K1: &str = "-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEIT74T05ocYQi5ac4tosBWK3ydQaMuhXA
G5Bh90qPpqB1B5l9NTq+Gc9GfeRa/s9Sucmp5rmg5nkJyuazvNcp7w==
-----END PUBLIC KEY-----
";
    assert!(VerifyingKey::from_pem(Algorithm::Es256, SECP256K1).is_err());
    let p256 = TestIssuer::new("a", "b").public_key_pem();
    for other in [Algorithm::Es384, Algorithm::Es512, Algorithm::Ed25519, Algorithm::Rs256] {
        assert!(VerifyingKey::from_pem(other, &p256).is_err(), "{other}");
    }
}

#[test]
fn j14_an_ecdsa_signature_is_of_fixed_length_and_in_range() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let validator = trusting(signer.verifying_key());
    let good = untyped(&signer).sign();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = raw.split_at(32);
    let der = |part: &[u8]| [&[2, 33, 0][..], part].concat();
    let order = [
        &[0xff; 4][..],
        &[0; 4],
        &[0xff; 8],
        &[
            0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
            0x25, 0x51,
        ],
    ]
    .concat();
    for forged in [
        [&[0x30, 70][..], &der(r), &der(s)].concat(),
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [&order[..], &order].concat(),
        [&[0xff; 32][..], &[0xff; 32]].concat(),
        [&[0][..], r, &[0], s].concat(),
        vec![0; 64],
    ] {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&forged));
        assert_eq!(validator.validate(&token), Err(TokenError::Signature), "{forged:?}");
    }
    assert!(validator.validate(&good).is_ok());
}

/// With an exponent of 1, what is to be signed is its own signature.
#[test]
fn j13_an_rsa_key_whose_signatures_anyone_can_make_admits_nobody() {
    let jwk = |n: &[u8], e: &[u8]| {
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({"kty": "RSA", "alg": "RS256", "n": encode(n), "e": encode(e)}).to_string()
    };
    let modulus = [0xff; 256];
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "root", "exp": NOW + 60});
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let prefix = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&signed);
    let block = [&[0, 1][..], &[0xff; 202], &[0], &prefix, &digest].concat();
    assert_eq!(block.len(), 256);
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&block));
    for e in [&[1][..], &[0, 1], &[0], &[], &[2], &[0xff; 256]] {
        let loaded = VerifyingKey::from_jwk(&jwk(&modulus, e));
        if let Ok(key) = loaded.clone() {
            assert!(trusting(key).validate(&forged).is_err(), "forged with {e:?}");
        }
        assert_eq!(loaded.map(|_| ()), Err(KeyError::Malformed), "{e:?}");
    }
    // An even modulus is no product of two odd primes.
    let even = [&[0xff; 255][..], &[0xfe]].concat();
    assert_eq!(VerifyingKey::from_jwk(&jwk(&even, &[1, 0, 1])).unwrap_err(), KeyError::Malformed);
    // More bits than any check should have to take time for.
    let huge = VerifyingKey::from_jwk(&jwk(&[0xff; 1025], &[1, 0, 1]));
    assert_eq!(huge.unwrap_err(), KeyError::Malformed);
    let odd = trusting(VerifyingKey::from_jwk(&jwk(&modulus, &[1, 0, 1])).unwrap());
    assert_eq!(odd.validate(&forged), Err(TokenError::Signature));
}

#[test]
fn j6_a_header_is_utf_8_also_where_nobody_looks() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let validator = trusting(signer.verifying_key());
    let header = b"{\"alg\":\"ES256\",\"x5c\":\"\xff\"}";
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 60}).to_string();
    let token = signer.sign(header, claims.as_bytes());
    assert_eq!(validator.validate(&token), Err(TokenError::Malformed));
}

#[test]
fn j10_no_spelling_of_a_number_outlives_time() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let validator = trusting(signer.verifying_key());
    let with_exp = |exp: &str| {
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"ada","scope":"","exp":{exp}}}"#
        );
        validator.validate(&signer.sign(br#"{"alg":"ES256"}"#, claims.as_bytes())).map(|_| ())
    };
    assert_eq!(with_exp("18000000600e-1"), Ok(()));
    let digits = "9".repeat(400);
    for exp in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "+1800000060",
        "0x7fffffff",
        "01800000060",
        &digits,
    ] {
        assert_eq!(with_exp(exp), Err(TokenError::Malformed), "{exp}");
    }
    for exp in ["1e300", "-1e-300", "18446744073709551615", "253402300799.5", "9e15"] {
        assert_eq!(with_exp(exp), Err(TokenError::ClaimMalformed), "{exp}");
    }
    for exp in ["-0", "-0.0", "1e-300", "0"] {
        assert_eq!(with_exp(exp), Err(TokenError::Expired), "{exp}");
    }
}

#[test]
fn j9_extreme_times_neither_panic_nor_admit() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let builder = || Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key());
    let at = |unix: Duration, issuer: Issuer| {
        let clock = FakeClock::at_unix(0);
        clock.set_unix(unix);
        JwtValidator::builder().issuer(issuer).clock(clock).build().unwrap()
    };
    assert!(builder().leeway(Duration::MAX).build().is_err());
    let token = untyped(&signer).sign();
    let patient =
        || builder().leeway(Duration::from_secs(300)).max_age(Duration::MAX).build().unwrap();
    assert_eq!(at(Duration::MAX, patient()).validate(&token), Err(TokenError::Expired));
    assert_eq!(at(Duration::ZERO, patient()).validate(&token), Err(TokenError::NotYetValid));
    let exact = builder().leeway(Duration::ZERO).max_age(Duration::ZERO).build().unwrap();
    assert!(at(Duration::from_secs(NOW), exact.clone()).validate(&token).is_ok());
    let later = Duration::from_secs(NOW) + Duration::from_nanos(1);
    assert_eq!(at(later, exact).validate(&token), Err(TokenError::TooOld));
}

#[test]
fn k8_issuers_that_share_a_key_and_its_name_do_not_share_their_tokens() {
    const OTHER: &str = "https://other.example";
    let signer = TestIssuer::new(ISSUER, AUDIENCE).with_key_id("1");
    let stranger = TestIssuer::new(OTHER, AUDIENCE).with_key_id("1");
    let issuer = |name, audience: &str, signer: &TestIssuer| {
        Issuer::builder(name).audience(audience).key(signer.verifying_key()).build().unwrap()
    };
    let validator = |second: Issuer| {
        let first = issuer(ISSUER, AUDIENCE, &signer);
        JwtValidator::builder()
            .issuer(first)
            .issuer(second)
            .clock(FakeClock::at_unix(NOW))
            .build()
            .unwrap()
    };
    let says = |iss: Value, aud: &str| untyped(&signer).claim("iss", iss).claim("aud", aud).sign();
    // The same name for another key.
    let apart = validator(issuer(OTHER, AUDIENCE, &stranger));
    assert!(apart.validate(&says(json!(ISSUER), AUDIENCE)).is_ok());
    assert_eq!(apart.validate(&says(json!(OTHER), AUDIENCE)), Err(TokenError::Signature));
    // The same key: each issuer's tokens are for its own audience.
    let shared = validator(issuer(OTHER, "https://admin.example", &signer));
    assert_eq!(shared.validate(&says(json!(OTHER), AUDIENCE)), Err(TokenError::Audience));
    assert_eq!(
        shared.validate(&says(json!(ISSUER), "https://admin.example")),
        Err(TokenError::Audience)
    );
    let both = json!([ISSUER, OTHER]);
    assert_eq!(shared.validate(&says(both, AUDIENCE)), Err(TokenError::Issuer));
}

#[test]
fn secrets_of_a_test_issuer_are_not_printed_either() {
    let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Hs256);
    let text = format!("{signer:?} {:?}", signer.token("ada"));
    assert!(!text.contains("secret: ["), "{text}");
}
