//! Object-level checks through a real stack.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use http::Request;
use tower_warden::authz::object::{ActionKind, Denied, Guard, ObjectPolicy, Read, Ruling};
use tower_warden::authz::{Rules, scope};
use tower_warden::client_address::PeerAddress;
use tower_warden::testing::TestIssuer;
use tower_warden::{Principal, Warden};

use crate::support::{Answer, ask};

#[derive(Clone)]
struct Order {
    id: u64,
    owner: &'static str,
}

struct OwnersOnly;

impl ObjectPolicy<Order> for OwnersOnly {
    fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        (caller.subject() == order.owner).into()
    }
}

async fn read(guard: Guard<Order>, Path(id): Path<u64>) -> Result<Json<u64>, Denied> {
    let found = [Order { id: 1, owner: "ada" }, Order { id: 2, owner: "eve" }]
        .into_iter()
        .find(|order| order.id == id);
    Ok(Json(guard.permit(Read, found).await?.id))
}

/// Asks for an order as this subject, through a whole stack.
async fn ask_for(id: u64, subject: &str) -> Answer {
    let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    let rules = Rules::builder()
        .object_policy(OwnersOnly)
        .get("/orders/{id}", scope("orders:read").serving::<Order>());
    let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build().unwrap();
    let service = warden.guard(Router::new().route("/orders/{id}", get(read)));
    let token = issuer.token(subject).scope("orders:read").sign();
    let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 1], 40000)));
    let request = Request::get(format!("/orders/{id}"))
        .header("authorization", format!("Bearer {token}"))
        .extension(peer)
        .body(Body::empty());
    ask(service, request.unwrap()).await
}

#[tokio::test]
async fn z7_an_order_of_somebody_else_reads_as_one_that_does_not_exist() {
    assert_eq!(ask_for(1, "ada").await.text(), "1");
    let hidden = ask_for(2, "ada").await;
    let absent = ask_for(3, "ada").await;
    assert_eq!((hidden.status, hidden.reason()), (404, "object_hidden"));
    assert_eq!((absent.status, absent.reason()), (404, "object_not_found"));
    let without_id = |answer: &Answer| {
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().remove("instance");
        problem
    };
    assert_eq!(without_id(&hidden), without_id(&absent));
}
