//! Several processes of the operating system, which share one server.

use std::env;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::*;

const SERVER: &str = "WARDEN_TEST_REDIS";
const NAME: &str = "rate_limit::redis::processes::q10_four_processes_together_admit_the_quota";

/// A process of the test: this one, started again.
async fn child(url: &str) {
    let layer = |policy: &str, quota| {
        let store = patient(RedisStore::builder(url));
        RateLimitLayer::by_address(policy, quota).store(store).build().unwrap()
    };
    let fixed = statuses(&layer("fixed", Quota::per_day(100)), 100).await;
    assert!(fixed.iter().all(|status| [200, 429].contains(status)), "{fixed:?}");
    let refilled = layer("refilled", Quota::per_second(200).burst(50));
    let (begun, mut all) = (Instant::now(), Vec::new());
    while begun.elapsed() < Duration::from_secs(1) {
        all.extend(statuses(&refilled, 16).await);
    }
    assert!(all.iter().all(|status| [200, 429].contains(status)));
    std::fs::write(
        env::var("WARDEN_TEST_ANSWER").unwrap(),
        format!("{} {}", admitted(&fixed), admitted(&all)),
    )
    .unwrap();
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q10_four_processes_together_admit_the_quota() {
    if let Ok(url) = env::var(SERVER) {
        return child(&url).await;
    }
    let server = Server::start(&[]);
    let begun = Instant::now();
    let processes = [0, 1, 2, 3].map(|number| {
        let answer = server.folder().join(format!("answer{number}"));
        let process = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--include-ignored"])
            .env(SERVER, server.url())
            .env("WARDEN_TEST_ANSWER", &answer)
            .stdout(Stdio::null())
            .spawn();
        (process.unwrap(), answer)
    });
    let (mut fixed, mut refilled) = (0, 0);
    for (mut process, answer) in processes {
        assert!(process.wait().unwrap().success());
        let mut text = String::new();
        std::fs::File::open(answer).unwrap().read_to_string(&mut text).unwrap();
        let (of_fixed, of_refilled) = text.split_once(' ').unwrap();
        fixed += of_fixed.parse::<u64>().unwrap();
        refilled += of_refilled.parse::<u64>().unwrap();
    }
    assert_eq!(fixed, 100);
    let most = 50 + (200.0 * begun.elapsed().as_secs_f64()).ceil() as u64;
    assert!((50..=most).contains(&refilled), "{refilled} of {most}");
}
