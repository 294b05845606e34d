//! Several authentication schemes in one layer.

use std::convert::Infallible;

use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderValue, Request, Response, request};
use tower::{Layer, service_fn};
use tower_warden::authn::api_key::{ApiKeyAuthenticator, ApiKeyRecord, MemoryApiKeyStore};
use tower_warden::authn::app_key::{App, AppKey, AppKeyAuthenticator, MemoryAppStore};
use tower_warden::authn::issued_key::{Holder, IssuedKey};
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rejection::{Challenge, CorrelationId, Rejection, RejectionKind};

use crate::support::{Answer, Logs, TestBody, ask, get};
use crate::witness::{basic, forged, issue, outside, seen, witness};

/// Knows one token, and finds out late about any other.
#[derive(Debug)]
struct FakeBearer(Challenge);

impl FakeBearer {
    fn new() -> Self {
        Self(Challenge::new("Bearer", "api").expect("a valid challenge"))
    }
}

impl Authenticator for FakeBearer {
    fn challenge(&self) -> &Challenge {
        &self.0
    }

    fn is_presented(&self, request: &request::Parts) -> bool {
        let value = request.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        value.is_some_and(|value| value.starts_with(b"Bearer"))
    }

    fn authenticate(&self, request: &request::Parts) -> Attempt {
        if request.headers[AUTHORIZATION] == "Bearer good" {
            let ada =
                Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
            return Attempt::Ready(Ok(ada.build()));
        }
        Attempt::pending(async {
            tokio::task::yield_now().await;
            Err(Rejection::new(RejectionKind::InvalidCredentials, "fake_token"))
        })
    }
}

/// A layer with four schemes, and keys that it admits.
struct Four {
    layer: AuthenticateLayer,
    api: IssuedKey,
    app: IssuedKey,
}

const CHALLENGES: [&str; 4] = [
    "Bearer realm=\"api\"",
    "ApiKey realm=\"api\"",
    "AppKey realm=\"api\"",
    "Basic realm=\"api\", charset=\"UTF-8\"",
];

fn four() -> Four {
    let (api, app) = (issue(), issue());
    let keys = MemoryApiKeyStore::new();
    let record = ApiKeyRecord::builder(api.id, api.hash, Holder::new("billing"));
    keys.insert(record.build().expect("a valid record"));
    let apps = MemoryAppStore::new();
    let shop = App::builder(Holder::new("shop-7")).key(AppKey::new(app.id, app.hash));
    apps.insert(shop.build().expect("a valid app"));
    let layer = AuthenticateLayer::new(FakeBearer::new())
        .or(ApiKeyAuthenticator::new(keys))
        .or(AppKeyAuthenticator::headers(apps.clone()))
        .or(AppKeyAuthenticator::basic(apps));
    Four { layer, api, app }
}

async fn send(layer: &AuthenticateLayer, headers: &[(&str, &str)]) -> Answer {
    witness(layer, get("/", headers)).await
}

#[tokio::test]
async fn b10_a_scheme_that_is_absent_falls_through_to_the_next() {
    let Four { layer, api, app } = four();
    let pair = basic("shop-7", app.key.expose());
    for (headers, subject, scheme) in [
        (&[("authorization", "Bearer good")][..], "ada", "Bearer"),
        (&[("x-api-key", api.key.expose())], "billing", "ApiKey"),
        (&[("x-app-id", "shop-7"), ("x-app-key", app.key.expose())], "shop-7", "AppKey"),
        (&[("authorization", &pair)], "shop-7", "Basic"),
    ] {
        let answer = send(&layer, headers).await;
        assert_eq!((seen(&answer).subject(), seen(&answer).scheme()), (subject, scheme));
    }
}

#[tokio::test]
async fn b10_a_bad_credential_stops_and_no_other_scheme_is_asked() {
    let Four { layer, .. } = four();
    for (headers, reason, tried) in [
        (("authorization", "Bearer bad"), "fake_token", "Bearer"),
        (("x-api-key", "bad"), "api_key_malformed", "ApiKey"),
        (("x-app-id", "shop-7"), "app_key_missing", "AppKey"),
        (("authorization", "Basic bad"), "basic_malformed", "Basic"),
    ] {
        let answer = send(&layer, &[headers]).await;
        assert_eq!((answer.status, answer.reason()), (401, reason));
        assert_eq!(answer.rejection().unwrap().tried_scheme(), Some(tried));
    }
}

#[tokio::test]
async fn b10_each_scheme_has_one_challenge_and_the_error_is_on_the_one_that_was_tried() {
    let Four { layer, .. } = four();
    let answer = send(&layer, &[("authorization", "Bearer bad")]).await;
    let mut expected = CHALLENGES;
    expected[0] = "Bearer realm=\"api\", error=\"invalid_token\"";
    assert_eq!(answer.all("www-authenticate"), expected);

    // The others have no error codes to send (RFC 7617), so theirs look the same tried or not.
    let pair = basic("shop-7", issue().key.expose());
    for headers in [("x-api-key", "bad"), ("x-app-id", "shop-7"), ("authorization", &pair)] {
        let answer = send(&layer, &[headers]).await;
        assert_eq!(answer.all("www-authenticate"), CHALLENGES);
    }
}

#[tokio::test]
async fn b10_challenges_come_in_the_order_of_the_schemes() {
    let api = || ApiKeyAuthenticator::new(MemoryApiKeyStore::new());
    let bearer_first = AuthenticateLayer::new(FakeBearer::new()).or(api());
    let bearer_last = AuthenticateLayer::new(api()).or(FakeBearer::new());
    assert_eq!(send(&bearer_first, &[]).await.all("www-authenticate"), CHALLENGES[..2]);
    let [bearer, api, ..] = CHALLENGES;
    assert_eq!(send(&bearer_last, &[]).await.all("www-authenticate"), [api, bearer]);
}

#[tokio::test]
async fn b2_credentials_of_two_schemes_are_refused_whichever_is_good() {
    let Four { layer, api, app } = four();
    let (good, bad) = (("x-api-key", api.key.expose()), ("x-api-key", "bad"));
    let pair = basic("shop-7", app.key.expose());
    for headers in [
        [("authorization", "Bearer good"), good],
        [("authorization", "Bearer good"), bad],
        [("authorization", "Bearer bad"), good],
        [("authorization", &pair), good],
        [("x-app-id", "shop-7"), good],
        [("x-app-key", app.key.expose()), good],
    ] {
        for layer in [layer.clone(), layer.clone().optional()] {
            let answer = send(&layer, &headers).await;
            assert_eq!((answer.status, answer.reason()), (400, "several_credentials"));
            assert!(Principal::of(&answer.extensions).is_none());
        }
    }
}

#[tokio::test]
async fn b2_two_authorization_fields_are_refused_even_when_they_are_equal() {
    let Four { layer, app, .. } = four();
    let pair = basic("shop-7", app.key.expose());
    for second in ["Bearer good", &pair, "Digest x", ""] {
        let headers = [("authorization", "Bearer good"), ("authorization", second)];
        let answer = send(&layer, &headers).await;
        assert_eq!((answer.status, answer.reason()), (400, "several_authorization_fields"));
    }
}

#[tokio::test]
async fn b4_every_401_carries_a_challenge() {
    let Four { layer, api, .. } = four();
    let forged = forged(&api);
    for headers in [
        &[][..],
        &[("authorization", "Digest x")],
        &[("authorization", "Bearer bad")],
        &[("x-api-key", &forged)],
        &[("x-app-id", "shop-7")],
        &[("authorization", "Basic bad")],
    ] {
        let answer = send(&layer, headers).await;
        assert_eq!(answer.status, 401, "{headers:?}");
        assert_eq!(answer.all("www-authenticate").len(), 4, "{headers:?}");
    }
}

#[tokio::test]
async fn b5_every_challenge_has_a_realm_and_no_parameter_twice() {
    let Four { layer, .. } = four();
    for headers in [&[][..], &[("authorization", "Bearer bad")], &[("x-api-key", "bad")]] {
        let answer = send(&layer, headers).await;
        for challenge in answer.all("www-authenticate") {
            let (_, parameters) = challenge.split_once(' ').unwrap();
            let mut names: Vec<_> =
                parameters.split(", ").map(|one| one.split_once('=').unwrap().0).collect();
            assert!(names.contains(&"realm"), "{challenge}");
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{challenge}");
        }
    }
}

#[tokio::test]
async fn b6_without_credentials_no_challenge_speaks_of_an_error() {
    let Four { layer, .. } = four();
    let answer = send(&layer, &[]).await;
    assert_eq!((answer.status, answer.reason()), (401, "no_credentials"));
    assert_eq!(answer.all("www-authenticate"), CHALLENGES);
    // A scheme that nobody here speaks is no credential either.
    let answer = send(&layer, &[("authorization", "Digest username=x")]).await;
    assert_eq!((answer.status, answer.reason()), (401, "no_credentials"));
}

#[tokio::test]
async fn b13_what_one_principal_may_see_is_not_stored() {
    let Four { layer, api, .. } = four();
    for headers in [("x-api-key", api.key.expose()), ("authorization", "Bearer good")] {
        let answer = send(&layer, &[headers]).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    }
    for headers in [&[][..], &[("x-api-key", "bad")], &[("authorization", "Bearer bad")]] {
        let answer = send(&layer, headers).await;
        assert_eq!((answer.status, answer.header("cache-control")), (401, "no-store"));
    }
    let anonymous = send(&layer.optional(), &[]).await;
    assert_eq!((anonymous.status, anonymous.header("cache-control")), (200, ""));
}

#[tokio::test]
async fn b13_the_handler_may_choose_otherwise() {
    let Four { layer, api, .. } = four();
    let cached = service_fn(async |_request: Request<TestBody>| {
        let mut response = Response::new(TestBody::default());
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=9"));
        Ok::<_, Infallible>(response)
    });
    let request = get("/", &[("x-api-key", api.key.expose())]);
    let answer = ask(layer.layer(cached), request).await;
    assert_eq!(answer.header("cache-control"), "private, max-age=9");
}

#[tokio::test]
async fn optional_admits_the_anonymous_and_refuses_bad_credentials() {
    let Four { layer, api, .. } = four();
    let layer = layer.optional();
    let anonymous = send(&layer, &[]).await;
    assert_eq!(anonymous.status, 200);
    assert!(Principal::of(&anonymous.extensions).is_none());
    assert_eq!(seen(&send(&layer, &[("x-api-key", api.key.expose())]).await).subject(), "billing");
    for headers in [("x-api-key", ""), ("authorization", "Bearer bad"), ("authorization", "basic")]
    {
        assert_eq!(send(&layer, &[headers]).await.status, 401, "{headers:?}");
    }
    // One more scheme does not change the mind.
    let more = layer.or(ApiKeyAuthenticator::new(MemoryApiKeyStore::new()));
    assert_eq!(send(&more, &[]).await.status, 200);
}

#[tokio::test]
async fn a_principal_from_further_out_is_removed() {
    let Four { layer, api, .. } = four();
    let smuggled = || {
        Principal::builder("https://evil.example", "root", PrincipalKind::User, "Bearer")
            .scope("admin")
            .build()
    };
    let mut request = get("/", &[]);
    request.extensions_mut().insert(smuggled());
    let anonymous = witness(&layer.clone().optional(), request).await;
    assert_eq!(anonymous.status, 200);
    assert!(Principal::of(&anonymous.extensions).is_none());

    let mut request = get("/", &[("x-api-key", api.key.expose())]);
    request.extensions_mut().insert(smuggled());
    assert_eq!(seen(&witness(&layer, request).await).subject(), "billing");
}

#[tokio::test]
async fn a7_key_schemes_give_one_answer_but_for_the_correlation_id_and_log_the_reason() {
    let Four { layer, api, app } = four();
    let (forged_api, forged_app) = (forged(&api), forged(&app));
    let pair = basic("shop-7", &forged_app);
    let (unknown, logs) = (issue(), Logs::capture());
    let mut outsides = Vec::new();
    for (headers, reason) in [
        (&[("x-api-key", forged_api.as_str())][..], "api_key_secret_mismatch"),
        (&[("x-api-key", unknown.key.expose())], "api_key_unknown"),
        (&[("x-app-id", "shop-7"), ("x-app-key", &forged_app)], "app_key_mismatch"),
        (&[("x-app-id", "shop-8"), ("x-app-key", app.key.expose())], "app_unknown"),
        (&[("authorization", &pair)], "app_key_mismatch"),
    ] {
        let mut request = get("/", headers);
        let id = CorrelationId::fresh();
        request.extensions_mut().insert(id);
        let answer = witness(&layer, request).await;
        assert_eq!(answer.json()["instance"], format!("urn:uuid:{id}"));
        let line = logs.text().lines().last().unwrap().to_owned();
        assert!(line.contains(reason) && line.contains(&id.to_string()), "{line}");
        let (status, headers, body) = outside(&answer);
        outsides.push((status, headers, body.replace(&id.to_string(), "id")));
    }
    assert!(outsides.iter().all(|other| *other == outsides[0]), "{outsides:?}");
    assert_eq!(outsides[0].0, 401);
    let secrets = [&forged_api, &forged_app, unknown.key.expose(), app.key.expose()];
    for secret in secrets.map(|key| key.rsplit_once('_').unwrap().1).into_iter().chain([&pair[6..]])
    {
        assert!(!logs.text().contains(secret));
        assert!(
            outsides
                .iter()
                .all(|(_, headers, body)| { !headers.contains(secret) && !body.contains(secret) })
        );
    }
}

/// Lets in whoever is in the request already.
#[derive(Debug)]
struct Credulous(Challenge);

impl Authenticator for Credulous {
    fn challenge(&self) -> &Challenge {
        &self.0
    }

    fn is_presented(&self, _: &request::Parts) -> bool {
        true
    }

    fn authenticate(&self, head: &request::Parts) -> Attempt {
        let nobody = || Rejection::new(RejectionKind::InvalidCredentials, "nobody_there");
        Attempt::Ready(Principal::of(&head.extensions).cloned().ok_or_else(nobody))
    }
}

#[tokio::test]
async fn a_scheme_sees_nobody_whom_others_left_in_the_request() {
    let layer = AuthenticateLayer::new(Credulous(Challenge::new("Credulous", "api").unwrap()));
    let root = Principal::builder("i", "root", PrincipalKind::User, "Bearer").build();
    let mut request = get("/", &[]);
    request.extensions_mut().insert(root);
    let answer = witness(&layer, request).await;
    assert_eq!((answer.status, answer.reason()), (401, "nobody_there"));
}
