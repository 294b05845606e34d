//! Authorization matrices of three examples, over real sockets: two tenants' users, an administrator, machines, and nobody.

#[path = "../../../examples/orders_grpc/rules.rs"]
mod grpc_rules;
#[path = "../../../examples/quickstart/app.rs"]
mod quickstart;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use prost::Message;
use tower::Service;
use tower_warden::testing::{Actor, AuthorizationMatrix, Call, Expected};

use super::{ACTORS, House, api_rules, orders};
use crate::orders_v1::{CreateRequest, DeleteRequest, GetRequest, UpdateRequest};

/// A server at this address as a service.
fn server(
    address: &str,
    http2: bool,
) -> impl Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error = Error> {
    let mut builder = Client::builder(TokioExecutor::new());
    let client: Client<_, BoxBody<Bytes, Infallible>> = builder.http2_only(http2).build_http();
    let address = address.to_owned();
    tower::service_fn(move |request: Request<Full<Bytes>>| {
        let mut request = request.map(BodyExt::boxed);
        let uri = format!("http://{address}{}", request.uri());
        *request.uri_mut() = Uri::try_from(uri).unwrap();
        client.request(request)
    })
}

/// The callers that both houses of orders know.
fn actors(house: &House) -> impl Iterator<Item = Actor> {
    ACTORS.into_iter().map(|name| match house.credential(name) {
        Some((field, value)) => Actor::new(name).header(field, &value),
        None => Actor::new(name),
    })
}

const CUSTOMERS: [&str; 4] = ["ada", "bob", "gil", "api_key"];
const EVERYBODY_KNOWN: [&str; 5] = ["ada", "bob", "gil", "api_key", "admin"];

#[tokio::test]
async fn z1_z7_who_may_do_what_to_whose_orders() {
    let house = House::start("orders_api");
    let read = |whose, id| Call::get("/orders/{id}").object("id", whose, id);
    let change = |whose, id| {
        Call::put("/orders/{id}").object("id", whose, id).json(r#"{"item":"two looms"}"#)
    };
    let invoice = |whose, id| Call::get("/orders/{id}/invoice").object("id", whose, id);
    let cancel = |whose, id| Call::delete("/orders/{id}").object("id", whose, id);
    let cancel_as_admin = |whose, id| Call::delete("/admin/orders/{id}").object("id", whose, id);
    for customer in CUSTOMERS {
        assert_eq!(house.ask(customer, "POST", "/checkout/cart", "").await.status, 204);
    }
    tokio::time::sleep(Duration::from_secs(3)).await; // what paying takes

    #[rustfmt::skip]
    let matrix = AuthorizationMatrix::new(actors(&house))
        .allow_everybody(Call::get("/"))
        .allow_everybody(Call::get("/style.css"))
        .allow_everybody(Call::get("/openapi.json"))
        .allow_everybody(Call::get("/health"))
        .allow(Call::get("/orders"), EVERYBODY_KNOWN)
        .allow(Call::post("/orders").json(r#"{"item":"a sieve"}"#), CUSTOMERS)
        .allow(Call::get("/export"), EVERYBODY_KNOWN)
        .allow(Call::post("/vouchers").header("x-voucher", "7253"), CUSTOMERS)
        .allow(Call::post("/checkout/pay"), CUSTOMERS)
        .allow(Call::post("/checkout/cart"), CUSTOMERS)
        .allow(Call::get("/admin/orders"), ["admin"])
        .allow(Call::get("/debug"), [])
        .allow(Call::delete("/orders"), [])
        //                                     ada  bob  gil  admin key nobody
        .row(read("ada's", "1"),              [200, 404, 404, 404, 404, 401])
        .row(read("gil's", "3"),              [404, 404, 200, 404, 404, 401])
        .row(read("no one's", "999"),         [404, 404, 404, 404, 404, 401])
        .row(invoice("ada's", "1"),           [500, 500, 500, 500, 500, 401])
        .row(change("bob's", "2"),            [404, 200, 404, 403, 404, 401])
        .row(cancel_as_admin("gil's", "3"),   [403, 403, 403, 404, 403, 401])
        .row(cancel("gil's", "3"),            [404, 404, 204, 403, 404, 401])
        .row(cancel_as_admin("bob's", "2"),   [403, 403, 403, 204, 403, 401])
        .covering(&api_rules::rules().build().unwrap());
    matrix.run(server(house.address(), false)).await.assert_as_expected();
}

#[tokio::test]
async fn g2_z7_who_may_do_what_to_whose_orders_over_grpc() {
    let house = House::start("orders_grpc");
    let call = |method: &str, message: &dyn Fn() -> Vec<u8>| {
        Call::grpc(&format!("/orders.v1.Orders/{method}")).body(message())
    };
    let get = |whose, id| call("Get", &|| GetRequest { id }.encode_to_vec()).named(whose);
    let item = || "a sieve".to_owned();

    #[rustfmt::skip]
    let matrix = AuthorizationMatrix::new(actors(&house))
        .allow_everybody(Call::grpc("/orders.v1.Health/Check"))
        .allow(call("List", &Vec::new), EVERYBODY_KNOWN)
        .allow(call("Create", &|| CreateRequest { item: item() }.encode_to_vec()), CUSTOMERS)
        .allow(call("Debug", &Vec::new), [])
        //                             ada bob gil admin key nobody
        .row(get("ada's", 1),         [0,  5,  5,  5,    5,  16])
        .row(get("gil's", 3),         [5,  5,  0,  5,    5,  16])
        .row(Call::grpc("/orders.v1.Invoices/Get").body(GetRequest { id: 1 }.encode_to_vec()).named("ada's"),
                                      [13, 13, 13, 13, 13, 16])
        .row(call("Update", &|| UpdateRequest { id: 3, item: item() }.encode_to_vec()).named("gil's"),
                                      [5,  5,  0,  7,    5,  16])
        .row(call("Delete", &|| DeleteRequest { id: 3 }.encode_to_vec()).named("gil's"),
                                      [7,  7,  7,  5,    7,  16])
        .row(call("Delete", &|| DeleteRequest { id: 2 }.encode_to_vec()).named("bob's"),
                                      [7,  7,  7,  0,    7,  16])
        .covering(&grpc_rules::rules().build().unwrap());
    matrix.run(server(house.address(), true)).await.assert_as_expected();
}

#[tokio::test]
async fn z1_b1_who_may_do_what_in_the_quickstart() {
    let demo = quickstart::Demo::new().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = axum::serve(listener, demo.service().unwrap().into_make_service());
    let serving = tokio::spawn(serving.into_future());

    let order = |whose, id| Call::get("/orders/{id}").object("id", whose, id);
    let actors = [
        Actor::new("ada").bearer(&demo.token_of_ada()),
        Actor::new("eve").bearer(&demo.token_of_eve()),
        Actor::new("admin").bearer(&demo.token_of_admin()),
        Actor::new("machine").header("x-api-key", demo.api_key()),
        Actor::new("nobody"),
        Actor::new("expired").bearer(&demo.expired_token()),
        Actor::new("forged").bearer(&quickstart::Demo::forged_token()),
    ];
    #[rustfmt::skip]
    let matrix = AuthorizationMatrix::new(actors)
        //                                 ada  eve admin machine nobody expired forged
        .row(Call::get("/health"),        [200, 200, 200, 200, 200, 401, 401])
        .row(Call::get("/orders"),        [200, 200, 403, 200, 401, 401, 401])
        .row(order("ada's", "1"),         [200, 404, 403, 404, 401, 401, 401])
        .row(order("eve's", "2"),         [404, 200, 403, 404, 401, 401, 401])
        // It panics for whoever gets there.
        .row(Call::get("/crash"),         [500, 500, 500, 500, 401, 401, 401])
        .allow(Call::post("/orders"), ["ada"])
        .allow(Call::get("/admin/stats"), ["admin"])
        .expect(Call::get("/debug"), [("admin", Expected::Forbidden), ("forged", Expected::Unauthenticated)])
        .covering(demo.warden.rules());
    matrix.run(server(&address, false)).await.assert_as_expected();
    serving.abort();
}
