//! Every actor at every method of `orders_grpc`.

use futures_util::TryStreamExt;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use super::{ACTORS, House};
use crate::orders_v1::health_client::HealthClient;
use crate::orders_v1::invoices_client::InvoicesClient;
use crate::orders_v1::orders_client::OrdersClient;
use crate::orders_v1::{
    CreateRequest, DebugRequest, DeleteRequest, GetRequest, HealthRequest, ListRequest,
    UpdateRequest,
};

/// What is called, and the code for each of the [`ACTORS`]. Order 1 is ada's, 2 bob's, 3 gil's.
#[rustfmt::skip]
const CALLS: &[(Call, [i32; 6])] = &[
    //                            ada bob gil admin key nobody
    (Call::Check,                [0, 0, 0, 0, 0, 0]),
    (Call::List,                 [0, 0, 0, 0, 0, 16]),
    (Call::Get(1),               [0, 5, 5, 5, 5, 16]),
    (Call::Get(2),               [5, 0, 5, 5, 5, 16]),
    (Call::Get(3),               [5, 5, 0, 5, 5, 16]),
    (Call::Get(999),             [5, 5, 5, 5, 5, 16]),
    // Broken: its handler asks nobody whose order it is.
    (Call::Invoice(1),           [13, 13, 13, 13, 13, 16]),
    (Call::Invoice(999),         [5, 5, 5, 5, 5, 16]),
    (Call::Create("a sieve"),    [0, 0, 0, 7, 0, 16]),
    (Call::Create(""),           [3, 3, 3, 7, 3, 16]),
    (Call::Update(1, "a sieve"), [0, 5, 5, 7, 5, 16]),
    (Call::Update(3, "a sieve"), [5, 5, 0, 7, 5, 16]),
    (Call::Update(1, ""),        [3, 5, 5, 7, 5, 16]),
    (Call::Debug,                [7, 7, 7, 7, 7, 7]),
    (Call::Delete(3),            [7, 7, 7, 5, 7, 16]),
    (Call::Delete(2),            [7, 7, 7, 0, 7, 16]),
    (Call::Get(2),               [5, 5, 5, 5, 5, 16]),
];

#[derive(Clone, Copy, Debug)]
enum Call {
    Check,
    Create(&'static str),
    Debug,
    Delete(u64),
    Get(u64),
    Invoice(u64),
    List,
    Update(u64, &'static str),
}

struct Caller<'h> {
    house: &'h House,
    channel: Channel,
}

impl<'h> Caller<'h> {
    async fn of(house: &'h House) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", house.address())).unwrap();
        Self { house, channel: endpoint.connect().await.unwrap() }
    }

    fn request<M>(&self, actor: &str, message: M) -> Request<M> {
        let mut request = Request::new(message);
        if let Some((name, value)) = self.house.credential(actor) {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    async fn call(&self, actor: &str, call: Call) -> Code {
        let mut orders = OrdersClient::new(self.channel.clone());
        let item = str::to_owned;
        let status = match call {
            Call::Check => {
                let mut health = HealthClient::new(self.channel.clone());
                health.check(self.request(actor, HealthRequest {})).await.err()
            }
            Call::Create(text) => {
                orders.create(self.request(actor, CreateRequest { item: item(text) })).await.err()
            }
            Call::Debug => orders.debug(self.request(actor, DebugRequest {})).await.err(),
            Call::Delete(id) => {
                orders.delete(self.request(actor, DeleteRequest { id })).await.err()
            }
            Call::Get(id) => orders.get(self.request(actor, GetRequest { id })).await.err(),
            Call::Invoice(id) => {
                let mut invoices = InvoicesClient::new(self.channel.clone());
                invoices.get(self.request(actor, GetRequest { id })).await.err()
            }
            Call::List => orders.list(self.request(actor, ListRequest {})).await.err(),
            Call::Update(id, text) => {
                let message = UpdateRequest { id, item: item(text) };
                orders.update(self.request(actor, message)).await.err()
            }
        };
        status.map_or(Code::Ok, |status| status.code())
    }

    async fn list(&self, actor: &str) -> Vec<u64> {
        let mut orders = OrdersClient::new(self.channel.clone());
        let listed = orders.list(self.request(actor, ListRequest {})).await.unwrap().into_inner();
        listed.map_ok(|order| order.id).try_collect().await.unwrap()
    }
}

#[tokio::test]
async fn g2_z7_who_may_call_what() {
    let house = House::start("orders_grpc");
    let caller = Caller::of(&house).await;
    for (call, expected) in CALLS {
        for (actor, expected) in ACTORS.into_iter().zip(expected) {
            let code = caller.call(actor, *call).await;
            assert_eq!(i32::from(code), *expected, "{actor}: {call:?}");
        }
    }
}

#[tokio::test]
async fn z6_z10_streams_hold_what_the_caller_may_see() {
    let house = House::start("orders_grpc");
    let caller = Caller::of(&house).await;
    assert_eq!(caller.list("ada").await, [1]);
    assert_eq!(caller.list("gil").await, [3]);
    assert!(caller.list("admin").await.is_empty());
    assert_eq!(caller.call("ada", Call::Create("a sieve")).await, Code::Ok);
    assert_eq!(caller.list("ada").await, [1, 4]);
    assert_eq!(caller.list("bob").await, [2]);
}

#[tokio::test]
async fn z3_nothing_leaves_the_method_that_asked_nobody() {
    let house = House::start("orders_grpc");
    let caller = Caller::of(&house).await;
    let mut invoices = InvoicesClient::new(caller.channel.clone());
    let request = caller.request("ada", GetRequest { id: 3 });
    let withheld = invoices.get(request).await.unwrap_err();
    assert_eq!(withheld.code(), Code::Internal);
    let told = format!("{withheld:?}");
    for secret in ["telescope", "gil", "globex", "margin"] {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(house.stderr().contains("authz_not_performed"), "{}", house.stderr());
}
