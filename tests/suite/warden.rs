//! The whole stack: what it refuses to be built without, and in which order its controls answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get as get_route;
use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::issued_key::{Holder, IssuedKey, KeyPrefix};
use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::authn::revocation::Denylist;
use tower_warden::authz::{Rules, RulesBuilder, authenticated, check_async, public, scope};
use tower_warden::client_address::{ClientAddress, PeerAddress, TrustedProxies};
use tower_warden::config::ConfigError;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::Quota;
use tower_warden::rejection::{Challenges, CorrelationId};
use tower_warden::response_headers::ResponseHeadersLayer;
use tower_warden::testing::{FakeClock, TestIssuer};
use tower_warden::warden::{Guarded, Warden, WardenBuilder};

use crate::support::{Answer, Later, Logs, TestBody, ask};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";

fn rules() -> RulesBuilder {
    Rules::builder().get("/health", public("probe")).get("/orders", scope("orders:read"))
}

fn signer() -> TestIssuer {
    TestIssuer::new(ISSUER, AUDIENCE)
}

/// A complete stack, by a clock that stands still.
fn complete(signer: &TestIssuer) -> WardenBuilder {
    Warden::builder().trust_issuer(signer.trust()).rules(rules()).clock(FakeClock::at_unix(0))
}

fn problems(builder: WardenBuilder) -> Vec<String> {
    builder
        .build()
        .map_err(|error: ConfigError| error.problems().iter().map(ToString::to_string).collect())
        .unwrap_err()
}

fn request(path: &str, token: Option<&str>, peer: [u8; 4]) -> Request<TestBody> {
    let mut request = Request::get(path).extension(PeerAddress(SocketAddr::from((peer, 40_000))));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(TestBody::default()).unwrap()
}

async fn send(warden: &Warden, request: Request<TestBody>) -> Answer {
    let inner = service_fn(async |_: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(TestBody::from("inner")))
    });
    ask(warden.layer(inner), request).await
}

const PEER: [u8; 4] = [192, 0, 2, 1];

#[tokio::test]
async fn a_complete_stack_admits_and_refuses() {
    let signer = signer();
    let warden = complete(&signer).build().unwrap();
    let reader = signer.token("ada").scope("orders:read").sign();
    let nobody = signer.token("eve").sign();
    for (path, token, expected, reason) in [
        ("/health", None, 200, ""),
        ("/orders", Some(&reader), 200, ""),
        ("/orders", None, 401, "no_credentials"),
        ("/orders", Some(&nobody), 403, "scope_missing"),
        ("/other", Some(&reader), 403, "route_not_declared"),
        ("/other", None, 403, "route_not_declared"),
    ] {
        let answer = send(&warden, request(path, token.map(String::as_str), PEER)).await;
        assert_eq!((answer.status, answer.reason()), (expected, reason), "{path}");
        // Whoever answered, the outer controls have seen it.
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_from_the_next_request_on() {
    let signer = signer();
    let revoked = Denylist::new(Duration::from_secs(3_600)).unwrap();
    let warden = complete(&signer).revocation(revoked.clone()).build().unwrap();
    let token = signer.token("ada").scope("orders:read").claim("jti", "one").sign();
    let send = || send(&warden, request("/orders", Some(&token), PEER));
    assert_eq!(send().await.status, 200);
    revoked.revoke_token(ISSUER, "one").unwrap();
    let answer = send().await;
    assert_eq!((answer.status, answer.reason()), (401, "token_revoked"));
}

#[test]
fn a_list_of_revoked_tokens_wants_an_issuer() {
    let revoked = Denylist::new(Duration::from_secs(3_600)).unwrap();
    let found = problems(Warden::builder().rules(rules()).revocation(revoked));
    assert!(found.iter().any(|problem| problem.starts_with("revocation list: ")), "{found:?}");
}

#[test]
fn a_type_that_can_be_named_holds_the_stack() {
    struct Server {
        warden: Warden,
        service: Guarded<Router>,
    }
    let warden = complete(&signer()).build().unwrap();
    let server = Server { service: warden.layer(Router::new()), warden };
    assert!(server.warden.rules().declares("/orders"));
    let _: Guarded<Router> = server.service;
}

#[test]
fn nothing_is_built_without_rules() {
    assert_eq!(problems(Warden::builder()).len(), 1);
    assert!(problems(Warden::builder())[0].starts_with("rules: are missing"));
}

#[test]
fn rules_that_demand_a_principal_demand_a_scheme() {
    let found = problems(Warden::builder().rules(rules()));
    assert!(found.len() == 1 && found[0].starts_with("authentication: is missing"), "{found:?}");
    let all_public = Rules::builder().get("/", public("demo"));
    assert!(Warden::builder().rules(all_public).build().is_ok());
}

#[test]
fn every_problem_of_every_part_is_listed_at_once() {
    let builder = Warden::builder()
        .trust_issuer(Issuer::builder(ISSUER)) // no audience, no key
        .rules(Rules::builder().get("no-slash", authenticated()).get("/a", scope("a b")))
        .response_headers(
            ResponseHeadersLayer::api_builder().content_security_policy("default-src self"),
        )
        .trusted_proxies(TrustedProxies::forwarded(["0.0.0.0/0"]))
        .limit_by_address(Quota::per_second(0))
        .limit_by_principal(Quota::per_second(0));
    let found = problems(builder).join("\n");
    assert!(
        !found.contains("authentication: is missing"),
        "a scheme was given, and is bad\n{found}"
    );
    for culprit in [
        "audience",
        "needs a key",
        "no-slash",
        "a b",
        "default-src",
        "0.0.0.0/0",
        "\"address\"",
        "\"principal\"",
    ] {
        assert!(found.contains(culprit), "{culprit} is not among\n{found}");
    }
}

#[test]
fn a_scheme_configured_twice_is_refused() {
    let (one, two) = (signer(), TestIssuer::new("https://two.example", AUDIENCE));
    let bearer = BearerAuthenticator::new(JwtValidator::new(two.trust().unwrap()));
    let found = problems(complete(&one).authenticate(bearer));
    assert!(found[0].contains("Bearer"), "{found:?}");
    // Two issuers of one scheme are no problem.
    assert!(complete(&one).trust_issuer(two.trust()).build().is_ok());
    assert!(problems(complete(&one).rules(rules()))[0].contains("twice"));
}

#[tokio::test]
async fn b10_every_scheme_is_named_once_on_a_401() {
    let signer = signer();
    let store = MemoryApiKeyStore::new();
    let issued = IssuedKey::generate(&KeyPrefix::new("test").unwrap()).unwrap();
    let holder = Holder::new("robot").scope("orders:read");
    store.insert(ApiKeyRecord::builder(issued.id, issued.hash, holder).build().unwrap());
    let warden = complete(&signer).authenticate(ApiKeyAuthenticator::new(store)).build().unwrap();

    let refused = send(&warden, request("/orders", None, PEER)).await;
    assert_eq!(refused.all("www-authenticate"), [r#"Bearer realm="api""#, r#"ApiKey realm="api""#]);
    let bad = send(&warden, request("/orders", Some("bad"), PEER)).await;
    let expected = [r#"Bearer realm="api", error="invalid_token""#, r#"ApiKey realm="api""#];
    assert_eq!(bad.all("www-authenticate"), expected);

    let mut with_key = request("/orders", None, PEER);
    with_key.headers_mut().insert("x-api-key", issued.key.expose().parse().unwrap());
    assert_eq!(send(&warden, with_key).await.status, 200);
}

#[tokio::test]
async fn q12_failed_log_ins_are_limited_before_and_apart_from_good_ones() {
    let signer = signer();
    let warden =
        complete(&signer).limit_failed_authentication(Quota::per_minute(3)).build().unwrap();
    let good = signer.token("ada").scope("orders:read").sign();
    for _ in 0..3 {
        assert_eq!(send(&warden, request("/orders", Some("guess"), PEER)).await.status, 401);
    }
    let fourth = send(&warden, request("/orders", Some("guess"), PEER)).await;
    assert_eq!(fourth.status, 429);
    // Elsewhere nobody is the wiser.
    assert_eq!(send(&warden, request("/orders", Some(&good), [192, 0, 2, 2])).await.status, 200);
}

#[tokio::test]
async fn q4_both_limits_are_told_on_success() {
    let signer = signer();
    let warden = complete(&signer).build().unwrap();
    let good = signer.token("ada").scope("orders:read").sign();
    let answer = send(&warden, request("/orders", Some(&good), PEER)).await;
    let policies = answer.all("ratelimit-policy").join(",");
    assert!(
        policies.contains("\"address\";q=200") && policies.contains("\"principal\";q=100"),
        "{policies}"
    );
}

#[tokio::test]
async fn q11_without_a_peer_address_nothing_is_admitted() {
    let warden = complete(&signer()).build().unwrap();
    let logs = Logs::capture();
    let answer = send(&warden, Request::get("/health").body(TestBody::default()).unwrap()).await;
    assert_eq!((answer.status, answer.reason()), (500, "peer_address_unknown"));
    assert!(logs.text().contains("into_make_service"), "{}", logs.text());
}

#[tokio::test]
async fn h3_hsts_is_sent_when_a_trusted_proxy_says_https_and_not_otherwise() {
    let proxies = TrustedProxies::forwarded(["192.0.2.1/32"]).unwrap();
    let warden = complete(&signer()).trusted_proxies(proxies).build().unwrap();
    let forwarded = |peer: [u8; 4]| {
        let mut request = request("/health", None, peer);
        request.headers_mut().insert("forwarded", "for=198.51.100.7;proto=https".parse().unwrap());
        request
    };
    let secure = send(&warden, forwarded(PEER)).await;
    assert!(
        secure.header("strict-transport-security").starts_with("max-age="),
        "{:?}",
        secure.headers
    );
    let pretended = send(&warden, forwarded([192, 0, 2, 9])).await;
    assert_eq!(pretended.header("strict-transport-security"), "");
}

#[tokio::test]
async fn h3_assumed_https_is_not_undone_by_the_stack() {
    let headers = ResponseHeadersLayer::api().assume_https();
    let warden = complete(&signer()).response_headers(headers).build().unwrap();
    let answer = send(&warden, request("/health", None, PEER)).await;
    assert!(answer.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn z1_a_fallback_and_a_route_of_the_router_are_guarded_alike() {
    let router = Router::new()
        .route("/health", get_route(async || "up"))
        .route("/debug", get_route(async || "secret"))
        .fallback(async || "fallback secret");
    let guarded = complete(&signer()).build().unwrap().guard(router);
    for (path, status) in [("/health", 200), ("/debug", 403), ("/nowhere", 403)] {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(PeerAddress(SocketAddr::from((PEER, 1))));
        let answer = ask(guarded.clone(), request).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.text().contains("secret"), "{path}");
    }
}

#[test]
fn the_posture_lists_controls_and_rules_and_warns_of_what_is_off() {
    let posture = complete(&signer()).build().unwrap().to_string();
    assert!(
        posture.contains("Bearer") && posture.contains("GET /orders: scope(orders:read)"),
        "{posture}"
    );
    assert!(
        posture.contains("200 at once, refilled in 10s")
            && posture.contains("no proxy is believed"),
        "{posture}"
    );
    let off = complete(&signer()).insecure_without_rate_limits();
    let logs = Logs::capture();
    let posture = off.build().unwrap().to_string();
    assert!(posture.contains("limits on arrival         off"), "{posture}");
    assert!(logs.text().contains("rate limits are off"), "{}", logs.text());
}

#[tokio::test]
async fn credentials_reach_handlers_marked_as_sensitive() {
    let signer = signer();
    let token = signer.token("ada").scope("orders:read").sign();
    let printing = service_fn(async |request: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(TestBody::from(format!("{:?}", request.headers()))))
    });
    let warden = complete(&signer).build().unwrap();
    let answer = ask(warden.layer(printing), request("/orders", Some(&token), PEER)).await;
    assert!(
        answer.text().contains("Sensitive") && !answer.text().contains(&token),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_key_header_of_ones_own_name_is_marked_as_sensitive_too() {
    let store = MemoryApiKeyStore::new();
    let issued = IssuedKey::generate(&KeyPrefix::new("test").unwrap()).unwrap();
    store.insert(
        ApiKeyRecord::builder(issued.id, issued.hash, Holder::new("robot")).build().unwrap(),
    );
    let scheme = ApiKeyAuthenticator::builder(store).header("x-robot-key").build().unwrap();
    let warden =
        Warden::builder().authenticate(scheme).rules(Rules::builder().get("/", authenticated()));
    let printing = service_fn(async |request: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(TestBody::from(format!("{:?}", request.headers()))))
    });
    let mut request = request("/", None, PEER);
    request.headers_mut().insert("x-robot-key", issued.key.expose().parse().unwrap());
    let answer = ask(warden.build().unwrap().layer(printing), request).await;
    assert!(
        answer.text().contains("Sensitive") && !answer.text().contains(issued.key.expose()),
        "{}",
        answer.text()
    );
}

#[test]
fn weakened_headers_are_in_the_log_and_in_the_posture() {
    let logs = Logs::capture();
    let weak = ResponseHeadersLayer::api_builder().insecure_without_hsts().insecure_keep("server");
    let posture = complete(&signer()).response_headers(weak).build().unwrap().to_string();
    assert!(
        posture.contains("response headers          insecure_without_hsts, insecure_keep"),
        "{posture}"
    );
    assert!(
        logs.text().contains("insecure_without_hsts") && logs.text().contains("insecure_keep"),
        "{}",
        logs.text()
    );
    assert!(
        complete(&signer())
            .build()
            .unwrap()
            .to_string()
            .contains("response headers          complete")
    );
}

/// Eighteen layers. Where each layer doubled the compiler's time, this would not end.
#[tokio::test]
async fn a_deep_stack_compiles_and_answers() {
    use tower_warden::gate::{Gate, GateLayer, Verdict};

    #[derive(Clone)]
    struct Open;

    impl Gate for Open {
        type Pass = ();

        fn admit(&self, _head: &mut http::request::Parts) -> Verdict<()> {
            Verdict::admit(())
        }
    }

    let (open, warden) = (GateLayer::new(Open), complete(&signer()).build().unwrap());
    let inner = service_fn(async |_: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(TestBody::default()))
    });
    let gates = || {
        tower::ServiceBuilder::new()
            .layer(&open)
            .layer(&open)
            .layer(&open)
            .layer(&open)
            .layer(&open)
    };
    let stack = gates().layer(gates().layer(warden)).service(inner);
    let answer = tokio::spawn(ask(stack, request("/health", None, PEER))).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn q12_refusals_of_one_principal_cost_and_show_nothing_of_anothers_quota() {
    let signer = signer();
    let warden = complete(&signer).limit_by_principal(Quota::per_minute(5)).build().unwrap();
    let (ada, eve) = (signer.token("ada").scope("orders:read").sign(), signer.token("eve").sign());
    for _ in 0..5 {
        assert_eq!(send(&warden, request("/orders", Some(&eve), PEER)).await.status, 403);
    }
    assert_eq!(
        send(&warden, request("/orders", Some(&eve), PEER)).await.status,
        429,
        "her own is spent"
    );
    let answer = send(&warden, request("/orders", Some(&ada), PEER)).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.all("ratelimit").join(",").contains("\"principal\";r=4"),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn a8_a_key_without_scopes_is_refused_wherever_a_scope_is_asked_for() {
    let store = MemoryApiKeyStore::new();
    let issued = IssuedKey::generate(&KeyPrefix::new("test").unwrap()).unwrap();
    store.insert(
        ApiKeyRecord::builder(issued.id, issued.hash, Holder::new("robot")).build().unwrap(),
    );
    let warden = Warden::builder()
        .authenticate(ApiKeyAuthenticator::new(store))
        .rules(rules())
        .build()
        .unwrap();
    let mut request = request("/orders", None, PEER);
    request.headers_mut().insert("x-api-key", issued.key.expose().parse().unwrap());
    let refused = send(&warden, request).await;
    assert_eq!((refused.status, refused.reason()), (403, "scope_missing"));
}

#[tokio::test]
async fn b4_b13_a_handlers_own_refusal_names_the_schemes_and_is_not_stored() {
    let refusing = |status: u16| {
        service_fn(move |_: Request<TestBody>| async move {
            let response = Response::builder().status(status).body(TestBody::from("not like this"));
            Ok::<_, Infallible>(response.unwrap())
        })
    };
    let store = MemoryApiKeyStore::new();
    let warden = complete(&signer())
        .authenticate(ApiKeyAuthenticator::new(store))
        .response_headers(ResponseHeadersLayer::web()) // which leaves caching to the handler
        .build()
        .unwrap();
    for status in [401, 403, 429] {
        let answer = ask(warden.layer(refusing(status)), request("/health", None, PEER)).await;
        assert_eq!((answer.status, answer.text()), (status, "not like this"));
        assert_eq!(answer.header("cache-control"), "no-store", "{status}");
        let challenges: &[&str] =
            if status == 401 { &[r#"Bearer realm="api""#, r#"ApiKey realm="api""#] } else { &[] };
        assert_eq!(answer.all("www-authenticate"), challenges, "{status}");
    }
}

/// Both the scheme and the check have to wait; what the controls further out do is done all the same.
#[tokio::test]
async fn a_request_that_had_to_wait_is_answered_like_any_other() {
    let slow = check_async("slow", |principal, _| {
        let good = principal.subject() == "ada";
        async move {
            tokio::task::yield_now().await;
            Ok(good)
        }
    });
    let rules = Rules::builder().get("/orders", slow);
    let stack = Warden::builder().authenticate(Later::new()).rules(rules);
    let warden = stack
        .clock(FakeClock::at_unix(0))
        .limit_failed_authentication(Quota::per_minute(3))
        .build()
        .unwrap();
    let who = service_fn(async |request: Request<TestBody>| {
        let subject = Principal::of(request.extensions()).unwrap().subject().to_owned();
        let id = CorrelationId::of(request.extensions()).unwrap();
        let client = ClientAddress::of(request.extensions()).unwrap().ip();
        assert!(Challenges::of(request.extensions()).is_some());
        Ok::<_, Infallible>(Response::new(TestBody::from(format!("{subject} {id} {client}"))))
    });
    for (subject, status, reason, left) in [
        ("ada", 200, "", r#""address";r=199;t=1, "principal";r=99;t=1"#),
        ("eve", 403, "policy_denied", r#""address";r=198;t=1, "principal";r=99;t=1"#),
        ("bad", 401, "later_but_bad", r#""address";r=197;t=1"#),
        ("panic", 500, "handler_panicked", ""),
        ("panic at once", 500, "handler_panicked", ""),
        ("bad", 401, "later_but_bad", r#""address";r=194;t=1"#),
        ("bad", 401, "later_but_bad", r#""address";r=193;t=1"#),
        (
            "ada",
            429,
            "failed_authentication_quota_exceeded",
            r#""address";r=193;t=1, "failed-authentication";r=0;t=20"#,
        ),
    ] {
        let mut request = request("/orders", None, PEER);
        request.headers_mut().insert("x-later", subject.parse().unwrap());
        let answer = ask(warden.layer(who), request).await;
        assert_eq!((answer.status, answer.reason()), (status, reason), "{subject}");
        assert_eq!(answer.all("ratelimit").join(","), left, "{subject}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{subject}");
        assert_eq!(answer.header("cache-control"), "no-store", "{subject}");
        if status == 200 {
            let id = answer.header("x-request-id");
            assert_eq!(answer.text(), format!("ada {id} 192.0.2.1"));
        }
    }
}

/// Somebody logs it, or holds it in a struct that is logged.
#[test]
fn the_debug_form_of_a_stack_is_of_a_size_to_read() {
    let warden =
        Warden::builder().rules(Rules::builder().get("/", public("home"))).build().unwrap();
    assert!(format!("{warden:?}").len() < 20_000);
}

/// What others left in the request is replaced, and what layers further in leave there counts.
#[tokio::test]
async fn what_a_stack_knows_of_a_request_comes_from_the_nearest_layer() {
    let client = |address: [u8; 4]| ClientAddress::new(address.into());
    let tell = service_fn(async |request: Request<TestBody>| {
        let client = ClientAddress::of(request.extensions()).unwrap().ip().to_string();
        Ok::<_, Infallible>(Response::new(TestBody::from(client)))
    });
    let warden = complete(&signer()).build().unwrap();
    let mut forged = request("/health", None, PEER);
    forged.extensions_mut().insert(client([198, 51, 100, 7]));
    assert_eq!(ask(warden.layer(tell), forged).await.text(), "192.0.2.1");

    let inside = tower::util::MapRequest::new(tell, move |mut request: Request<TestBody>| {
        request.extensions_mut().insert(client([203, 0, 113, 9]));
        request
    });
    let answer = ask(warden.layer(inside), request("/health", None, PEER)).await;
    assert_eq!(answer.text(), "203.0.113.9");
    let twice = complete(&signer()).build().unwrap().layer(warden.layer(tell));
    let answer = ask(twice, request("/health", None, PEER)).await;
    assert_eq!((answer.text(), answer.all("x-request-id").len()), ("192.0.2.1", 1));
    assert_eq!(answer.all("ratelimit-policy").len(), 2);
}

/// Whoever somebody else said speaks is nobody here, and whom layers further in find counts.
#[tokio::test]
async fn who_speaks_comes_from_the_nearest_layer() {
    let somebody =
        |subject: &str| Principal::builder(ISSUER, subject, PrincipalKind::User, "Bearer").build();
    let tell = service_fn(async |request: Request<TestBody>| {
        let caller = Principal::of(request.extensions()).map_or("nobody", Principal::subject);
        Ok::<_, Infallible>(Response::new(TestBody::from(caller.to_owned())))
    });
    let signer = signer();
    let warden = complete(&signer).build().unwrap();
    let token = signer.token("ada").scope("orders:read").sign();
    for (path, token, expected) in [("/health", None, "nobody"), ("/orders", Some(&*token), "ada")]
    {
        let mut forged = request(path, token, PEER);
        forged.extensions_mut().insert(somebody("mallory"));
        assert_eq!(ask(warden.layer(tell), forged).await.text(), expected);
    }
    // A stack around this one found somebody, and this one has no scheme that knows them.
    let open = Rules::builder().get("/orders", public("anyone may see them"));
    let open = Warden::builder().rules(open).clock(FakeClock::at_unix(0)).build().unwrap();
    let twice = warden.layer(open.layer(tell));
    let answer = ask(twice, request("/orders", Some(&token), PEER)).await;
    assert_eq!((answer.status, answer.text()), (200, "nobody"));

    let inside = tower::util::MapRequest::new(tell, move |mut request: Request<TestBody>| {
        request.extensions_mut().insert(somebody("grace"));
        request
    });
    let answer = ask(warden.layer(inside.clone()), request("/orders", Some(&token), PEER)).await;
    assert_eq!(answer.text(), "grace");
    let bearer = BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap()));
    let alone = AuthenticateLayer::new(bearer).optional();
    let again =
        tower::util::MapRequest::new(alone.layer(tell), move |mut request: Request<TestBody>| {
            request.extensions_mut().insert(somebody("mallory"));
            request
        });
    for (path, token, expected) in [("/health", None, "nobody"), ("/orders", Some(&*token), "ada")]
    {
        let answer = ask(warden.layer(again.clone()), request(path, token, PEER)).await;
        assert_eq!(answer.text(), expected);
    }
}
