//! Servers that forget, refuse, are full, hang or are gone: never an open door, and back by themselves.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_a_server_that_forgets_its_scripts_in_mid_traffic_loses_no_count() {
    let server = Server::start(&[]);
    let layer = by_address(Quota::per_day(300), patient(RedisStore::builder(server.url())));
    let mut all = Vec::new();
    for _ in 0..10 {
        let flush = async { server.ask::<()>(&["SCRIPT", "FLUSH"]) };
        let (statuses, ()) = tokio::join!(statuses(&layer, 40), flush);
        all.extend(statuses);
    }
    assert_eq!(admitted(&all), 300);
    assert_eq!(all.iter().filter(|status| **status == 429).count(), 100);
    assert!(server.calls("eval") > 1, "it was loaded again");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_a_user_needs_few_rights_and_one_without_them_is_no_open_door() {
    let server = Server::start(&[]);
    let user = |name: &str, rights: &[&str]| {
        server
            .ask::<()>(&[&["ACL", "SETUSER", name, "on", ">secret", "resetkeys"], rights].concat());
    };
    user("limiter", &["~shop:*", "+evalsha", "+eval", "+time", "+get", "+set"]);
    user("elsewhere", &["~other:*", "+@all"]);
    user("reader", &["~shop:*", "+evalsha", "+eval", "+time", "+get"]);
    user("nobody", &["~shop:*", "+get"]);
    let layer = |name: &str, password: &str| {
        let store = RedisStore::builder(server.url()).login(name, password).prefix("shop");
        by_address(FIVE, patient(store))
    };
    for (name, password) in
        [("elsewhere", "secret"), ("reader", "secret"), ("nobody", "secret"), ("limiter", "wrong")]
    {
        let layer = layer(name, password);
        for _ in 0..2 {
            assert_eq!(status(&layer, "192.0.2.1").await, 503, "{name}");
        }
    }
    assert_eq!(admitted(&statuses(&layer("limiter", "secret"), 10).await), 5);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_a_full_server_is_no_open_door() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let layer = by_address(FIVE, patient(RedisStore::builder(server.url())));
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(status(&layer, "192.0.2.1").await, 503);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(admitted(&statuses(&layer, 10).await), 4, "the refused one was not charged");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_a_server_that_is_gone_is_found_again() {
    let mut server = Server::start(&[]);
    let quick = RedisStore::builder(server.url()).timeout(Duration::from_secs(1));
    let layer = by_address(FIVE, quick.build().unwrap());
    assert_eq!(status(&layer, "192.0.2.1").await, 200);
    server.kill();
    assert!(statuses(&layer, 20).await.iter().all(|status| *status == 503));
    server.restart();
    until(&layer, "192.0.2.1", 200).await;
    server.kill();
    let late = RedisStore::builder(server.url()).timeout(Duration::from_secs(1));
    let late = by_address(FIVE, late.build().unwrap());
    assert_eq!(status(&late, "192.0.2.1").await, 503);
    server.restart();
    until(&late, "192.0.2.1", 200).await;
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_a_server_that_hangs_is_waited_for_no_longer_than_said() {
    let server = Server::start(&[]);
    let quick = RedisStore::builder(server.url()).timeout(Duration::from_millis(100));
    let layer = by_address(Quota::per_day(1000), quick.build().unwrap());
    until(&layer, "192.0.2.1", 200).await;
    server.signal("-STOP");
    let answers = tokio::time::timeout(Duration::from_secs(10), statuses(&layer, 30)).await;
    server.signal("-CONT");
    assert!(answers.expect("does not hang").iter().all(|status| *status == 503));
    until(&layer, "192.0.2.1", 200).await;
}
