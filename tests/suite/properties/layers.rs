//! The layers over single requests: heads, statuses, bodies of all kinds.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use tower::{Layer, service_fn};
use tower_warden::authz::property::{AcceptLayer, DiscloseLayer, Field, Properties, Who};
use tower_warden::gate::Body;

use super::{ada, order};
use crate::support::{Answer, Logs, TestBody, ask};

type AnyBody = BoxBody<Bytes, &'static str>;

/// A body in pieces; `broken` breaks it off.
fn pieces(pieces: &[&'static str]) -> AnyBody {
    let frames: Vec<_> = pieces
        .iter()
        .map(|piece| match *piece {
            "broken" => Err("broken"),
            piece => Ok(Frame::data(Bytes::from_static(piece.as_bytes()))),
        })
        .collect();
    BodyExt::boxed(StreamBody::new(stream::iter(frames)))
}

fn whole(text: &'static str) -> AnyBody {
    TestBody::from(text).map_err(|never| match never {}).boxed()
}

/// What comes out where the handler answers like this.
async fn disclosed(
    layer: &DiscloseLayer,
    request: Request<TestBody>,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: impl Fn() -> AnyBody + Clone + Send + 'static,
) -> Answer {
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        fields.append(*name, value.parse().unwrap());
    }
    let handler = service_fn(move |_: Request<TestBody>| {
        let mut response = Response::new(body());
        *response.status_mut() = status.try_into().unwrap();
        *response.headers_mut() = fields.clone();
        async { Ok::<_, Infallible>(response) }
    });
    ask(layer.layer(handler), request).await
}

fn get() -> Request<TestBody> {
    Request::new(TestBody::default())
}

const JSON: (&str, &str) = ("content-type", "application/json");
const TEXT: &str = r#"{"id":7,"secret":1}"#;

#[tokio::test]
async fn z11_answers_that_cannot_be_filtered_are_withheld() {
    let layer = DiscloseLayer::new(&order());
    let large: &'static str =
        Box::leak(format!(r#"{{"id":"{}"}}"#, "x".repeat(1 << 20)).into_boxed_str());
    type Case = (u16, Vec<(&'static str, &'static str)>, AnyBody, &'static str);
    let cases: Vec<Case> = vec![
        (200, vec![], whole(TEXT), "response_of_other_media_type"),
        (200, vec![("content-type", "text/csv")], whole(TEXT), "response_of_other_media_type"),
        (
            200,
            vec![("content-type", "application/x-ndjson")],
            whole(TEXT),
            "response_of_other_media_type",
        ),
        (
            200,
            vec![("content-type", "text/event-stream")],
            whole(TEXT),
            "response_of_other_media_type",
        ),
        (
            200,
            vec![("content-type", "application/grpc")],
            whole(TEXT),
            "response_of_other_media_type",
        ),
        (
            200,
            vec![JSON, ("content-type", "text/plain")],
            whole(TEXT),
            "response_of_other_media_type",
        ),
        (
            200,
            vec![("content-type", "application/json; charset=utf-16")],
            whole(TEXT),
            "response_of_other_media_type",
        ),
        (302, vec![("content-type", "text/html")], whole(TEXT), "response_of_other_media_type"),
        (200, vec![JSON, ("content-encoding", "gzip")], whole(TEXT), "response_encoded"),
        (
            200,
            vec![JSON, ("content-encoding", "identity"), ("content-encoding", "br")],
            whole(TEXT),
            "response_encoded",
        ),
        (206, vec![JSON], whole(TEXT), "response_in_part"),
        (200, vec![JSON, ("content-range", "bytes 0-9/20")], whole(TEXT), "response_in_part"),
        (200, vec![JSON], whole("{"), "response_not_json"),
        (200, vec![JSON], whole("{} {}"), "response_not_json"),
        (200, vec![JSON], whole("7"), "response_shape_undeclared"),
        (200, vec![JSON], whole(r#"{"id":1,"id":2}"#), "response_name_repeated"),
        (200, vec![JSON], whole(large), "response_too_large"),
        (200, vec![JSON], pieces(&[r#"{"id":7"#, "broken"]), "response_broke_off"),
        (
            201,
            vec![("content-type", "application/problem+json")],
            whole("[1]"),
            "response_shape_undeclared",
        ),
    ];
    let logs = Logs::capture();
    for (status, headers, body, reason) in cases {
        let body = std::sync::Mutex::new(Some(body));
        let body = std::sync::Arc::new(body);
        let take = move || body.lock().unwrap().take().unwrap();
        let mut headers = headers;
        headers.push(("x-secret", "1"));
        let answer = disclosed(&layer, get(), status, &headers, take).await;
        assert_eq!((answer.status, answer.reason()), (500, reason), "{headers:?}");
        assert!(
            !answer.headers.contains_key("x-secret") && !answer.text().contains("id"),
            "{}",
            answer.text()
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert!(
        logs.text().contains("response_too_large")
            && logs.text().contains("control=\"properties\""),
        "{}",
        logs.text()
    );
}

#[tokio::test]
async fn z11_filtered_answers_say_what_they_are() {
    let layer = DiscloseLayer::new(&order());
    let fields = [
        JSON,
        ("content-length", "19"),
        ("etag", "\"1\""),
        ("content-digest", "sha-256=:x:"),
        ("repr-digest", "sha-256=:x:"),
        ("accept-ranges", "bytes"),
        ("cache-control", "public, max-age=60"),
        ("x-other", "1"),
    ];
    let of = |answer: &Answer, names: &[&str]| {
        names.iter().map(|name| answer.header(name).to_owned()).collect::<Vec<_>>()
    };
    let names = [
        "content-length",
        "etag",
        "content-digest",
        "repr-digest",
        "accept-ranges",
        "cache-control",
        "x-other",
    ];

    let answer = disclosed(&layer, get(), 200, &fields, || whole(TEXT)).await;
    assert_eq!(answer.text(), r#"{"id":7}"#);
    assert_eq!(of(&answer, &names), ["8", "", "", "", "", "public, max-age=60", "1"]);

    // Nothing left out: the very text, with what is known of it.
    let answer = disclosed(&layer, get(), 200, &fields, || pieces(&["{\"i", "", "d\":7} "])).await;
    assert_eq!(answer.text(), "{\"id\":7} ");
    assert_eq!(
        of(&answer, &names),
        ["9", "\"1\"", "sha-256=:x:", "sha-256=:x:", "bytes", "public, max-age=60", "1"]
    );

    let by = |cache_control: &'static str| {
        let layer = layer.clone();
        async move {
            let mut request = get();
            request.extensions_mut().insert(ada());
            let answer =
                disclosed(&layer, request, 200, &[JSON, ("cache-control", cache_control)], || {
                    whole(TEXT)
                })
                .await;
            answer.header("cache-control").to_owned()
        }
    };
    for (told, left) in [
        ("public, max-age=60", "no-store"),
        ("max-age=60", "no-store"),
        ("Private", "Private"),
        ("no-store", "no-store"),
    ] {
        assert_eq!(by(told).await, left);
    }
}

#[tokio::test]
async fn z11_answers_without_a_body_and_errors_pass() {
    let layer = DiscloseLayer::new(&order());
    let none = || whole("");
    for (status, headers) in [
        (204, &[][..]),
        (201, &[("location", "/orders/7"), ("content-length", "0")]),
        (303, &[("location", "/orders/7")]),
        (304, &[("vary", "accept")]),
        (200, &[("content-type", "text/plain")]),
    ] {
        let answer = disclosed(&layer, get(), status, headers, none).await;
        assert_eq!(
            (answer.status, answer.headers.len(), answer.text()),
            (status, headers.len(), "")
        );
    }
    let not_modified =
        disclosed(&layer, get(), 304, &[("content-length", "19")], || whole(TEXT)).await;
    assert_eq!((not_modified.text(), not_modified.header("content-length")), ("", ""));
    let empty_stream = disclosed(&layer, get(), 200, &[JSON], || pieces(&[""])).await;
    assert_eq!((empty_stream.status, empty_stream.header("content-length")), (200, "0"));

    for (status, content_type) in
        [(400, "application/problem+json"), (404, "application/json"), (503, "text/html")]
    {
        let answer =
            disclosed(&layer, get(), status, &[("content-type", content_type)], || whole(TEXT))
                .await;
        assert_eq!((answer.status, answer.text()), (status, TEXT));
    }

    let head = || Request::builder().method(Method::HEAD).body(TestBody::default()).unwrap();
    let answer =
        disclosed(&layer, head(), 200, &[JSON, ("content-length", "19"), ("etag", "\"1\"")], none)
            .await;
    assert_eq!((answer.status, answer.headers.len()), (200, 1), "{:?}", answer.headers);
    // A handler for GET that answers HEAD too: the server leaves the body out, and the length is that of the filtered one.
    let answer =
        disclosed(&layer, head(), 200, &[JSON, ("content-length", "19")], || whole(TEXT)).await;
    assert_eq!((answer.header("content-length"), answer.text()), ("8", r#"{"id":7}"#));
}

#[tokio::test]
async fn z11_media_types_pass_where_somebody_said_so() {
    let layer = DiscloseLayer::new(&order()).insecure_pass_unfiltered(["Text/CSV"]).unwrap();
    let csv = disclosed(&layer, get(), 200, &[("content-type", "text/csv; charset=utf-8")], || {
        whole("7,1")
    })
    .await;
    assert_eq!(csv.text(), "7,1");
    let plain =
        disclosed(&layer, get(), 200, &[("content-type", "text/plain")], || whole("7,1")).await;
    assert_eq!(plain.status, 500);
}

fn item() -> Properties {
    Properties::builder("Item")
        .field(Field::new("name").create(Who::everybody()))
        .field(Field::new("price").write(Who::everybody()))
        .body_limit(64)
        .build()
        .unwrap()
}

/// What comes out where the handler answers with the body that it got.
async fn sent(
    layer: &AcceptLayer,
    method: &str,
    headers: &[(&str, &str)],
    body: AnyBody,
) -> Answer {
    let echo = service_fn(async |request: Request<Body<AnyBody>>| {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    });
    let mut request = Request::builder().method(method);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ask(layer.layer(echo), request.body(body).unwrap()).await
}

#[tokio::test]
async fn z12_a_body_is_handed_on_byte_for_byte_or_not_at_all() {
    let create = AcceptLayer::create(&item());
    let change = AcceptLayer::change(&item()).unwrap();
    let by_method = AcceptLayer::by_method(&item()).unwrap();
    let good = " {\"n\\u0061me\" : \"\\u00e9\", \"price\":1.50}\n";
    let answer = sent(
        &create,
        "POST",
        &[JSON],
        pieces(&[" {\"n\\u0061me\" : \"\\u00", "", "e9\", \"price\":1.50}\n"]),
    )
    .await;
    assert_eq!((answer.status, answer.text()), (200, good));

    let merge = ("content-type", "application/merge-patch+json");
    let patch = ("content-type", "application/json-patch+json");
    let (name, price) = (r#"{"name":"x"}"#, r#"{"price":null}"#);
    let large: &'static str =
        Box::leak(format!(r#"{{"name":"{}"}}"#, "x".repeat(64)).into_boxed_str());
    type Case<'c> = (&'c AcceptLayer, &'c str, Vec<(&'c str, &'c str)>, AnyBody, u16, &'c str);
    let cases: Vec<Case<'_>> = vec![
        (&create, "POST", vec![JSON], whole(name), 200, ""),
        (
            &create,
            "POST",
            vec![("content-type", "application/json; charset=UTF-8")],
            whole(name),
            200,
            "",
        ),
        (&create, "PATCH", vec![JSON], whole(name), 200, ""),
        (&create, "POST", vec![merge], whole(name), 415, "body_of_other_media_type"),
        (&create, "POST", vec![], whole(name), 415, "body_of_other_media_type"),
        (
            &create,
            "POST",
            vec![("content-type", "text/plain")],
            whole(name),
            415,
            "body_of_other_media_type",
        ),
        (
            &create,
            "POST",
            vec![("content-type", "application/x-www-form-urlencoded")],
            whole("name=x"),
            415,
            "body_of_other_media_type",
        ),
        (&create, "POST", vec![JSON, JSON], whole(name), 415, "body_of_other_media_type"),
        (
            &create,
            "POST",
            vec![("content-type", "application/json; charset=utf-7")],
            whole(name),
            415,
            "body_of_other_media_type",
        ),
        (
            &create,
            "POST",
            vec![JSON, ("content-encoding", "gzip")],
            whole(name),
            415,
            "body_encoded",
        ),
        (
            &create,
            "POST",
            vec![JSON, ("x-http-method-override", "PATCH")],
            whole(name),
            400,
            "method_overridden",
        ),
        (&create, "POST", vec![JSON], whole("{"), 400, "body_not_json"),
        (&create, "POST", vec![JSON], whole(r#"{"name":1,"name":2}"#), 400, "body_name_repeated"),
        (&create, "POST", vec![JSON], whole(r#"[{"name":1}]"#), 400, "body_shape_undeclared"),
        (&create, "POST", vec![JSON], whole(large), 413, "body_too_large"),
        (
            &create,
            "POST",
            vec![JSON],
            pieces(&["{\"name\":\"", &large[..60], "\"}"]),
            413,
            "body_too_large",
        ),
        (&create, "POST", vec![JSON], pieces(&["{", "broken"]), 400, "body_broke_off"),
        (&create, "GET", vec![], whole(""), 200, ""),
        (&create, "POST", vec![], pieces(&["", ""]), 200, ""),
        (&change, "PATCH", vec![JSON], whole(price), 200, ""),
        (&change, "PATCH", vec![merge], whole(price), 200, ""),
        (&change, "PATCH", vec![merge], whole(name), 400, "field_not_writable"),
        (
            &change,
            "PATCH",
            vec![patch],
            whole(r#"[{"op":"add","path":"/name","value":1}]"#),
            415,
            "json_patch_not_supported",
        ),
        (&by_method, "POST", vec![JSON], whole(name), 200, ""),
        (&by_method, "PUT", vec![JSON], whole(name), 400, "field_not_writable"),
        (&by_method, "PATCH", vec![JSON], whole(price), 200, ""),
        (
            &by_method,
            "POST",
            vec![JSON, ("x-http-method", "PUT")],
            whole(name),
            400,
            "method_overridden",
        ),
        (&by_method, "GET", vec![JSON], whole(name), 400, "body_under_other_method"),
        (&by_method, "DELETE", vec![], whole(""), 200, ""),
    ];
    for (layer, method, headers, body, status, reason) in cases {
        let answer = sent(layer, method, &headers, body).await;
        assert_eq!((answer.status, answer.reason()), (status, reason), "{method} {headers:?}");
    }
    let refused = sent(&change, "PATCH", &[patch], whole("[]")).await;
    assert_eq!(refused.header("accept"), "application/merge-patch+json, application/json");
}

#[tokio::test]
async fn z12_the_names_of_refused_fields_are_in_the_log_alone() {
    let logs = Logs::capture();
    let refused =
        sent(&AcceptLayer::create(&item()), "POST", &[JSON], whole(r#"{"is_admin\nforged":true}"#))
            .await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("invalid_request")));
    assert!(!refused.text().contains("is_admin"), "{}", refused.text());
    let log = logs.text();
    assert!(log.contains("field_not_writable") && log.contains("is_admin"), "{log}");
    assert!(!log.contains("\nforged"), "{log}");
    let known =
        sent(&AcceptLayer::change(&item()).unwrap(), "PATCH", &[JSON], whole(r#"{"name":true}"#))
            .await;
    assert_eq!(
        (known.reason(), &known.body),
        (refused.reason(), &refused.body),
        "exists or not, it is the same answer"
    );
}
