//! What gets fields past their declaration.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tower::{Layer, service_fn};
use tower_warden::authz::property::{AcceptLayer, DiscloseLayer, Field, Properties, Who};
use tower_warden::gate::Body;

use crate::support::{Answer, TestBody, ask};

/// A body of which somebody said that it is empty, and that is not.
struct Lying {
    ends: bool,
    text: Option<&'static str>,
}

impl http_body::Body for Lying {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.text.take().map(|text| Ok(Frame::data(text.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ends
    }

    fn size_hint(&self) -> SizeHint {
        if self.ends { SizeHint::default() } else { SizeHint::with_exact(0) }
    }
}

fn order() -> Properties {
    let id = Field::new("id").read(Who::everybody()).write(Who::everybody());
    Properties::builder("Order").field(id).field(Field::new("is_paid")).build().unwrap()
}

/// What the handler gets to read of a body.
async fn received(layer: &AcceptLayer, body: Lying) -> Answer {
    let echo = service_fn(async |request: Request<Body<Lying>>| {
        let read = request.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(TestBody::from(read)))
    });
    ask(layer.layer(echo), Request::post("/").body(body).unwrap()).await
}

#[tokio::test]
async fn z12_a_body_that_is_said_to_be_empty_is_empty_for_the_handler() {
    for ends in [true, false] {
        for layer in [AcceptLayer::create(&order()), AcceptLayer::by_method(&order()).unwrap()] {
            let body = Lying { ends, text: Some(r#"{"is_paid":true}"#) };
            let answer = received(&layer, body).await;
            assert!(answer.body.is_empty(), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn z11_an_answer_that_is_said_to_be_empty_is_empty_for_the_caller() {
    for ends in [true, false] {
        let handler = service_fn(move |_: Request<TestBody>| {
            let body = Lying { ends, text: Some(r#"{"is_paid":true}"#) };
            assert_eq!(body.is_end_stream(), ends);
            async { Ok::<_, Infallible>(Response::new(body)) }
        });
        let answer =
            ask(DiscloseLayer::new(&order()).layer(handler), Request::new(TestBody::default()))
                .await;
        assert!(answer.body.is_empty(), "{}", answer.text());
    }
}

/// Whoever asks for `*` gets the validator of all of it: another one whenever a hidden field changes, and a hash to guess by.
#[tokio::test]
async fn z11_an_answer_that_nothing_changed_tells_nothing_of_what_is_hidden() {
    let handler = service_fn(async |request: Request<TestBody>| {
        let is_asked = request.headers().contains_key("if-none-match");
        let response = Response::builder().status(if is_asked { 304 } else { 200 });
        let response =
            response.header("etag", "\"of all of it\"").header("content-digest", "sha-256=:x:");
        let body = if is_asked { "" } else { r#"{"id":7,"is_paid":true}"# };
        let response = response.header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(TestBody::from(body)).unwrap())
    });
    let whole = "\"of all of it\"";
    for (field, value, status, etag) in [
        ("if-none-match", "*", 304, ""),
        ("if-none-match", "\"of all\", of all of it", 304, ""),
        ("if-none-match", "\"other\", W/\"of all of it\"", 304, whole),
        ("accept", "*/*", 200, ""),
    ] {
        let request = Request::get("/").header(field, value).body(TestBody::default()).unwrap();
        let answer = ask(DiscloseLayer::new(&order()).layer(handler), request).await;
        assert_eq!((answer.status, answer.header("etag")), (status, etag), "{value}");
        assert!(!answer.text().contains("is_paid"), "{}", answer.text());
        assert_eq!(answer.header("content-digest"), "", "{value}");
    }
}
