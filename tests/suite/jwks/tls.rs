//! Which servers the client that comes along talks to.

use bytes::Bytes;
use http::Request;
use tower_warden::authn::jwks::RemoteKeys;
use tower_warden::http_client::{FetchError, HttpClient, Limits, ReqwestClient};
use tower_warden::testing::TestIssuer;

use super::{AUDIENCE, Scenery, guard, seconds, status};
use crate::https_server::HttpsServer;

#[tokio::test]
async fn k2_keys_come_from_a_server_that_is_who_it_says() {
    let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
    let server = HttpsServer::start("localhost", signer.jwks()).await;
    let foreign = HttpsServer::start("localhost", String::new()).await;
    let address = server.address("/jwks");
    let trusting = |pem: &str| ReqwestClient::builder().root_certificates(pem).build().unwrap();

    for stranger in [ReqwestClient::new().unwrap(), trusting(foreign.certificate())] {
        let keys = RemoteKeys::at(&address).client(stranger).build().unwrap();
        assert!(keys.load().await.is_err());
        assert_eq!(status(&guard("https://issuer.example", keys), &signer).await, 503);
    }
    let keys = RemoteKeys::at(&address).client(trusting(server.certificate())).build().unwrap();
    keys.load().await.unwrap();
    assert_eq!(status(&guard("https://issuer.example", keys), &signer).await, 200);
}

#[tokio::test]
async fn k2_a_certificate_for_another_name_is_refused() {
    let signer = TestIssuer::new("https://issuer.example", AUDIENCE);
    let server = HttpsServer::start("issuer.example", signer.jwks()).await;
    let client = ReqwestClient::builder().root_certificates(server.certificate());
    let keys = RemoteKeys::at(&server.address("/jwks")).client(client.build().unwrap());
    assert!(keys.build().unwrap().load().await.is_err());
}

#[tokio::test]
async fn k2_the_client_asks_over_plain_http_only_where_it_may() {
    let scene = Scenery::set().await;
    let limits = Limits::new(seconds(5), 1_000);
    let ask = |client: ReqwestClient, scheme: &str| {
        let address = scene.server.jwks_uri().replacen("http", scheme, 1);
        client.send(Request::get(address).body(Bytes::new()).unwrap(), limits)
    };
    let careful = || ReqwestClient::new().unwrap();
    let allowing = || ReqwestClient::builder().insecure_allow_loopback_http().build().unwrap();
    assert_eq!(ask(allowing(), "http").await.unwrap().status(), 200);
    assert!(matches!(ask(careful(), "http").await, Err(FetchError::Failed(_))));
    // No TLS there, and no way back to plain HTTP.
    assert!(matches!(ask(allowing(), "https").await, Err(FetchError::Failed(_))));
    assert_eq!(scene.server.fetches(), 1);
}
