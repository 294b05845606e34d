//! The demonstrations check themselves.

use std::time::Duration;

use super::command;

#[tokio::test]
async fn every_stop_of_every_tour_is_as_it_should_be() {
    for (example, stops) in [
        ("quickstart", 18),
        ("grpc", 14),
        ("jwt_api", 13),
        ("mcp_resource", 12),
        ("object_and_property", 23),
        ("rate_limit", 39),
    ] {
        let printed = toured(example, stops).await;
        assert!(!printed.contains("hunter2"), "{example}: {printed}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q10_every_stop_of_the_tour_through_shared_limits_is_as_it_should_be() {
    toured("rate_limit_redis", 21).await;
}

#[tokio::test]
async fn a_tour_without_redis_says_what_to_install() {
    let mut tour = tokio::process::Command::from(command("rate_limit_redis", &[]));
    let tour = tour.arg("--tour").env("PATH", "").env_remove("RATE_LIMIT_REDIS_URL");
    let output = tour.kill_on_drop(true).output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("Install `redis-server`"), "{told}");
}

async fn toured(example: &str, stops: usize) -> String {
    let mut tour = tokio::process::Command::from(command(example, &[]));
    let ended = tour.arg("--tour").kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{example}: {printed}");
    let summary = format!("{stops} of {stops} as they should be");
    assert!(printed.contains(&summary), "{example}: {printed}");
    printed
}
