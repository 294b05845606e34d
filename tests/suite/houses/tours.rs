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
        let mut tour = tokio::process::Command::from(command(example, &[]));
        let ended = tour.arg("--tour").kill_on_drop(true).output();
        let output = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{example}: {printed}");
        let summary = format!("{stops} of {stops} as they should be");
        assert!(printed.contains(&summary), "{example}: {printed}");
        assert!(!printed.contains("hunter2"), "{example}: {printed}");
    }
}
