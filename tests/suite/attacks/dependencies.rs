//! What is asked panics, never answers, lies, or quotes the caller.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderName, Request, Response, header, request};
use serde_json::Value;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::dpop::DpopAuthenticator;
use tower_warden::authn::jwks::RemoteKeys;
use tower_warden::authn::jwt::{Issuer, JwtValidator, KeySet, KeySource, Renewal};
use tower_warden::authn::replay::{Remembered, ReplayStore, SpentProof};
use tower_warden::authn::revocation::{Revocation, RevocationList};
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator, Token, TokenValidator};
use tower_warden::authz::{Rules, authenticated, public};
use tower_warden::http_client::{FetchError, HttpClient, Limits, ResponseFuture};
use tower_warden::principal::Principal;
use tower_warden::rejection::{Challenge, Rejection, RejectionKind};
use tower_warden::testing::{TestDpopKey, TestIssuer};
use tower_warden::warden::Warden;

use super::send;
use crate::support::{Answer, Logs, through};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";

/// An HTTP client that always gets this, or fails with this text.
#[derive(Debug)]
pub(super) struct Answering(Result<Bytes, &'static str>);

impl Answering {
    pub(super) fn json(answer: &Value) -> Self {
        Self(Ok(answer.to_string().into()))
    }
}

impl HttpClient for Answering {
    fn send(&self, _: Request<Bytes>, _: Limits) -> ResponseFuture {
        let answer = self.0.clone().map_err(|text| FetchError::Failed(text.into()));
        Box::pin(async move {
            let json = Response::builder().header(header::CONTENT_TYPE, "application/json");
            answer.map(|body| json.body(body).unwrap())
        })
    }
}

/// What the validator says of a token.
pub(super) async fn judge(
    validator: &impl TokenValidator,
    token: &str,
) -> Result<Principal, Rejection> {
    match validator.attempt(token.into()) {
        Attempt::Ready(outcome) => outcome,
        Attempt::Pending(outcome) => outcome.await,
    }
}

/// How what is asked lets us down.
#[derive(Clone, Copy, Debug)]
enum Weather {
    PanicsAtOnce,
    PanicsLater,
    NeverAnswers,
}

const ALL: [Weather; 3] = [Weather::PanicsAtOnce, Weather::PanicsLater, Weather::NeverAnswers];

/// Stands for every thing that a service may bring along.
#[derive(Clone, Copy, Debug)]
struct Broken(Weather);

impl Broken {
    /// Never comes to an end.
    async fn fail<T>(self) -> T {
        assert!(!matches!(self.0, Weather::PanicsLater), "no route to db-7");
        pending().await
    }

    fn start(self) {
        assert!(!matches!(self.0, Weather::PanicsAtOnce), "no route to db-7");
    }
}

impl TokenValidator for Broken {
    fn attempt(&self, _: Token<'_>) -> Attempt {
        self.start();
        Attempt::pending(self.fail())
    }
}

impl RevocationList for Broken {
    fn check(&self, _: &Principal) -> Revocation {
        self.start();
        Revocation::pending(self.fail())
    }
}

impl KeySource for Broken {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.start();
        None
    }

    fn renew(&self) -> Option<Renewal> {
        Some(Box::pin(self.fail()))
    }
}

impl ReplayStore for Broken {
    fn remember(&self, _: &SpentProof) -> Remembered {
        self.start();
        Remembered::pending(self.fail())
    }
}

impl HttpClient for Broken {
    fn send(&self, _: Request<Bytes>, _: Limits) -> ResponseFuture {
        self.start();
        Box::pin(self.fail())
    }
}

/// A scheme of the service's own.
#[derive(Debug)]
struct Own(Broken, Challenge);

impl Authenticator for Own {
    fn challenge(&self) -> &Challenge {
        &self.1
    }

    fn is_presented(&self, _: &request::Parts) -> bool {
        true
    }

    fn authenticate(&self, _: &request::Parts) -> Attempt {
        self.0.start();
        Attempt::pending(self.0.fail())
    }
}

fn own(broken: Broken) -> Own {
    Own(broken, Challenge::new("Own", "api").unwrap())
}

fn trusting(keys: impl KeySource) -> JwtValidator {
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).keys_from(keys).build();
    JwtValidator::new(issuer.unwrap())
}

/// A scheme for each thing that may let us down.
fn schemes(broken: Broken, signer: &TestIssuer) -> Vec<(&'static str, Arc<dyn Authenticator>)> {
    let fixed = JwtValidator::new(signer.trust().unwrap());
    let bearer = |validator: Arc<dyn TokenValidator>| Arc::new(BearerAuthenticator::new(validator));
    let introspecting = tower_warden::authn::introspection::IntrospectionValidator::builder(
        "https://as.example/introspect",
        ISSUER,
    )
    .audience(AUDIENCE)
    .client_secret("orders-api", "s3cret")
    .http_client(broken)
    .build()
    .unwrap();
    let remote = RemoteKeys::at("https://issuer.example/keys").client(broken).build().unwrap();
    let dpop =
        DpopAuthenticator::builder(fixed.clone()).external_url(AUDIENCE).replay_store(broken);
    vec![
        ("validator", bearer(Arc::new(broken))),
        ("revocation", bearer(Arc::new(fixed.with_revocation(broken)))),
        ("keys", bearer(Arc::new(trusting(broken)))),
        ("introspection", bearer(Arc::new(introspecting))),
        ("remote keys", bearer(Arc::new(trusting(remote)))),
        ("replay", Arc::new(dpop.build().unwrap())),
        ("scheme", Arc::new(own(broken))),
    ]
}

/// Hands a scheme on.
#[derive(Debug)]
struct Shared(Arc<dyn Authenticator>);

impl Authenticator for Shared {
    fn challenge(&self) -> &Challenge {
        self.0.challenge()
    }

    fn credential_header(&self) -> HeaderName {
        self.0.credential_header()
    }

    fn is_presented(&self, head: &request::Parts) -> bool {
        self.0.is_presented(head)
    }

    fn authenticate(&self, head: &request::Parts) -> Attempt {
        self.0.authenticate(head)
    }
}

/// A request with a token that is good for `scheme`, as far as anybody can tell.
fn presenting(scheme: &str, signer: &TestIssuer) -> request::Builder {
    let key = TestDpopKey::new();
    let request = Request::get("/");
    if scheme != "replay" {
        let token =
            if scheme == "introspection" { "opaque".into() } else { signer.token("ada").sign() };
        return request.header("authorization", format!("Bearer {token}"));
    }
    let token = signer.token("ada").bound_to(&key).sign();
    let proof = key.proof("GET", "https://api.example/").token(&token).sign();
    request.header("authorization", format!("DPoP {token}")).header("dpop", proof)
}

#[tokio::test(start_paused = true)]
async fn what_panics_or_never_answers_admits_nobody_and_holds_nobody_for_ever() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let router = Router::new().route("/", get(async || "home"));
    for weather in ALL {
        for (name, scheme) in schemes(Broken(weather), &signer) {
            let warden = Warden::builder()
                .authenticate(Shared(scheme))
                .rules(Rules::builder().get("/", public("nobody has to be known")))
                .build()
                .unwrap();
            let answered = send(&warden, &router, presenting(name, &signer));
            let answered = tokio::time::timeout(Duration::from_secs(600), answered).await;
            let answer = answered.unwrap_or_else(|_| panic!("{name} {weather:?}: held for ever"));
            let kept = format!("{name} {weather:?}: {answer:?}");
            assert!(matches!(answer.status, 500 | 503), "{kept}");
            let stalls = matches!(weather, Weather::NeverAnswers);
            assert!(!stalls || answer.status == 503, "{kept}");
            assert!(answer.status == 500 || !answer.header("retry-after").is_empty(), "{kept}");
            assert!(!answer.text().contains("db-7") && !answer.text().contains("home"), "{kept}");
        }
    }
}

/// A validator that cannot tell, and does not say when to come back.
#[derive(Debug)]
struct CannotTell;

impl TokenValidator for CannotTell {
    fn attempt(&self, _: Token<'_>) -> Attempt {
        Attempt::Ready(Err(Rejection::new(RejectionKind::Unavailable, "database_down")))
    }
}

#[tokio::test]
async fn e4_a_503_says_when_to_come_back_whoever_refuses() {
    let layer = AuthenticateLayer::new(BearerAuthenticator::new(CannotTell));
    let request = crate::support::get("/", &[("authorization", "Bearer t")]);
    let answer: Answer = through(&layer, request).await;
    assert_eq!((answer.status, answer.reason()), (503, "database_down"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn u3_what_a_key_server_says_cannot_forge_a_log_line() {
    let logs = Logs::capture();
    let client = Answering(Err("refused\n2026-01-01T00:00:00Z  INFO forged: all is well\u{1b}[2K"));
    let keys = RemoteKeys::at("https://issuer.example/keys").client(client).build().unwrap();
    assert!(keys.load().await.is_err());
    let text = logs.text();
    assert!(text.contains("cannot be judged"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("2026-01-01")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn b9_a_scope_of_a_gate_of_ones_own_cannot_write_parameters_into_the_challenge() {
    use tower_warden::gate::{Gate, GateLayer, Verdict};

    #[derive(Clone, Debug)]
    struct Wants(&'static str);

    impl Gate for Wants {
        type Pass = ();

        fn admit(&self, _: &mut request::Parts) -> Verdict<()> {
            let rejection = Rejection::new(RejectionKind::InsufficientScope, "scope_missing");
            Verdict::refuse(rejection.with_scope(self.0.into()).with_tried_scheme("Bearer"))
        }
    }

    for (scope, expected) in [
        ("orders:7", r#"Bearer realm="api", error="insufficient_scope", scope="orders:7""#),
        (
            r#"x", resource_metadata="https://evil.example"#,
            r#"Bearer realm="api", error="insufficient_scope""#,
        ),
    ] {
        let answer = through(&GateLayer::new(Wants(scope)), crate::support::get("/", &[])).await;
        assert_eq!(answer.header("www-authenticate"), expected, "{scope}");
    }
}

#[test]
fn u3_no_problem_of_the_set_up_quotes_a_password() {
    use tower_warden::authn::introspection::IntrospectionValidator;

    const URL: &str = "https://api:hunter2@as.example/path";
    let introspection = IntrospectionValidator::builder(URL, ISSUER)
        .audience(AUDIENCE)
        .client_secret("orders-api", "s3cret")
        .http_client(Broken(Weather::NeverAnswers));
    let dpop = DpopAuthenticator::builder(CannotTell).external_url(URL);
    for problem in [
        introspection.build().unwrap_err().to_string(),
        RemoteKeys::at(URL).build().unwrap_err().to_string(),
        RemoteKeys::discover(URL).build().unwrap_err().to_string(),
        dpop.build().unwrap_err().to_string(),
    ] {
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[tokio::test]
async fn a_policy_cannot_be_satisfied_by_a_scheme_that_could_not_tell() {
    let router = Router::new().route("/", get(async || "home"));
    let warden = Warden::builder()
        .authenticate(BearerAuthenticator::new(CannotTell))
        .rules(Rules::builder().get("/", authenticated()))
        .build()
        .unwrap();
    let request = Request::get("/").header("authorization", "Bearer t");
    assert_eq!(send(&warden, &router, request).await.status, 503);
}
