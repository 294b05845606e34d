//! Signed responses (RFC 9701).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tower_warden::authn::introspection::IntrospectionValidator;
use tower_warden::authn::jwt::{
    Algorithm, Issuer, JwtValidator, KeySet, KeySource, Renewal, TokenError,
};
use tower_warden::testing::{FakeClock, TestIssuer};

use super::server::{Reply, Server};
use super::{ISSUER, NOW, TOKEN, active, active_but, builder, reason};

const US: &str = "orders-api";
const MEDIA_TYPE: &str = "application/token-introspection+jwt";

fn header(typ: &Value) -> Value {
    json!({"alg": "ES256", "typ": typ, "kid": "test-ES256"})
}

fn claims(changes: &Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": US, "iat": NOW, "token_introspection": active()});
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn signed(signer: &TestIssuer, header: &Value, claims: &Value) -> String {
    signer.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
}

fn good(signer: &TestIssuer) -> String {
    signed(signer, &header(&json!("token-introspection+jwt")), &claims(&json!({})))
}

fn says(text: String) -> Reply {
    Reply::Raw(200, MEDIA_TYPE, text.into())
}

fn trusting(server: &Server, signer: &TestIssuer) -> IntrospectionValidator {
    let issuer = Issuer::builder(ISSUER).audience(US).key(signer.verifying_key()).build().unwrap();
    builder(server).signed_responses(issuer).without_cache().build().unwrap()
}

#[tokio::test]
async fn i7_a_signed_response_is_asked_for_and_counts() {
    let signer = TestIssuer::new(ISSUER, US);
    let server = Server::answering(says(good(&signer))).await;
    let validator = trusting(&server, &signer);
    assert_eq!(reason(&validator, TOKEN).await, "admitted");
    assert_eq!(server.last().headers["accept"], MEDIA_TYPE);

    let inactive = claims(&json!({"token_introspection": {"active": false}}));
    server.reply(says(signed(&signer, &header(&json!("token-introspection+jwt")), &inactive)));
    assert_eq!(reason(&validator, TOKEN).await, "token_inactive");

    // What it says is checked like any other answer.
    let other = active_but(&json!({"aud": "https://b.example"}));
    let other = claims(&json!({"token_introspection": other}));
    server.reply(says(signed(&signer, &header(&json!(MEDIA_TYPE)), &other)));
    assert_eq!(reason(&validator, TOKEN).await, "token_audience");
}

#[tokio::test]
async fn i7_anything_else_is_no_answer() {
    let signer = TestIssuer::new(ISSUER, US);
    let server = Server::answering(Reply::Stall).await;
    let validator = trusting(&server, &signer);
    let typed = header(&json!("token-introspection+jwt"));
    let of = |changes: Value| says(signed(&signer, &typed, &claims(&changes)));
    let under = |typ: Value| says(signed(&signer, &header(&typ), &claims(&json!({}))));
    let stranger = TestIssuer::new(ISSUER, US);
    let hmac = TestIssuer::with_algorithm(ISSUER, US, Algorithm::Hs256);
    let good = good(&signer);
    let (front, _) = good.rsplit_once('.').unwrap();
    let untrusted = "introspection_response_untrusted";
    for (name, reply, expected) in [
        ("plain JSON", Reply::Json(active()), "introspection_content_type"),
        (
            "signed, as JSON",
            Reply::Raw(200, "application/json", good.clone().into()),
            "introspection_content_type",
        ),
        ("as any JWT", Reply::Raw(200, "application/jwt", good.clone().into()), "introspection_content_type"),
        ("JSON under its name", says(active().to_string()), untrusted),
        ("empty", says(String::new()), untrusted),
        ("no signature", says(format!("{front}.")), untrusted),
        ("two parts", says(front.to_owned()), untrusted),
        ("of a stranger", says(signed(&stranger, &typed, &claims(&json!({})))), untrusted),
        ("another algorithm", says(hmac.sign(br#"{"alg":"HS256","typ":"token-introspection+jwt"}"#, b"{}")), untrusted),
        ("none", says(format!("eyJhbGciOiJub25lIn0.{}.", front.split_once('.').unwrap().1)), untrusted),
        ("access token", under(json!("at+jwt")), untrusted),
        ("type JWT", under(json!("JWT")), untrusted),
        ("no type", says(signed(&signer, &json!({"alg": "ES256"}), &claims(&json!({})))), untrusted),
        ("critical", says(signed(&signer, &json!({"alg": "ES256", "typ": "token-introspection+jwt", "crit": []}), &claims(&json!({})))), untrusted),
        ("another issuer", of(json!({"iss": "https://other.example"})), untrusted),
        ("no issuer", of(json!({"iss": null})), untrusted),
        ("another audience", of(json!({"aud": "shop-api"})), untrusted),
        ("no audience", of(json!({"aud": null})), untrusted),
        ("no time", of(json!({"iat": null})), untrusted),
        ("an old one", of(json!({"iat": NOW - 121})), untrusted),
        ("of the future", of(json!({"iat": NOW + 61})), untrusted),
        ("expired", of(json!({"exp": NOW - 61})), untrusted),
        ("nothing of the token", of(json!({"token_introspection": null})), untrusted),
        ("at the top only", of(json!({"token_introspection": null, "active": true, "sub": "ada"})), untrusted),
        ("text in place of members", of(json!({"token_introspection": "active"})), untrusted),
        ("a name twice", says(signer.sign(typed.to_string().as_bytes(), format!(r#"{{"iss":"{ISSUER}","aud":"{US}","iat":{NOW},"token_introspection":{{"active":false,"active":true}}}}"#).as_bytes())), untrusted),
    ] {
        server.reply(reply);
        assert_eq!(reason(&validator, TOKEN).await, expected, "{name}");
    }
    server.reply(says(good));
    assert_eq!(reason(&validator, TOKEN).await, "admitted");
}

#[tokio::test]
async fn i7_a_signed_response_is_no_access_token() {
    let signer = TestIssuer::new(ISSUER, US);
    // The worst case: this service trusts the server's tokens too, under the same name.
    let issuer = Issuer::builder(ISSUER).audience(US).key(signer.verifying_key()).build().unwrap();
    let clock = FakeClock::at_unix(NOW);
    let jwt = JwtValidator::builder().issuer(issuer).clock(clock).build().unwrap();
    let like_a_token = claims(&json!({"sub": "ada", "exp": NOW + 300}));
    for header in [
        header(&json!("token-introspection+jwt")),
        header(&json!(MEDIA_TYPE)),
        header(&json!("JWT")),
        json!({"alg": "ES256"}),
    ] {
        let refused = jwt.validate(&signed(&signer, &header, &like_a_token));
        assert_eq!(refused, Err(TokenError::MediaType), "{header}");
    }
}

/// Has the keys of another issuer until it is asked for newer ones.
#[derive(Debug)]
struct Rotated {
    keys: Mutex<Option<Arc<KeySet>>>,
    next: Arc<KeySet>,
    comes_back: AtomicBool,
}

impl KeySource for Rotated {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.lock().unwrap().clone()
    }

    fn renew(&self) -> Option<Renewal> {
        if self.comes_back.load(Ordering::SeqCst) {
            *self.keys.lock().unwrap() = Some(Arc::clone(&self.next));
        }
        Some(Box::pin(async {}))
    }
}

#[tokio::test]
async fn i7_the_servers_keys_may_change_and_may_be_missing() {
    let signer = TestIssuer::new(ISSUER, US).with_key_id("new");
    let header = json!({"alg": "ES256", "typ": "token-introspection+jwt", "kid": "new"});
    let server = Server::answering(says(signed(&signer, &header, &claims(&json!({}))))).await;
    let source = Arc::new(Rotated {
        keys: Mutex::new(None),
        next: Arc::new(KeySet::new(vec![signer.verifying_key()])),
        comes_back: AtomicBool::new(false),
    });
    #[derive(Debug)]
    struct Of(Arc<Rotated>);
    impl KeySource for Of {
        fn current(&self) -> Option<Arc<KeySet>> {
            self.0.current()
        }
        fn renew(&self) -> Option<Renewal> {
            self.0.renew()
        }
    }
    let issuer = Issuer::builder(ISSUER).audience(US).keys_from(Of(Arc::clone(&source)));
    let issuer = issuer.build().unwrap();
    let validator = builder(&server).signed_responses(issuer).build().unwrap();
    assert_eq!(reason(&validator, TOKEN).await, "introspection_keys_unavailable");
    *source.keys.lock().unwrap() =
        Some(Arc::new(KeySet::new(vec![TestIssuer::new(ISSUER, US).verifying_key()])));
    assert_eq!(reason(&validator, TOKEN).await, "introspection_keys_unavailable");
    source.comes_back.store(true, Ordering::SeqCst);
    assert_eq!(reason(&validator, TOKEN).await, "admitted");
}
