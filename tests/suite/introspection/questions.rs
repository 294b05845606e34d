//! What the endpoint is asked, and by whom.

use std::error::Error;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method};
use tower_warden::authn::introspection::{AuthenticateClient, Form, IntrospectionValidator};
use tower_warden::authn::jwt::{Issuer, VerifyingKey};
use tower_warden::testing::TestIssuer;

use super::server::{HyperClient, Reply, Server};
use super::{AUDIENCE, ISSUER, TOKEN, active, builder, judge, layer, reason, send, validator};
use crate::support::Logs;

#[tokio::test]
async fn i1_the_token_goes_out_in_the_form_of_an_authenticated_post() {
    let server = Server::answering(Reply::Json(active())).await;
    let token = "a+/b~c==";
    assert_eq!(send(&layer(validator(&server)), token).await.status, 200);
    let asked = server.last();
    assert_eq!((asked.method, &*asked.target), (Method::POST, "/introspect"));
    assert_eq!(asked.body, "token=a%2B%2Fb%7Ec%3D%3D&token_type_hint=access_token");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.headers["accept"], "application/json");
    let basic = format!("Basic {}", STANDARD.encode("orders-api:s3cret"));
    assert_eq!(asked.headers["authorization"], *basic);
}

/// Sends an assertion in the form, and a header of its own.
#[derive(Debug)]
struct Assertion(bool);

impl AuthenticateClient for Assertion {
    fn authenticate(
        &self,
        headers: &mut HeaderMap,
        form: &mut Form,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        if !self.0 {
            return Err("no assertion at hand".into());
        }
        headers.insert("x-tenant", HeaderValue::from_static("7"));
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        form.push("client_assertion", "a&b");
        Ok(())
    }
}

#[tokio::test]
async fn i1_the_client_may_say_who_it_is_in_other_ways() {
    let server = Server::answering(Reply::Json(active())).await;

    let bearer = builder(&server).bearer_token("own-token").build().unwrap();
    assert!(judge(&bearer, TOKEN).await.is_ok());
    assert_eq!(server.last().headers["authorization"], "Bearer own-token");

    let certificate = builder(&server).client_certificate("orders-api").build().unwrap();
    assert!(judge(&certificate, TOKEN).await.is_ok());
    assert!(server.last().body.ends_with("&client_id=orders-api"));
    assert!(!server.last().headers.contains_key("authorization"));

    let own = builder(&server).client_authentication(Assertion(true)).build().unwrap();
    assert!(judge(&own, TOKEN).await.is_ok());
    let asked = server.last();
    assert!(asked.body.ends_with("&client_assertion=a%26b"), "{}", asked.body);
    assert_eq!(asked.headers["x-tenant"], "7");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");

    let calls = server.calls();
    let unable = builder(&server).client_authentication(Assertion(false)).build().unwrap();
    assert_eq!(reason(&unable, TOKEN).await, "introspection_client_authentication");
    assert_eq!(server.calls(), calls);
}

#[tokio::test]
async fn i1_what_cannot_be_a_token_is_not_asked_about() {
    let server = Server::answering(Reply::Json(active())).await;
    let layer = layer(validator(&server));
    let huge = "a".repeat(16 * 1024 + 1);
    for (token, reason) in [
        ("a&token=other", "token_malformed"),
        ("a b", "token_malformed"),
        ("a%20b", "token_malformed"),
        ("=", "token_malformed"),
        (&*huge, "token_too_long"),
    ] {
        let answer = send(&layer, token).await;
        assert_eq!((answer.status, answer.reason()), (401, reason), "{}", token.len());
    }
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn i1_neither_token_nor_secret_is_shown_or_logged() {
    let logs = Logs::capture();
    let server = Server::answering(Reply::Close).await;
    let validator = validator(&server);
    let answer = send(&layer(validator.clone()), TOKEN).await;
    assert_eq!(answer.status, 503);
    server.reply(Reply::Json(active()));
    assert!(judge(&validator, TOKEN).await.is_ok());
    let seen = format!("{validator:?} {:?} {} {}", answer.headers, answer.text(), logs.text());
    for leak in [TOKEN, "s3cret", &STANDARD.encode("orders-api:s3cret")] {
        assert!(!seen.contains(leak), "{leak} in {seen}");
    }
    assert!(logs.text().contains("introspection_unreachable"), "{}", logs.text());
    assert!(logs.text().contains("insecure_plain_loopback"), "{}", logs.text());
}

#[test]
fn i1_an_unsafe_set_up_is_refused_with_every_problem_listed() {
    let error = IntrospectionValidator::builder("http://as.example/introspect", "").build();
    let problems = error.unwrap_err().problems().len();
    assert_eq!(problems, 4, "endpoint, issuer, audience, authentication");

    let good = || {
        IntrospectionValidator::builder("https://as.example/introspect", ISSUER)
            .audience(AUDIENCE)
            .client_secret("orders-api", "s3cret")
            .http_client(HyperClient::default())
    };
    assert!(good().build().is_ok());
    let other: VerifyingKey = TestIssuer::new(ISSUER, AUDIENCE).verifying_key();
    let other = Issuer::builder("https://other.example").audience("orders-api").key(other);
    let hour = Duration::from_secs(3601);
    for (name, bad) in [
        ("any audience and one", good().insecure_any_audience()),
        ("audience without a name", good().audience("")),
        ("line feed", good().bearer_token("a\nb")),
        ("no token", good().bearer_token("")),
        ("no id", good().client_secret("", "s3cret")),
        ("no secret", good().client_secret("orders-api", "")),
        ("another server", good().signed_responses(other.build().unwrap())),
        ("leeway", good().leeway(hour)),
        ("cache", good().cache_for(hour)),
        ("refusals", good().cache_refusals_for(hour)),
        ("no time", good().timeout(Duration::ZERO)),
        ("no calls", good().max_calls(0)),
        ("no failures", good().circuit_breaker(0, hour)),
    ] {
        assert_eq!(bad.build().unwrap_err().problems().len(), 1, "{name}");
    }
}
