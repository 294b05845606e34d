//! Tokens that are bound to their sender, where somebody forgot to ask for the proof, or asked too late.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::header::COOKIE;
use http::{HeaderName, Request, request};
use serde_json::json;
use tower_warden::authn::client_certificate::{ClientCertificate, ForwardedCertificates};
use tower_warden::authn::dpop::DpopAuthenticator;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator, Token, TokenValidator};
use tower_warden::authz::{Rules, authenticated};
use tower_warden::client_address::TrustedProxies;
use tower_warden::clock::Clock;
use tower_warden::rejection::Challenge;
use tower_warden::testing::{FakeClock, TestDpopKey, TestIssuer};
use tower_warden::warden::Warden;

use super::send;
use crate::support::through;

/// Takes tokens from a cookie, at once or later, and does not know of proofs.
#[derive(Debug)]
struct FromCookie {
    validator: JwtValidator,
    challenge: Challenge,
    later: bool,
}

impl Authenticator for FromCookie {
    fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    fn credential_header(&self) -> HeaderName {
        COOKIE
    }

    fn is_presented(&self, head: &request::Parts) -> bool {
        head.headers.contains_key(COOKIE)
    }

    fn authenticate(&self, head: &request::Parts) -> Attempt {
        let token = head.headers[COOKIE].to_str().unwrap().trim_start_matches("token=");
        match self.validator.attempt(token.into()) {
            Attempt::Ready(outcome) if self.later => Attempt::pending(async { outcome }),
            attempt => attempt,
        }
    }
}

#[tokio::test]
async fn p14_p18_a_scheme_that_forgets_the_proof_does_not_let_a_bound_token_in() {
    let signer = TestIssuer::new("https://issuer.example", "https://api.example");
    let certificate = ClientCertificate::from_der(*b"the certificate of a client");
    let thumbprint = "e6EPOiqNycVHOgUkw30VSnkQG8oHA8CKPc5urommd_Q";
    let unbound = signer.token("ada").sign();
    let of_key = signer.token("ada").bound_to(&TestDpopKey::new()).sign();
    let of_certificate = signer.token("ada").claim("cnf", json!({"x5t#S256": thumbprint})).sign();
    let router = Router::new().route("/", get(async || "home"));
    for (later, scheme) in [(false, "Cookie"), (true, "Cookie"), (false, "Bearer")] {
        let validator = JwtValidator::new(signer.trust().unwrap());
        let challenge = Challenge::new(scheme, "api").unwrap();
        let warden = Warden::builder()
            .authenticate(FromCookie { validator, challenge, later })
            .rules(Rules::builder().get("/", authenticated()))
            .build()
            .unwrap();
        for (token, shows, expected) in [
            (&unbound, false, ""),
            (&of_key, false, "token_sender_constrained"),
            (&of_key, true, "token_sender_constrained"),
            (&of_certificate, false, "token_certificate_missing"),
            (&of_certificate, true, ""),
        ] {
            let request = Request::get("/").header(COOKIE, format!("token={token}"));
            let request = if shows { request.extension(certificate.clone()) } else { request };
            let answer = send(&warden, &router, request).await;
            let status = if expected.is_empty() { 200 } else { 401 };
            assert_eq!((answer.status, answer.reason()), (status, expected), "{scheme} {later}");
        }
    }
}

#[test]
fn two_schemes_of_one_name_are_found_at_start_up_however_it_is_written() {
    let signer = TestIssuer::new("https://issuer.example", "https://api.example");
    for name in ["Bearer", "bearer", "BEARER"] {
        let challenge = Challenge::new(name, "api").unwrap();
        let validator = JwtValidator::new(signer.trust().unwrap());
        let warden = Warden::builder()
            .trust_issuer(signer.trust())
            .authenticate(FromCookie { validator, challenge, later: false })
            .rules(Rules::builder().get("/", authenticated()));
        assert!(warden.build().unwrap_err().to_string().contains("twice"), "{name}");
    }
}

#[tokio::test]
async fn p18_a_warden_around_a_warden_does_not_take_a_proxys_certificate_for_the_clients() {
    let signer = TestIssuer::new("https://issuer.example", "https://api.example");
    let thumbprint = "e6EPOiqNycVHOgUkw30VSnkQG8oHA8CKPc5urommd_Q";
    let token = signer.token("ada").claim("cnf", json!({"x5t#S256": thumbprint})).sign();
    let proxies = || TrustedProxies::forwarded(["192.0.2.0/24"]).unwrap();
    let warden = || {
        Warden::builder()
            .trust_issuer(signer.trust())
            .trusted_proxies(proxies())
            .forwarded_certificates(ForwardedCertificates::client_cert(proxies()))
            .rules(Rules::builder().get("/", authenticated()))
            .build()
            .unwrap()
    };
    let (outer, inner) = (warden(), warden());
    let router = Router::new().route("/", get(async || "home"));
    let nested = Router::new().fallback_service(inner.guard(router.clone()));
    let of_the_proxy = ClientCertificate::from_der(*b"the certificate of a client");
    let clients = ":dGhlIGNlcnRpZmljYXRlIG9mIGEgY2xpZW50:";
    for (router, field, status) in [
        (&router, Some(clients), 200),
        (&router, None, 401), // on the connection is the proxy's own certificate, and it counts for nothing
        (&nested, None, 401),
        (&nested, Some(":YW5vdGhlciBvbmU=:"), 401),
    ] {
        let mut request = Request::get("/")
            .header("authorization", format!("Bearer {token}"))
            .header("x-forwarded-for", "198.51.100.7")
            .header("forwarded", "for=198.51.100.7")
            .extension(of_the_proxy.clone());
        if let Some(field) = field {
            request = request.header("client-cert", field);
        }
        assert_eq!(send(&outer, router, request).await.status, status, "{field:?}");
    }
}

/// Takes 10 s to look at a token.
#[derive(Debug)]
struct Slow(JwtValidator, FakeClock);

impl TokenValidator for Slow {
    fn attempt(&self, token: Token<'_>) -> Attempt {
        let (attempt, clock) = (self.0.attempt(token), self.1.clone());
        Attempt::pending(async move {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(10));
            match attempt {
                Attempt::Ready(outcome) => outcome,
                Attempt::Pending(outcome) => outcome.await,
            }
        })
    }
}

/// The store keeps a proof as long as it can be accepted, and no longer.
#[tokio::test]
async fn p16_a_proof_that_grew_old_while_its_token_was_looked_at_is_not_good_twice() {
    let clock = FakeClock::at_unix(1_800_000_000);
    let signer = TestIssuer::new("https://issuer.example", "https://api.example");
    let validator =
        JwtValidator::builder().issuer(signer.trust().unwrap()).clock(clock.clone()).build();
    let dpop = DpopAuthenticator::builder(Slow(validator.unwrap(), clock.clone()))
        .external_url("https://api.example")
        .clock(clock.clone())
        .build();
    let layer = AuthenticateLayer::new(dpop.unwrap());
    let key = TestDpopKey::new();
    let token = signer.token("ada").issued_at(1_799_999_000).bound_to(&key);
    let token = token.claim("exp", 1_800_009_000).sign();
    let made = |seconds_ago| {
        let proof = key.proof("GET", "https://api.example/").token(&token);
        proof.issued_at(clock.unix() - Duration::from_secs(seconds_ago)).sign()
    };
    let ask = |proof: &str| {
        let authorization = format!("DPoP {token}");
        let headers = [("authorization", &*authorization), ("dpop", proof)];
        let (layer, request) = (layer.clone(), crate::support::get("/", &headers));
        async move { through(&layer, request).await.reason() }
    };
    let proof = made(58);
    let twice = tokio::join!(ask(&proof), ask(&proof));
    assert_eq!(twice, ("dpop_too_old", "dpop_too_old"));
    let proof = made(0);
    let twice = tokio::join!(ask(&proof), ask(&proof));
    assert!(matches!(twice, ("", "dpop_replayed") | ("dpop_replayed", "")), "{twice:?}");
}
