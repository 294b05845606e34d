//! The whole stack over a real socket.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::dpop::NonceKey;
use tower_warden::authz::{Rules, scope};
use tower_warden::principal::Principal;
use tower_warden::{RejectionKind, Warden};

use super::{World, seconds};
use crate::support::Answer;

/// A service on a socket of its own, behind a stack that demands nonces.
struct Service {
    address: SocketAddr,
    world: World,
}

impl Service {
    async fn start() -> Self {
        let world = World::new();
        let rules = Rules::builder()
            .get("/orders", scope("orders:read"))
            .get("/orders/{id}", scope("orders:write"));
        let warden = Warden::builder()
            .authenticate(BearerAuthenticator::new(world.validator()))
            .authenticate(world.builder().nonces(NonceKey::random()).build().unwrap())
            .rules(rules)
            .build()
            .unwrap();
        let app = Router::new()
            .route(
                "/orders",
                get(async |who: Principal| format!("{} by {}", who.subject(), who.scheme())),
            )
            .route("/orders/{id}", get(async || "one"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = warden.guard(app).into_make_service();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, world }
    }

    fn token(&self) -> String {
        self.world.unbound().bound_to(&self.world.key).scope("orders:read").sign()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = Request::get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(client.request(request.body(Full::default()).unwrap()).await.unwrap()).await
    }
}

#[tokio::test]
async fn p1_to_p17_a_client_learns_the_nonce_and_is_served_once() {
    let service = Service::start().await;
    let token = service.token();
    let authorization = ("authorization", &*format!("DPoP {token}"));

    let asked = service.get("/orders", &[authorization]).await;
    assert_eq!(asked.status, 401);
    assert!(asked.all("www-authenticate")[1].ends_with(r#"error="invalid_dpop_proof""#));

    let proof = service.world.proof(&token).sign();
    let told = service.get("/orders", &[authorization, ("dpop", &proof)]).await;
    assert_eq!((told.status, told.header("cache-control")), (401, "no-store"));
    assert!(told.all("www-authenticate")[1].ends_with(r#"error="use_dpop_nonce""#));
    assert_eq!(told.json()["code"], RejectionKind::Unauthenticated.code());
    let nonce = told.header("dpop-nonce");

    let proof = service.world.proof(&token).nonce(nonce).sign();
    let served = service.get("/orders?page=2", &[authorization, ("dpop", &proof)]).await;
    assert_eq!((served.status, served.text()), (200, "ada by DPoP"));
    let again = service.get("/orders", &[authorization, ("dpop", &proof)]).await;
    assert_eq!((again.status, again.header("content-type")), (401, "application/problem+json"));

    // What the rules refuse is told in the challenge of the scheme that was used, and a new nonce comes with it.
    service.world.clock.advance(seconds(120));
    let token = service.token();
    let authorization = ("authorization", &*format!("DPoP {token}"));
    let proof = service.world.proof(&token).nonce(nonce);
    let proof = proof.claim("htu", "https://api.example/orders/7").sign();
    let forbidden = service.get("/orders/7", &[authorization, ("dpop", &proof)]).await;
    assert_eq!(forbidden.status, 403);
    let challenge = forbidden.header("www-authenticate");
    assert!(
        challenge.starts_with("DPoP ") && challenge.contains("insufficient_scope"),
        "{challenge}"
    );
    assert_ne!(forbidden.header("dpop-nonce"), nonce);
}

#[tokio::test]
async fn p1_p14_over_a_socket_fields_cannot_be_doubled_and_schemes_not_confused() {
    let service = Service::start().await;
    let token = service.token();
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
    let proof = service.world.proof(&token).sign();
    for (headers, status) in [
        (vec![("authorization", &*dpop), ("dpop", &*proof), ("DPoP", &*proof)], 401),
        (vec![("authorization", &*dpop), ("dpop", "")], 401),
        (vec![("authorization", &*bearer), ("dpop", &*proof)], 401),
        (vec![("authorization", &*bearer), ("authorization", &*dpop), ("dpop", &*proof)], 400),
        (vec![("dpop", &*proof)], 401),
    ] {
        let answer = service.get("/orders", &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert!(answer.all("dpop-nonce").is_empty());
    }
}

/// To be told a nonce is part of the protocol; to guess is not.
#[tokio::test]
async fn p9_to_be_told_a_nonce_is_no_failed_log_in() {
    let service = Service::start().await;
    let ask = async |proof: &str, token: &str| {
        let authorization = format!("DPoP {token}");
        service.get("/orders", &[("authorization", &authorization), ("dpop", proof)]).await.status
    };
    let token = service.token();
    for _ in 0..25 {
        assert_eq!(ask(&service.world.proof(&token).sign(), &token).await, 401);
    }
    for _ in 0..20 {
        assert_eq!(ask("rubbish", &token).await, 401);
    }
    assert_eq!(ask("rubbish", &token).await, 429);
}
