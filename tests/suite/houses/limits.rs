//! Quotas and sizes of `orders_api`, from outside.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{Full, StreamBody};

use super::House;
use crate::dpop::redis_server;
use crate::support::{Answer, TestBody};

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
async fn q14_an_export_costs_as_much_as_fifty_other_requests() {
    let house = House::start("orders_api");
    let mut left = Vec::new();
    for path in ["/orders", "/export", "/orders"] {
        let answer = house.ask("ada", "GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}");
        left.push(left_of(&answer, "work"));
    }
    // Some of it comes back while the test runs.
    assert!(left[0] - left[1] > 25 && left[1] - left[2] <= 1, "{left:?}");
}

/// What the field says of one policy.
fn left_of(answer: &Answer, policy: &str) -> i64 {
    let lines = answer.headers.get_all("ratelimit").iter().map(|line| line.to_str().unwrap());
    let mut members =
        lines.flat_map(|line| line.split(", ").map(str::to_owned).collect::<Vec<_>>());
    let start = format!("\"{policy}\";r=");
    let rest = members.find_map(|one| one.strip_prefix(&start).map(str::to_owned));
    rest.unwrap().split(';').next().unwrap().parse().unwrap()
}

async fn redeem(house: &House, actor: &str, code: &str) -> u16 {
    let (name, value) = house.credential(actor).unwrap();
    let request = house.request("POST", "/vouchers").header(name, &*value);
    house.send(request.header("x-voucher", code).body(TestBody::default()).unwrap()).await.status
}

#[tokio::test]
async fn q12_only_wrong_vouchers_are_counted_and_then_right_ones_are_refused_too() {
    let house = House::start("orders_api");
    assert!(house.stderr().contains("only POST /vouchers\n"), "{}", house.stderr());
    for _ in 0..10 {
        assert_eq!(redeem(&house, "ada", "7253").await, 204);
    }
    for code in ["0000", "0001", "0002", "0003", "0004"] {
        assert_eq!(redeem(&house, "ada", code).await, 404);
    }
    assert_eq!(redeem(&house, "ada", "0005").await, 429);
    assert_eq!(redeem(&house, "ada", "7253").await, 429);
    assert_eq!(redeem(&house, "bob", "7253").await, 204, "he guessed nothing");
}

#[tokio::test]
async fn api6_a_checkout_takes_its_time_and_its_order() {
    let house = House::start("orders_api");
    let step = async |path| house.ask("ada", "POST", path, "").await;
    assert_eq!(step("/checkout/pay").await.status, 403);
    assert_eq!(step("/checkout/cart").await.status, 204);
    let hasty = step("/checkout/pay").await;
    assert_eq!(hasty.status, 429);
    let wait = hasty.header("retry-after").parse().unwrap();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(step("/checkout/pay").await.status, 204);
    assert_eq!(step("/checkout/pay").await.status, 403);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q10_two_houses_that_share_a_redis_count_together() {
    let redis = redis_server::Server::start();
    let url = redis.url();
    let settings = [("ORDERS_REDIS_URL", &*url)];
    let [one, two] = [0, 1].map(|_| House::start_with("orders_api", &settings));
    assert!(one.stderr().contains("ORDERS_REDIS_URL=(given)\n"), "{}", one.stderr());
    for code in ["0000", "0001", "0002", "0003", "0004"] {
        assert_eq!(redeem(&one, "ada", code).await, 404);
    }
    // What the guesses cost is charged in the background.
    let mut status = redeem(&two, "ada", "7253").await;
    for _ in 0..200 {
        if status == 429 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        status = redeem(&two, "ada", "7253").await;
    }
    assert_eq!(status, 429);
    drop(redis);
    assert_eq!(redeem(&one, "bob", "7253").await, 503, "guesses that nobody counts");
    assert_eq!(one.ask("bob", "GET", "/orders", "").await.status, 200, "counted here");
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
