//! A Redis server that lies, or whatever else listens at its address.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::{Layer, service_fn};
use tower_warden::client_address::ClientAddress;
use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer, RedisStore, WhenUnavailable};

use crate::support::{Answer, Logs, ask, get, hello};

/// Answers every script with these bytes, and everything else with `OK`.
async fn liar(lie: Vec<u8>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let count =
        |text: &[u8], word: &[u8]| text.windows(word.len()).filter(|at| *at == word).count();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let lie = lie.clone();
            tokio::spawn(async move {
                let mut text = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = stream.read(&mut text).await {
                    let text = &text[..read];
                    let mut answer = b"+OK\r\n".repeat(count(text, b"SETINFO"));
                    answer.extend(lie.repeat(count(text, b"\r\nEVAL")));
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, serving)
}

async fn layer(lie: &[u8], mode: WhenUnavailable) -> (RateLimitLayer, JoinHandle<()>) {
    let (address, serving) = liar(lie.to_vec()).await;
    let store = RedisStore::builder(format!("redis://{address}/"));
    let store = store.timeout(Duration::from_millis(200)).build().unwrap();
    let limit = Limit::by_address("address", Quota::per_day(3)).when_unavailable(mode);
    (RateLimitLayer::builder().limit(limit).store(store).build().unwrap(), serving)
}

async fn send(layer: &RateLimitLayer) -> Answer {
    let mut request = get("/", &[]);
    request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
    ask(layer.layer(service_fn(hello)), request).await
}

#[tokio::test]
async fn q13_a_server_that_talks_nonsense_is_no_open_door() {
    let array = |numbers: &[&str]| {
        let members = numbers.iter().map(|number| format!(":{number}\r\n")).collect::<String>();
        format!("*{}\r\n{members}", numbers.len())
    };
    let (most, now) = ("9223372036854775807", "1700000000000000");
    let lies = [
        "$-1\r\n".to_owned(),
        "*-1\r\n".to_owned(),
        "_\r\n".to_owned(),
        ":-5\r\n".to_owned(),
        "+OK\r\n".to_owned(),
        "$3\r\none\r\n".to_owned(),
        "!!\r\n".to_owned(),
        "-MOVED 1 127.0.0.1:1\r\n".to_owned(),
        "-NOSCRIPT no matching script\r\n".to_owned(),
        "-LOADING wait\r\n".to_owned(),
        array(&[]),
        array(&["1", "1"]),
        array(&["-1", "1", "1", "1"]),
        array(&["-1", "0", "-1", "-1"]),
        array(&[now, "1", "1", most]), // more than a microsecond
        array(&["1", "7", "1", "1"]),  // for more requests than were asked for
        array(&["1", "1", "1", "1", "1", "1"]),
        array(&[now, "1", most, most]), // granted, by an empty bucket
        array(&[now, "0", "0", "0"]),   // refused, by a full one
        array(&vec!["1"; 10_000]),
        "*1\r\n".repeat(10_000),
        "$999999999\r\n".to_owned(),
        "*4\r\n+1\r\n+one\r\n:1\r\n:1\r\n".to_owned(),
    ];
    for lie in lies {
        let told = &lie[..lie.len().min(40)];
        let (here, serving) = layer(lie.as_bytes(), WhenUnavailable::CountHere).await;
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(send(&here).await.status);
        }
        serving.abort();
        assert_eq!(statuses, [200, 200, 200, 429, 429, 429], "{told:?}");
        let (closed, serving) = layer(lie.as_bytes(), WhenUnavailable::Refuse).await;
        assert_eq!(send(&closed).await.status, 503, "{told:?}");
        serving.abort();
    }
}

/// It can refuse whom it likes: no number of its makes anything panic, or makes nonsense of what callers are told.
#[tokio::test]
async fn q2_a_wait_of_ages_is_still_a_number() {
    const LAST: u64 = (1 << 53) - 1;
    for now in [0, 1_700_000_000_000_000_u64] {
        let lie = format!("*4\r\n:{now}\r\n:0\r\n:{LAST}\r\n:0\r\n");
        let (layer, serving) = layer(lie.as_bytes(), WhenUnavailable::Refuse).await;
        for _ in 0..3 {
            let answer = send(&layer).await;
            assert_eq!((answer.status, answer.reason()), (429, "address_quota_exceeded"));
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!(seconds > 24 * 60 * 60 && answer.header("ratelimit").contains(";r=0;t="));
        }
        serving.abort();
    }
}

#[tokio::test]
async fn u3_an_error_of_the_server_forges_no_line_and_reaches_no_caller() {
    let logs = Logs::capture();
    let text = "ERR hunter2\n2026-01-01 WARN forged \u{1b}[31m";
    let lie = format!("-{text}\r\n");
    let (layer, serving) = layer(lie.as_bytes(), WhenUnavailable::Refuse).await;
    for _ in 0..4 {
        let answer = send(&layer).await;
        assert_eq!(answer.status, 503);
        assert!(!answer.text().contains("hunter2"));
    }
    serving.abort();
    let logged = logs.text();
    assert!(
        !logged.contains('\u{1b}')
            && !logged.lines().any(|line| line.starts_with("2026-01-01 WARN forged"))
    );
}
