//! Bearer tokens: signed tokens of configured issuers, through the real authentication layer.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{
    Algorithm, Issuer, IssuerBuilder, JwtValidator, KeyError, TokenError, VerifyingKey,
};
use tower_warden::clock::Clock;
use tower_warden::principal::PrincipalKind;
use tower_warden::testing::{FakeClock, TestIssuer, TestToken};

use crate::attacks::hostile_tokens::{LAB, Mode};
use crate::support::{Answer, Logs, TestBody, ask, get, hello, through};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
const NOW: u64 = 1_800_000_000;

fn signer() -> TestIssuer {
    TestIssuer::new(ISSUER, AUDIENCE)
}

fn layer(signer: &TestIssuer) -> AuthenticateLayer {
    AuthenticateLayer::new(BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap())))
}

/// A validator whose clock stands at [`NOW`], for tokens of any type.
fn at_now(signer: &TestIssuer) -> JwtValidator {
    let issuer =
        Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key()).build().unwrap();
    JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW)).build().unwrap()
}

fn token(signer: &TestIssuer) -> TestToken {
    signer.token("ada").issued_at(NOW)
}

async fn send(layer: &AuthenticateLayer, authorization: &str) -> Answer {
    through(layer, get("/", &[("authorization", authorization)])).await
}

#[tokio::test]
async fn b1_bearer_is_accepted_in_any_letter_case() {
    let signer = signer();
    let layer = layer(&signer);
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let answer = send(&layer, &format!("{scheme} {}", signer.token("ada").sign())).await;
        assert_eq!((answer.status, answer.text()), (200, "inner"), "{scheme}");
    }
}

#[tokio::test]
async fn b2_two_authorization_fields_are_400() {
    let signer = signer();
    let token = format!("Bearer {}", signer.token("ada").sign());
    let answer =
        through(&layer(&signer), get("/", &[("authorization", &token), ("authorization", &token)]))
            .await;
    assert_eq!((answer.status, answer.reason()), (400, "several_authorization_fields"));
}

#[tokio::test]
async fn b2_a_token_in_the_query_beside_the_one_in_the_header_is_400() {
    let signer = signer();
    let (layer, token) = (layer(&signer), signer.token("ada").sign());
    let authorization = ("authorization", &*format!("Bearer {token}"));
    for query in [&*format!("access_token={token}"), "access_token", "a=b&access%5ftoken=x"] {
        let target = format!("/?{query}");
        let answer = through(&layer, get(&target, &[authorization])).await;
        assert_eq!((answer.status, answer.reason()), (400, "several_token_transports"), "{query}");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="api", error="invalid_request""#
        );
        let grpc = ("content-type", "application/grpc");
        let answer = through(&layer, get(&target, &[authorization, grpc])).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (200, "3"));
    }
    let admitted = through(&layer, get("/?q=access_token", &[authorization])).await;
    assert_eq!(admitted.status, 200);
}

#[tokio::test]
async fn b3_a_token_in_the_query_or_another_header_is_not_read() {
    let signer = signer();
    let token = signer.token("ada").sign();
    let answer =
        through(&layer(&signer), get(&format!("/?access_token={token}"), &[("x-token", &token)]))
            .await;
    assert_eq!((answer.status, answer.reason()), (401, "no_credentials"));
}

#[tokio::test]
async fn b3_a_token_in_a_form_is_not_read() {
    use http::{Method, Request};
    use tower::{Layer, service_fn};
    let signer = signer();
    let token = signer.token("ada").sign();
    let form = format!("access_token={token}");
    let post = |authorization: Option<String>| {
        let mut request = Request::builder().method(Method::POST);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        request.body(TestBody::from(form.clone())).unwrap()
    };
    let service = layer(&signer).layer(service_fn(hello));
    let answer = ask(service.clone(), post(None)).await;
    assert_eq!((answer.status, answer.reason()), (401, "no_credentials"));
    let answer = ask(service, post(Some(format!("Bearer {token}")))).await;
    assert_eq!(answer.status, 200, "bodies are the handler's alone");
}

#[tokio::test]
async fn b5_b6_no_credentials_get_a_challenge_with_realm_and_without_error() {
    let answer = through(&layer(&signer()), get("/", &[])).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, r#"Bearer realm="api""#));
}

/// The same table as in front of a whole stack, with the layer alone.
#[tokio::test]
async fn b7_every_bad_token_gets_one_uniform_401() {
    let mut answers = HashSet::new();
    for (row, victim) in LAB.rows() {
        let (name, token, reason) = row.parts();
        let Ok(value) = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()) else {
            continue; // no header field can hold it
        };
        let layer = AuthenticateLayer::new(BearerAuthenticator::new(
            victim.validator(Mode::AccessTokensOnly),
        ));
        let mut request = get("/", &[]);
        request.headers_mut().insert("authorization", value);
        let answer = through(&layer, request).await;
        assert_eq!(answer.status, 401, "{name}");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="api", error="invalid_token""#,
            "{name}"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.reason(), reason, "{name}");
        answers.insert(answer.text().to_owned());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn b9_nothing_of_the_token_or_the_reason_reaches_the_caller() {
    let signer = signer();
    let logs = Logs::capture();
    let secret =
        token(&signer).claim("secret", "hunter2-claim").header("kid", "hunter2-kid").sign();
    let answer = send(&layer(&signer), &format!("Bearer {secret}")).await;
    let seen = format!("{:?} {}", answer.headers, answer.text());
    for leak in ["hunter2", "unknown_key", "kid", "signature", &secret] {
        assert!(!seen.contains(leak), "{leak} in {seen}");
    }
    assert!(logs.text().contains("token_unknown_key"), "{}", logs.text());
    assert!(!logs.text().contains("hunter2") && !logs.text().contains(&secret), "{}", logs.text());
}

#[tokio::test]
async fn b11_garbage_after_bearer_is_401_and_long_tokens_are_not_decoded() {
    let layer = layer(&signer());
    let huge = format!("Bearer {}", "a".repeat(16 * 1024 + 1));
    for (value, reason) in [
        ("Bearer", "token_malformed"),
        ("Bearer  ", "token_malformed"),
        ("Bearer !", "token_malformed"),
        ("Bearer a b", "token_malformed"),
        ("Bearer\teyJhbGciOiJFUzI1NiJ9.e30.AAAA", "token_malformed"),
        ("Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AA,AA", "token_malformed"),
        ("Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e 30.AAAA", "token_signature"),
        ("Bearer =", "token_malformed"),
        ("Bearer ...", "token_malformed"),
        ("Bearer {\"alg\":\"none\"}", "token_malformed"),
        (&huge, "token_too_long"),
    ] {
        let answer = send(&layer, value).await;
        assert_eq!(
            (answer.status, answer.reason()),
            (401, reason),
            "{}",
            &value[..value.len().min(40)]
        );
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    }
}

#[test]
fn j1_every_algorithm_verifies_its_own_tokens_and_no_others() {
    for algorithm in Algorithm::ALL {
        let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, algorithm);
        let validator = at_now(&signer);
        assert!(validator.validate(&token(&signer).sign()).is_ok(), "{algorithm}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let confused = token(&signer).header("alg", other.name()).sign();
            assert_eq!(
                validator.validate(&confused),
                Err(TokenError::AlgorithmNotAllowed),
                "{algorithm} as {other}"
            );
        }
    }
}

#[test]
fn j1_ed25519_and_eddsa_are_separate_entries() {
    let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::EdDsa);
    let validator = at_now(&signer);
    assert!(validator.validate(&token(&signer).sign()).is_ok());
    let renamed = token(&signer).header("alg", "Ed25519").sign();
    assert_eq!(validator.validate(&renamed), Err(TokenError::AlgorithmNotAllowed));
}

#[test]
fn j1_an_allow_list_narrows_what_the_keys_could_do() {
    let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Rs256);
    let other = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Es256);
    let issuer = Issuer::builder(ISSUER)
        .audience(AUDIENCE)
        .key(signer.verifying_key())
        .key(other.verifying_key())
        .algorithms([Algorithm::Es256])
        .build()
        .unwrap();
    let validator =
        JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW)).build().unwrap();
    assert!(validator.validate(&token(&other).sign()).is_ok());
    assert_eq!(validator.validate(&token(&signer).sign()), Err(TokenError::AlgorithmNotAllowed));
}

#[test]
fn j1_cve_2026_39999_a_public_key_is_never_an_hmac_secret() {
    let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Rs256);
    let pem = signer.public_key_pem();
    assert_eq!(
        VerifyingKey::from_pem(Algorithm::Hs256, &pem).unwrap_err(),
        KeyError::AlgorithmMismatch
    );
    // The attack: sign with the public key's text as the secret, and say HS256.
    let header = Header {
        kid: Some("test-RS256".to_owned()),
        ..Header::new(jsonwebtoken::Algorithm::HS256)
    };
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 60});
    let forged =
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(pem.as_bytes())).unwrap();
    assert_eq!(at_now(&signer).validate(&forged), Err(TokenError::AlgorithmNotAllowed));
}

#[test]
fn j2_a_jwk_must_agree_with_itself() {
    let (x, y) = (
        "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    );
    let good = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": "1"});
    let key = VerifyingKey::from_jwk(&good.to_string()).unwrap();
    assert_eq!(
        (key.id(), key.algorithms().collect::<Vec<_>>()),
        (Some("1"), vec![Algorithm::Es256])
    );

    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err()
    };
    assert_eq!(with("alg", json!("ES384")), KeyError::AlgorithmMismatch);
    assert_eq!(with("alg", json!("HS256")), KeyError::AlgorithmMismatch);
    assert_eq!(with("alg", json!("none")), KeyError::AlgorithmMismatch);
    assert_eq!(with("crv", json!("P-384")), KeyError::AlgorithmMismatch);
    assert_eq!(with("crv", json!("secp256k1")), KeyError::Malformed);
    assert_eq!(with("kty", json!("RSA")), KeyError::AlgorithmMismatch);
    assert_eq!(with("kty", json!("oct")), KeyError::Malformed);
    assert_eq!(with("use", json!("enc")), KeyError::Use);
    assert_eq!(with("key_ops", json!(["sign"])), KeyError::Use);
    assert_eq!(with("d", json!("AA")), KeyError::Private);
    assert_eq!(with("k", json!("AA")), KeyError::Private);
    assert_eq!(with("y", json!(x)), KeyError::Malformed);
    assert_eq!(with("x", json!("AA")), KeyError::Malformed);
}

#[test]
fn j2_one_bad_key_does_not_take_the_set_along() {
    let (x, y) = (
        "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    );
    let set = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": y, "kid": "broken"},
        {"kty": "new", "kid": "unknown"}, 7,
        {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "good", "x5c": ["nonsense"]},
        {"kty": "oct", "k": "AAAA", "kid": "secret"},
    ]});
    let keys = VerifyingKey::from_jwks(&set.to_string()).unwrap();
    assert_eq!(keys.iter().map(VerifyingKey::id).collect::<Vec<_>>(), [Some("good")]);
    assert_eq!(VerifyingKey::from_jwks("{}").unwrap_err(), KeyError::Malformed);
}

#[test]
fn j8_naming_an_audience_makes_it_required_and_any_of_ours_will_do() {
    let signer = signer();
    let validator = at_now(&signer);
    let among = token(&signer).claim("aud", json!(["https://other.example", AUDIENCE])).sign();
    assert!(validator.validate(&among).is_ok());
    assert_eq!(
        validator.validate(&token(&signer).without_claim("aud").sign()),
        Err(TokenError::Audience)
    );
}

#[test]
fn j9_leeway_is_exact_at_both_ends() {
    let signer = signer();
    let validator = at_now(&signer);
    let with = |claim: &str, value: u64| {
        validator.validate(&token(&signer).claim(claim, value).sign()).err()
    };
    assert_eq!(with("exp", NOW - 59), None);
    assert_eq!(with("exp", NOW - 60), Some(TokenError::Expired));
    assert_eq!(with("nbf", NOW + 60), None);
    assert_eq!(with("nbf", NOW + 61), Some(TokenError::NotYetValid));
    assert_eq!(with("iat", NOW + 61), Some(TokenError::IssuedInFuture));
}

#[test]
fn j9_a_token_expires_while_it_is_in_use() {
    let signer = signer();
    let clock = FakeClock::at_unix(NOW);
    let validator = JwtValidator::builder()
        .issuer(signer.trust().unwrap())
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = token(&signer).sign();
    assert!(validator.validate(&token).is_ok());
    clock.advance(Duration::from_secs(300 + 60));
    assert_eq!(validator.validate(&token), Err(TokenError::Expired));
    assert_eq!(clock.unix().as_secs(), NOW + 360);
}

#[test]
fn j10_dates_may_have_fractions() {
    let signer = signer();
    let fraction = NOW as f64 - 59.5;
    assert!(at_now(&signer).validate(&token(&signer).claim("exp", fraction).sign()).is_ok());
    let late = NOW as f64 - 60.5;
    assert_eq!(
        at_now(&signer).validate(&token(&signer).claim("exp", late).sign()),
        Err(TokenError::Expired)
    );
}

#[test]
fn j10_a_maximum_age_makes_iat_required() {
    let signer = signer();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key());
    let issuer = issuer.max_age(Duration::from_secs(600)).build().unwrap();
    let validator =
        JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW)).build().unwrap();
    let aged = |age: u64| validator.validate(&token(&signer).claim("iat", NOW - age).sign()).err();
    assert_eq!((aged(660), aged(661)), (None, Some(TokenError::TooOld)));
    let ageless = token(&signer).without_claim("iat").sign();
    assert_eq!(validator.validate(&ageless), Err(TokenError::ClaimMalformed));
}

#[test]
fn j12_other_kinds_of_token_are_refused_in_any_mode() {
    let signer = signer();
    for media_type in [
        "dpop+jwt",
        "logout+jwt",
        "token-introspection+jwt",
        "secevent+jwt",
        "application/dpop+jwt",
    ] {
        let other = token(&signer).header("typ", media_type).sign();
        assert_eq!(at_now(&signer).validate(&other), Err(TokenError::MediaType), "{media_type}");
    }
    for media_type in ["JWT", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert!(
            at_now(&signer).validate(&token(&signer).header("typ", media_type).sign()).is_ok(),
            "{media_type}"
        );
    }
}

#[test]
fn j13_short_keys_are_refused_when_they_are_loaded() {
    for (algorithm, length) in
        [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)]
    {
        assert!(VerifyingKey::from_secret(algorithm, &vec![7; length]).is_ok());
        let short = VerifyingKey::from_secret(algorithm, &vec![7; length - 1]);
        assert_eq!(short.unwrap_err(), KeyError::TooShort, "{algorithm}");
    }
    assert_eq!(
        VerifyingKey::from_secret(Algorithm::Rs256, &[7; 64]).unwrap_err(),
        KeyError::AlgorithmMismatch
    );
    let modulus = URL_SAFE_NO_PAD.encode([&[0x7f][..], &[0xff; 255]].concat());
    let jwk = json!({"kty": "RSA", "n": modulus, "e": "AQAB"});
    assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err(), KeyError::TooShort);
}

#[test]
fn j15_the_identity_is_issuer_and_subject() {
    let signer = signer();
    let principal = at_now(&signer)
        .validate(&token(&signer).claim("email", "root@example.com").sign())
        .unwrap();
    assert_eq!(principal.identity(), (ISSUER, "ada"));
}

#[test]
fn j16_scopes_come_from_scope_or_scp_and_an_absent_list_grants_nothing() {
    let signer = signer();
    let scopes =
        |token: TestToken| at_now(&signer).validate(&token.sign()).unwrap().scopes().to_string();
    assert_eq!(scopes(token(&signer).claim("scope", "a b")), "a b");
    let scp = token(&signer).without_claim("scope");
    assert_eq!(scopes(scp.clone()), "");
    assert_eq!(scopes(scp.clone().claim("scp", json!(["a", "b c"]))), "a");
    assert_eq!(scopes(scp.claim("scp", "a b")), "a b");
}

#[test]
fn j17_a_client_that_speaks_for_itself_is_a_machine() {
    let signer = signer();
    let kind = |client: &str| {
        at_now(&signer).validate(&token(&signer).claim("client_id", client).sign()).unwrap().kind()
    };
    assert_eq!((kind("ada"), kind("web")), (PrincipalKind::Machine, PrincipalKind::User));
}

#[test]
fn k8_with_several_issuers_a_token_is_verified_by_its_own() {
    let (one, two) = (signer(), TestIssuer::new("https://two.example", AUDIENCE));
    let validator = JwtValidator::builder()
        .issuer(one.trust().unwrap())
        .issuer(two.trust().unwrap())
        .clock(FakeClock::at_unix(NOW))
        .build()
        .unwrap();
    assert_eq!(validator.validate(&token(&one).sign()).unwrap().issuer(), ISSUER);
    assert_eq!(validator.validate(&token(&two).sign()).unwrap().issuer(), "https://two.example");
    // One issuer's key does not speak for the other, and an issuer nobody configured for nobody.
    let cross = token(&two).claim("iss", ISSUER).sign();
    assert_eq!(validator.validate(&cross), Err(TokenError::Signature));
    let unknown = token(&two).claim("iss", "https://three.example").sign();
    assert_eq!(validator.validate(&unknown), Err(TokenError::Issuer));
}

#[test]
fn tokens_of_another_library_are_accepted() {
    let secret = [9; 32];
    let key = VerifyingKey::from_secret(Algorithm::Hs256, &secret).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).key(key).build().unwrap();
    let validator =
        JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW)).build().unwrap();
    let claims =
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "scope": "", "exp": NOW + 60});
    let token =
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(&secret))
            .unwrap();
    assert_eq!(validator.validate(&token).unwrap().subject(), "ada");
}

#[test]
fn an_unsafe_issuer_is_refused_with_every_problem() {
    let error = Issuer::builder("").leeway(Duration::from_secs(301)).build().unwrap_err();
    assert_eq!(error.problems().len(), 4, "{error}");
    let mixed = Issuer::builder(ISSUER)
        .audience(AUDIENCE)
        .key(signer().verifying_key())
        .key(VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap())
        .algorithms([Algorithm::Es256, Algorithm::Rs256])
        .build()
        .unwrap_err()
        .to_string();
    assert!(mixed.contains("mixes HMAC") && mixed.contains("allows RS256"), "{mixed}");
    let twice = JwtValidator::builder()
        .issuer(signer().trust().unwrap())
        .issuer(signer().trust().unwrap())
        .build();
    assert!(twice.unwrap_err().to_string().contains("twice"));
    assert!(JwtValidator::builder().build().is_err());
}

#[test]
fn neither_token_nor_key_is_printed() {
    let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Hs256);
    let principal =
        at_now(&signer).validate(&token(&signer).claim("ssn", "123-45-6789").sign()).unwrap();
    let printed = format!("{principal:?} {:?} {:?}", signer.verifying_key(), at_now(&signer));
    assert!(!printed.contains("123-45-6789") && !printed.contains("secret"), "{printed}");
}

#[test]
fn k6_more_keys_than_a_nameless_token_may_cost_are_found_by_name_alone() {
    let all = |keys: Vec<VerifyingKey>| {
        keys.into_iter()
            .fold(Issuer::builder(ISSUER).audience(AUDIENCE), IssuerBuilder::key)
            .build()
    };
    let signers: Vec<_> = (0..6).map(|n| signer().with_key_id(&format!("key-{n}"))).collect();
    let issuer = all(signers.iter().map(TestIssuer::verifying_key).collect()).unwrap();
    let validator =
        JwtValidator::builder().issuer(issuer).clock(FakeClock::at_unix(NOW)).build().unwrap();
    for signer in &signers {
        assert!(validator.validate(&token(signer).sign()).is_ok());
        let nameless = token(signer).without_header("kid").sign();
        assert_eq!(validator.validate(&nameless), Err(TokenError::UnknownKey));
    }
    let unnamed = || VerifyingKey::from_pem(Algorithm::Es256, &signer().public_key_pem()).unwrap();
    let crowd = all((0..5).map(|_| unnamed()).collect());
    assert!(crowd.unwrap_err().to_string().contains("more than 4 keys"));
}

#[test]
fn b11_the_length_of_a_token_is_limited_to_the_byte() {
    let signer = signer();
    let padded = |length: usize| token(&signer).claim("pad", "x".repeat(length)).sign();
    let base = padded(0).len();
    // Three bytes of claims are four characters of the token.
    let fits = padded((16 * 1024 - base) / 4 * 3);
    assert!(fits.len() <= 16 * 1024 && fits.len() > 16 * 1024 - 8, "{}", fits.len());
    assert!(at_now(&signer).validate(&fits).is_ok());
    let over = padded((16 * 1024 - base) / 4 * 3 + 9);
    assert_eq!(at_now(&signer).validate(&over), Err(TokenError::TooLong));

    let issuer =
        Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key()).build().unwrap();
    let exact = token(&signer).sign();
    let limited = |length: usize| {
        let builder = JwtValidator::builder().issuer(issuer.clone()).clock(FakeClock::at_unix(NOW));
        builder.max_length(length).build().unwrap().validate(&exact).err()
    };
    assert_eq!((limited(exact.len()), limited(exact.len() - 1)), (None, Some(TokenError::TooLong)));
}

#[test]
fn j2_a_public_key_in_der_is_no_secret() {
    for algorithm in
        [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::Ed25519]
    {
        let pem = TestIssuer::with_algorithm(ISSUER, AUDIENCE, algorithm).public_key_pem();
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let secret = VerifyingKey::from_secret(Algorithm::Hs256, &der);
        assert_eq!(secret.unwrap_err(), KeyError::AlgorithmMismatch, "{algorithm}");
    }
    // Bytes that merely begin like one are fine.
    assert!(VerifyingKey::from_secret(Algorithm::Hs256, &[0x30; 64]).is_ok());
}

#[test]
fn j8_each_of_several_audiences_is_ours() {
    let signer = signer();
    let issuer = Issuer::builder(ISSUER)
        .audience(AUDIENCE)
        .audience("https://other.example")
        .key(signer.verifying_key());
    let validator = JwtValidator::builder()
        .issuer(issuer.build().unwrap())
        .clock(FakeClock::at_unix(NOW))
        .build()
        .unwrap();
    let with =
        |audience: Value| validator.validate(&token(&signer).claim("aud", audience).sign()).err();
    assert_eq!(with(json!(AUDIENCE)), None);
    assert_eq!(with(json!("https://other.example")), None);
    assert_eq!(with(json!(["https://third.example", "https://other.example"])), None);
    assert_eq!(with(json!("https://third.example")), Some(TokenError::Audience));
}

#[test]
fn j10_every_date_may_have_fractions() {
    let signer = signer();
    let half = NOW as f64 - 0.5;
    let fractions = token(&signer).claim("nbf", half).claim("iat", half).claim("auth_time", half);
    assert!(at_now(&signer).validate(&fractions.sign()).is_ok());
}

#[test]
fn j11_both_spellings_of_the_type_pass_where_only_access_tokens_do() {
    let signer = signer();
    let validator = JwtValidator::builder()
        .issuer(signer.trust().unwrap())
        .clock(FakeClock::at_unix(NOW))
        .build()
        .unwrap();
    for media_type in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert!(
            validator.validate(&token(&signer).header("typ", media_type).sign()).is_ok(),
            "{media_type}"
        );
    }
}

#[test]
fn j13_a_short_rsa_key_in_pem_is_refused() {
    const SHORT: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC8n0VfPx+5q0aKr9qUNFJ1qJc/
tBaqeKo/zgBrHb5UWGJoPAR3bMFmnz0iQ7p5wRv4hyWHvz4IgniGB8WlCMYc2c3F
RPWy+XmX+IsKuLimOiXW5rWuk0bXBj0jwEX7r7Pay/nlxl72a5doBqFznRwJSyxN
Kskn4jQ0M+qs7xLmOwIDAQAB
-----END PUBLIC KEY-----
";
    assert_eq!(VerifyingKey::from_pem(Algorithm::Rs256, SHORT).unwrap_err(), KeyError::TooShort);
    assert_eq!(VerifyingKey::from_pem(Algorithm::Ps512, SHORT).unwrap_err(), KeyError::TooShort);
}
