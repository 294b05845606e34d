//! Quotas and sizes of `orders_api`, from outside.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{Full, StreamBody};

use super::House;

#[tokio::test]
async fn q1_q2_a_caller_without_patience_is_told_when_to_come_back() {
    let house = House::start("orders_api");
    // All at once: more than the 100 of one caller, and fewer than the 200 of one address.
    let asked = (0..180).map(|_| house.ask("gil", "GET", "/orders", ""));
    let answers = join_all(asked).await;
    let (admitted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    assert!(admitted.len() >= 100 && !refused.is_empty(), "{}", admitted.len());
    for answer in refused {
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (429, "application/problem+json")
        );
        assert_eq!(answer.json()["violated-policies"], serde_json::json!(["principal"]));
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    assert_eq!(house.ask("ada", "GET", "/orders", "").await.status, 200, "hers is not spent");
}

#[tokio::test]
async fn n4_a_body_that_is_too_large_is_refused_with_and_without_a_length() {
    let house = House::start("orders_api");
    let (name, value) = house.credential("ada").unwrap();
    let post = || {
        let request = house.request("POST", "/orders").header(name, &*value);
        request.header("content-type", "application/json")
    };
    let draft = |length: usize| format!(r#"{{"item":"{}"}}"#, "x".repeat(length));
    let in_one_piece = |length| Full::<Bytes>::from(draft(length));
    let in_pieces = |length| {
        let pieces: Vec<_> =
            draft(length).as_bytes().chunks(4096).map(Bytes::copy_from_slice).collect();
        StreamBody::new(stream::iter(
            pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece))),
        ))
    };
    assert_eq!(house.send(post().body(in_one_piece(200)).unwrap()).await.status, 201);
    assert_eq!(house.send(post().body(in_pieces(200)).unwrap()).await.status, 201);
    for refused in [
        house.send(post().body(in_one_piece(20_000)).unwrap()).await,
        house.send(post().body(in_pieces(20_000)).unwrap()).await,
    ] {
        assert_eq!(
            (refused.status, refused.header("content-type")),
            (413, "application/problem+json")
        );
    }
}
