//! Properties: what a caller may see of a list of orders, 100 KB of JSON.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use serde_json::Value;
use tower::{Layer, service_fn};
use tower_warden::authz::property::{
    AcceptLayer, DiscloseLayer, Field, Mask, Owner, Properties, Who, Write,
};
use tower_warden::gate::Body;

use super::{caller, with};
use crate::harness::{Case, Run, case, function, get, service, tokens::ISSUER};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("parse 100 KB into serde_json::Value and write it", parsed_and_written),
        case("filter 100 KB, 4 of 10 fields hidden", || filtered(&declared(&Who::nobody(), None))),
        case("filter 100 KB, 4 of 10 fields for owners", || {
            filtered(&declared(&Who::owner(), None))
        }),
        case("filter 100 KB, 2 fields hidden and 2 masked", || {
            filtered(&declared(&Who::nobody(), Some(Who::everybody())))
        }),
        case("filter 100 KB, nothing hidden", || filtered(&declared(&Who::everybody(), None))),
        case("filter 100 KB behind a service, 4 of 10 fields hidden", behind_a_service),
        case("check a body of 300 bytes", checked),
        case("check a body of 300 bytes before a service", before_a_service),
    ]
}

fn order(number: usize) -> String {
    let owner = if number.is_multiple_of(4) {
        "3c1f8d0e-64b7-4c2e-9a53-2f6f2c2d9b11"
    } else {
        "4d1f8d0e-64b7-4c2e-9a53-2f6f2c2d9b11"
    };
    format!(
        r#"{{"id":{number},"item":"a loom, used, of the year {number}","email":"jane{number}@example.com","price":1{number}.50,"margin":0.25,"card":"4111 1111 1111 {number:04}","status":"shipped","owner":"{owner}","lines":[{{"sku":"l{number}","count":2}},{{"sku":"s{number}","count":1}}],"placed_at":"2026-11-22T09:00:00Z"}}"#
    )
}

fn orders() -> Bytes {
    let mut list = "[".to_owned();
    let mut number = 0;
    while list.len() < 100_000 {
        if number > 0 {
            list.push(',');
        }
        list.push_str(&order(number));
        number += 1;
    }
    (list + "]").into()
}

fn declared(hidden: &Who, masked: Option<Who>) -> Properties {
    let plain =
        |name: &str| Field::new(name).read(Who::everybody()).create(Who::scope("orders:write"));
    let secret = |name: &str| Field::new(name).read(hidden.clone());
    let line = Properties::builder("Line").field(plain("sku")).field(plain("count"));
    let (mut email, mut card) = (secret("email"), secret("card"));
    if let Some(masked) = masked {
        email = email.masked(Mask::Email, masked.clone());
        card = card.masked(Mask::LastFour, masked);
    }
    Properties::builder("Order")
        .owner(Owner::subject(ISSUER, "owner"))
        .field(plain("id"))
        .field(plain("item"))
        .field(email)
        .field(plain("price"))
        .field(secret("margin"))
        .field(card)
        .field(plain("status"))
        .field(secret("owner"))
        .field(plain("lines").object(&line.build().expect("a sound declaration")))
        .field(plain("placed_at"))
        .build()
        .expect("a sound declaration")
}

fn parsed_and_written() -> Run {
    let text = orders();
    Box::new(function(move || {
        let value: Value = serde_json::from_slice(&text).expect("our own JSON");
        serde_json::to_vec(&value).expect("a value is JSON")
    }))
}

fn filtered(properties: &Properties) -> Run {
    let (text, caller, properties) = (orders(), caller(), properties.clone());
    Box::new(function(move || {
        properties.disclose_json(&caller, &text).expect("our own JSON").into_owned()
    }))
}

fn behind_a_service() -> Run {
    let text = orders();
    let handler = service_fn(move |_: Request<Full<Bytes>>| {
        let mut response = Response::new(Full::new(text.clone()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    let layer = DiscloseLayer::new(&declared(&Who::nobody(), None));
    Box::new(service(layer.layer(handler), with(caller(), get("/orders", &[])), 200))
}

/// A body with all fields that may be given.
fn new_order() -> &'static str {
    r#"{"id":17,"item":"a loom, used, of the year 1817, with all of its shuttles and a spare comb","price":117.50,"status":"shipped","lines":[{"sku":"l17","count":2},{"sku":"s17","count":1},{"sku":"s18","count":1},{"sku":"s19","count":1},{"sku":"s20","count":1}],"placed_at":"2026-11-22T09:00:00Z"}"#
}

fn checked() -> Run {
    let (properties, caller) = (declared(&Who::nobody(), None), caller());
    Box::new(function(move || {
        properties.accept(&caller, Write::Create, new_order().as_bytes()).expect("a good body");
    }))
}

fn before_a_service() -> Run {
    let handler = service_fn(async |_: Request<Body<Full<Bytes>>>| {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let layer = AcceptLayer::create(&declared(&Who::nobody(), None));
    let request =
        with(caller(), get::<Full<Bytes>>("/orders", &[("content-type", "application/json")]));
    let request = move || request().map(|_| Full::from(new_order()));
    Box::new(service(layer.layer(handler), request, 200))
}
