//! Which servers are shown a token, by the HTTP client that is used unless somebody brings another.

use tower_warden::authn::introspection::{IntrospectionValidator, IntrospectionValidatorBuilder};
use tower_warden::http_client::ReqwestClient;
use tower_warden::testing::FakeClock;

use super::server::{Reply, Server};
use super::{AUDIENCE, ISSUER, NOW, TOKEN, active, layer, reason, send};
use crate::https_server::HttpsServer;
use crate::support::Logs;

/// A validator whose HTTP client is the one that comes along.
fn at(endpoint: &str) -> IntrospectionValidatorBuilder {
    IntrospectionValidator::builder(endpoint, ISSUER)
        .audience(AUDIENCE)
        .client_secret("orders-api", "s3cret")
        .clock(FakeClock::at_unix(NOW))
}

#[tokio::test]
async fn i1_a_server_whose_certificate_is_not_trusted_is_not_shown_a_token() {
    let server = HttpsServer::start("localhost", active().to_string()).await;
    let foreign = HttpsServer::start("localhost", String::new()).await;
    let elsewhere = HttpsServer::start("as.example", active().to_string()).await;
    let trusting = |server: &HttpsServer| {
        ReqwestClient::builder().root_certificates(server.certificate()).build().unwrap()
    };
    let good = || at(&server.address("/introspect"));
    let another_name = at(&elsewhere.address("/introspect")).http_client(trusting(&elsewhere));
    for (what, validator) in [
        ("trusted by nobody", good()),
        ("trusted is another", good().http_client(trusting(&foreign))),
        ("for another name", another_name),
    ] {
        let logs = Logs::capture();
        let answer = send(&layer(validator.build().unwrap()), TOKEN).await;
        assert_eq!((answer.status, answer.reason()), (503, "introspection_unreachable"), "{what}");
        assert_eq!(answer.header("retry-after"), "5", "{what}");
        assert!(!logs.text().contains(TOKEN), "{what}");
    }
    assert_eq!((server.asked(), elsewhere.asked()), (0, 0));

    let validator = good().http_client(trusting(&server)).build().unwrap();
    assert_eq!(send(&layer(validator), TOKEN).await.status, 200);
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn i1_the_client_that_comes_along_asks_over_plain_http_only_where_it_may() {
    let server = Server::answering(Reply::Json(active())).await;
    let careful = at(&server.endpoint()).build().unwrap_err();
    assert_eq!(careful.problems().len(), 1, "{careful}");
    let allowed = at(&server.endpoint()).insecure_plain_loopback().build().unwrap();
    assert_eq!(reason(&allowed, TOKEN).await, "admitted");
    // Nor does it go where it is sent on to.
    server.reply(Reply::Raw(307, "application/json", active().to_string().into()));
    let sent_on = at(&server.endpoint()).insecure_plain_loopback().build().unwrap();
    assert_eq!(reason(&sent_on, TOKEN).await, "introspection_status");
    assert_eq!(server.calls(), 2);
}
