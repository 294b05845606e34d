//! The houses with an issuer that they ask over the network: for keys, and about opaque tokens. With proofs, too.

use tonic::Code;
use tower_warden::testing::{TestDpopKey, TestIssuer, TestToken};

use super::House;
use crate::dpop::redis_server;
use crate::key_server::KeyServer;
use crate::orders_v1::ListRequest;
use crate::orders_v1::orders_client::OrdersClient;
use crate::provider::{Provider, RESOURCE, RESOURCE_SERVER, SECRET};
use crate::support::{Answer, TestBody};

const AUDIENCE: (&str, &str) = ("ORDERS_AUDIENCE", "https://api.example");
const LOOPBACK: (&str, &str) = ("ORDERS_INSECURE_HTTP_LOOPBACK", "1");
const PUBLIC_URL: &str = "https://orders.example";
const ORDERS: &str = "https://orders.example/orders";
const LIST: &str = "https://orders.example/orders.v1.Orders/List";

async fn list(house: &House, headers: &[(&str, &str)]) -> Answer {
    let mut request: http::request::Builder = house.request("GET", "/orders");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.send(request.body(TestBody::default()).unwrap()).await
}

async fn bearer(house: &House, token: &str) -> u16 {
    list(house, &[("authorization", &format!("Bearer {token}"))]).await.status
}

async fn dpop(house: &House, token: &str, proof: &str) -> u16 {
    let authorization = format!("DPoP {token}");
    list(house, &[("authorization", &authorization), ("dpop", proof)]).await.status
}

/// What a call of `orders_grpc` with these fields comes to.
async fn call(house: &House, metadata: &[(&'static str, &str)]) -> Code {
    let mut request = tonic::Request::new(ListRequest {});
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let endpoint = format!("http://{}", house.address());
    let answer = OrdersClient::connect(endpoint).await.unwrap().list(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

fn reader(signer: &TestIssuer) -> TestToken {
    signer.token("ada").tenant("acme").scope("orders:read")
}

#[tokio::test]
async fn k2_k3_keys_are_fetched_by_url_or_by_discovery_when_a_token_needs_them() {
    for by_url in [true, false] {
        let server = KeyServer::start().await;
        let (one, two) = (server.signer("one"), server.signer("two"));
        server.publish([&one]);
        let (issuer, keys) = (server.issuer(), server.jwks_uri());
        let mut settings = vec![("ORDERS_ISSUER", &*issuer), AUDIENCE, LOOPBACK];
        settings.extend(by_url.then_some(("ORDERS_JWKS_URL", &*keys)));
        let house = House::start_with("orders_api", &settings);
        assert_eq!(house.line["issuer"], *issuer);
        assert!(server.paths().is_empty(), "nobody is asked before there is a token");
        server.hold();
        let token = reader(&one).sign();
        tokio::join!(
            async { assert_eq!(bearer(&house, &token).await, 200, "by URL: {by_url}") },
            async { server.open() },
        );
        assert_eq!(bearer(&house, &reader(&two).sign()).await, 401);
        assert_eq!(server.fetches(), 1);
        // By discovery, the two places where metadata may be come first.
        assert_eq!(server.paths().len(), if by_url { 1 } else { 3 });
    }
}

#[tokio::test]
async fn p12_p14_p16_a_house_with_an_external_url_takes_each_proof_once() {
    let server = KeyServer::start().await;
    let signer = server.signer("one");
    server.publish([&signer]);
    let issuer = server.issuer();
    let settings =
        [("ORDERS_ISSUER", &*issuer), AUDIENCE, LOOPBACK, ("ORDERS_DPOP_URL", PUBLIC_URL)];
    let (key, thief) = (TestDpopKey::new(), TestDpopKey::new());
    let token = reader(&signer).bound_to(&key).sign();

    let api = House::start_with("orders_api", &settings);
    let proof = key.proof("GET", ORDERS).token(&token).sign();
    assert_eq!(dpop(&api, &token, &proof).await, 200);
    assert_eq!(dpop(&api, &token, &proof).await, 401, "a second time");
    let stolen = thief.proof("GET", ORDERS).token(&token).sign();
    assert_eq!(dpop(&api, &token, &stolen).await, 401);
    let inside = format!("http://{}/orders", api.address());
    let inside = key.proof("GET", &inside).token(&token).sign();
    assert_eq!(dpop(&api, &token, &inside).await, 401, "not the name that callers know");
    assert_eq!(bearer(&api, &token).await, 401);
    assert_eq!(bearer(&api, &reader(&signer).sign()).await, 200, "an unbound one needs no proof");
    drop(api);

    let grpc = House::start_with("orders_grpc", &settings);
    let authorization = format!("DPoP {token}");
    let proof = key.proof("POST", LIST).token(&token).sign();
    let fields = [("authorization", &*authorization), ("dpop", &*proof)];
    assert_eq!(call(&grpc, &fields).await, Code::Ok);
    assert_eq!(call(&grpc, &fields).await, Code::Unauthenticated);
    drop(grpc);

    // Without the setting there is no such scheme.
    let api = House::start_with("orders_api", &settings[..3]);
    let proof = key.proof("GET", ORDERS).token(&token).sign();
    assert_eq!(dpop(&api, &token, &proof).await, 401);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_two_houses_that_share_a_redis_take_a_proof_once_between_them() {
    let (server, redis) = (KeyServer::start().await, redis_server::Server::start());
    let signer = server.signer("one");
    server.publish([&signer]);
    let (issuer, url) = (server.issuer(), redis.url());
    let settings = [
        ("ORDERS_ISSUER", &*issuer),
        AUDIENCE,
        LOOPBACK,
        ("ORDERS_DPOP_URL", PUBLIC_URL),
        ("ORDERS_REDIS_URL", &*url),
    ];
    let [one, two] = [0, 1].map(|_| House::start_with("orders_api", &settings));
    let key = TestDpopKey::new();
    let token = reader(&signer).bound_to(&key).sign();
    let proof = || key.proof("GET", ORDERS).token(&token).sign();
    let first = proof();
    assert_eq!(dpop(&one, &token, &first).await, 200);
    assert_eq!(dpop(&two, &token, &first).await, 401);
    assert_eq!(dpop(&two, &token, &proof()).await, 200);
    drop(redis);
    for house in [&one, &two] {
        assert_eq!(dpop(house, &token, &proof()).await, 503);
        assert_eq!(bearer(house, &reader(&signer).sign()).await, 200);
    }
}

#[tokio::test]
#[ignore = "needs an OpenID provider: tests/run installs it"]
async fn j8_j11_i1_i4_p12_the_houses_take_every_kind_of_token_of_a_real_provider() {
    let provider = Provider::start();
    let introspection = format!("{}/token/introspection", provider.issuer());
    let settings = [
        ("ORDERS_ISSUER", provider.issuer()),
        ("ORDERS_AUDIENCE", RESOURCE),
        LOOPBACK,
        ("ORDERS_INTROSPECTION_URL", &introspection),
        ("ORDERS_INTROSPECTION_CLIENT", RESOURCE_SERVER),
        ("ORDERS_INTROSPECTION_SECRET", SECRET),
        ("ORDERS_DPOP_URL", PUBLIC_URL),
    ];
    let signed = provider.log_in("web", "ada", RESOURCE).await;
    let opaque = provider.log_in("web", "ada", &format!("{RESOURCE}:opaque:alias")).await;
    let elsewhere = provider.log_in("web", "ada", &format!("{RESOURCE}:opaque")).await;
    assert_eq!(opaque.access_token.split('.').count(), 1);
    let key = TestDpopKey::new();
    let bound = provider.dpop_token(&key.proof("POST", &provider.token_endpoint()).sign()).await;

    let api = House::start_with("orders_api", &settings);
    for token in [&signed.access_token, &opaque.access_token, &opaque.access_token] {
        assert_eq!(bearer(&api, token).await, 200);
    }
    assert_eq!(provider.asked("/token/introspection").await, 1);
    for bad in [&signed.id_token, &elsewhere.access_token, &bound] {
        assert_eq!(bearer(&api, bad).await, 401);
    }
    let proof = key.proof("GET", ORDERS).token(&bound).sign();
    assert_eq!(dpop(&api, &bound, &proof).await, 200);
    assert_eq!(dpop(&api, &bound, &proof).await, 401);

    let grpc = House::start_with("orders_grpc", &settings);
    let with =
        async |token: &str| call(&grpc, &[("authorization", &format!("Bearer {token}"))]).await;
    for token in [&signed.access_token, &opaque.access_token] {
        assert_eq!(with(token).await, Code::Ok);
    }
    for bad in [&signed.id_token, &elsewhere.access_token, &bound] {
        assert_eq!(with(bad).await, Code::Unauthenticated);
    }
    let authorization = format!("DPoP {bound}");
    let proof = key.proof("POST", LIST).token(&bound).sign();
    assert_eq!(call(&grpc, &[("authorization", &authorization), ("dpop", &proof)]).await, Code::Ok);

    // The provider is gone: what is known stays, and for the rest it is nobody's fault who asks.
    drop(provider);
    assert_eq!(bearer(&api, &signed.access_token).await, 200);
    assert_eq!(bearer(&api, &opaque.access_token).await, 200);
    assert_eq!(bearer(&api, "unheard-of").await, 503);
    assert_eq!(call(&grpc, &[("authorization", "Bearer unheard-of")]).await, Code::Unavailable);
}
