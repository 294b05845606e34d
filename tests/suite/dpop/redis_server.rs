//! Used proofs in a real Redis server, which the tests start, kill, stop and fill.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::Commands;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::replay::{Novelty, RedisReplayStore, Remembered, ReplayStore, SpentProof};

use super::replay::{admitted_of_100, remembering};
use super::{World, seconds, send};

/// A server that listens on a socket of its own in the file system, and nowhere else. Ends with this value.
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
    settings: &'static [&'static str],
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(settings: &'static [&'static str]) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let socket = format!("warden-redis-{}-{number}.sock", std::process::id());
        let socket = std::env::temp_dir().join(socket);
        let mut server = Self { child: Self::spawn(&socket, settings), socket, settings };
        server.wait();
        server
    }

    fn spawn(socket: &PathBuf, settings: &[&str]) -> Child {
        let _ = std::fs::remove_file(socket); // one that was killed leaves it behind
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(socket)
            .args(settings)
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed by tests/run")
    }

    fn wait(&mut self) {
        while self.connect().and_then(|mut it| redis::cmd("PING").query::<()>(&mut it)).is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "redis-server has ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    fn connect(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(self.url())?.get_connection()
    }

    fn store(&self) -> RedisReplayStore {
        RedisReplayStore::builder(self.url()).timeout(Duration::from_millis(200)).build().unwrap()
    }

    /// An instance of the service: a connection of its own.
    fn instance(&self, world: &World) -> AuthenticateLayer {
        remembering(world, self.store())
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.child = Self::spawn(&self.socket, self.settings);
        self.wait();
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// What a fresh proof comes to.
async fn fresh(world: &World, layer: &AuthenticateLayer) -> (u16, &'static str) {
    let token = world.token();
    let answer = send(layer, &token, &world.proof(&token).sign()).await;
    if answer.status == 503 {
        assert_eq!(answer.header("retry-after"), "5");
    }
    (answer.status, answer.reason())
}

/// Asks with fresh proofs until one is let in, as callers do; each is refused with 503 before.
async fn until_admitted(world: &World, layer: &AuthenticateLayer) {
    let recovered = async {
        while fresh(world, layer).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recovered).await.expect("recovers by itself");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_a_proof_used_at_one_instance_is_refused_at_the_other() {
    let (server, world) = (Server::start(), World::new());
    let [one, two] = [(); 2].map(|()| server.instance(&world));
    let token = world.token();
    let proof = world.proof(&token).sign();
    assert_eq!(send(&one, &token, &proof).await.status, 200);
    for layer in [&two, &one, &two] {
        let again = send(layer, &token, &proof).await;
        assert_eq!((again.status, again.reason()), (401, "dpop_replayed"));
    }
    let other = RedisReplayStore::builder(server.url()).prefix("other").build().unwrap();
    let other = remembering(&world, other);
    assert_eq!(send(&other, &token, &proof).await.status, 200, "another service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_of_100_uses_at_the_same_time_redis_admits_one() {
    let (server, world) = (Server::start(), World::new());
    let patient = RedisReplayStore::builder(server.url()).timeout(seconds(30)).build().unwrap();
    let scheme = world.builder().replay_store(patient).replay_timeout(seconds(60));
    let layer = AuthenticateLayer::new(scheme.build().unwrap());
    assert_eq!(admitted_of_100(&world, &layer).await, 1);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_while_redis_is_gone_proofs_are_refused_and_it_is_found_again() {
    let (mut server, world) = (Server::start(), World::new());
    let layer = server.instance(&world);
    assert_eq!(fresh(&world, &layer).await, (200, ""));
    // With requests under way: each is served or refused, and none let in unseen.
    let under_way = futures_util::future::join_all([(); 50].map(|()| fresh(&world, &layer)));
    let killed = async {
        tokio::task::yield_now().await;
        server.kill();
    };
    let (answers, ()) = tokio::join!(under_way, killed);
    assert!(answers.iter().all(|(status, _)| [200, 503].contains(status)), "{answers:?}");
    for _ in 0..5 {
        let (status, reason) = fresh(&world, &layer).await;
        assert_eq!(status, 503, "{reason}");
        assert!(["replay_store_unavailable", "replay_store_timeout"].contains(&reason), "{reason}");
    }
    server.restart();
    until_admitted(&world, &layer).await;
    // One that was made while it was gone starts without it too.
    server.kill();
    let late = server.instance(&world);
    assert_eq!(fresh(&world, &late).await.0, 503);
    server.restart();
    until_admitted(&world, &late).await;
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_a_redis_that_hangs_is_503_and_serves_again_when_it_goes_on() {
    let (server, world) = (Server::start(), World::new());
    let layer = server.instance(&world);
    assert_eq!(fresh(&world, &layer).await, (200, ""));
    server.signal("-STOP");
    let answers = futures_util::future::join_all([(); 3].map(|()| fresh(&world, &layer))).await;
    server.signal("-CONT");
    assert!(answers.iter().all(|(status, _)| *status == 503), "{answers:?}");
    until_admitted(&world, &layer).await;
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_a_redis_without_room_refuses_proofs() {
    let world = World::new();
    let full = Server::start_with(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    assert_eq!(fresh(&world, &full.instance(&world)).await, (503, "replay_store_unavailable"));
}

async fn remember(store: &RedisReplayStore, proof: &SpentProof) -> Novelty {
    match store.remember(proof) {
        Remembered::Ready(answer) => answer.unwrap(),
        Remembered::Pending(answer) => answer.await.unwrap(),
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_redis_forgets_what_has_expired_and_gives_each_key_its_share() {
    let server = Server::start();
    let store =
        RedisReplayStore::builder(server.url()).quota(3).timeout(seconds(5)).build().unwrap();
    let spent = |key, id: &str, keep| SpentProof::new(&[key; 32], id, Duration::from_millis(keep));
    assert_eq!(remember(&store, &spent(1, "a", 50)).await, Novelty::New);
    while remember(&store, &spent(1, "a", 60_000)).await == Novelty::Replayed {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(remember(&store, &spent(1, "a", 60_000)).await, Novelty::Replayed);
    assert_eq!(remember(&store, &spent(1, "b", 60_000)).await, Novelty::New);
    assert_eq!(remember(&store, &spent(1, "c", 60_000)).await, Novelty::QuotaSpent);
    assert_eq!(remember(&store, &spent(1, "a", 60_000)).await, Novelty::Replayed, "still known");
    assert_eq!(remember(&store, &spent(2, "c", 60_000)).await, Novelty::New);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p16_redis_holds_hashes_that_expire_and_nothing_of_the_proof() {
    let (server, world) = (Server::start(), World::new());
    let layer = server.instance(&world);
    let token = world.token();
    let proof = world.proof(&token).claim("jti", "hunter2").sign();
    assert_eq!(send(&layer, &token, &proof).await.status, 200);
    let mut connection = server.connect().unwrap();
    let keys: Vec<String> = connection.keys("*").unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in &keys {
        assert!(key.starts_with("tower-warden:dpop:{"), "{key}");
        assert!(!key.contains("hunter2") && !key.contains(&world.key.thumbprint()[..22]), "{key}");
        let left: i64 = connection.pttl(key).unwrap();
        assert!((50_000..=66_000).contains(&left), "{key} {left}");
    }
}

#[test]
fn p16_a_store_without_a_server_to_ask_is_refused_and_no_password_is_printed() {
    let build = RedisReplayStore::builder;
    for wrong in ["", "localhost", "http://127.0.0.1/", "rediss://127.0.0.1/"] {
        assert!(build(wrong).build().is_err(), "{wrong}");
    }
    let good = || build("redis://:hunter2@127.0.0.1:6379/");
    assert!(good().quota(0).build().is_err());
    assert!(good().timeout(Duration::ZERO).build().is_err());
    assert!(!format!("{:?} {:?}", good(), good().build().unwrap()).contains("hunter2"));
}
