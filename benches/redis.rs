//! What a decision costs that a Redis server makes, beside a bare call to it. Needs `redis-server`; starts one of its own.
//!
//!     cargo bench --all-features --bench redis
#![expect(clippy::print_stdout, reason = "tables go there")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, request};
use redis::AsyncCommands;
use tower_warden::client_address::ClientAddress;
use tower_warden::gate::{Gate, Verdict};
use tower_warden::rate_limit::{
    Key, Lease, Limit, Quota, RateLimitBuilder, RateLimitLayer, RedisStore,
};

const CALLS: usize = 20_000;
const AT_ONCE: usize = 64;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = Server::start();
    println!(
        "| call | median | 99th percentile | a second, {AT_ONCE} at once | round trips a request |"
    );
    println!("|---|--:|--:|--:|--:|");
    let client = redis::Client::open(server.url.clone()).expect("our own address");
    let bare = client.get_multiplexed_async_connection().await.expect("our own server");
    row(&server, "bare GET of one key", move || {
        let mut bare = bare.clone();
        async move { drop(bare.get::<_, Option<String>>("absent").await.expect("our own server")) }
    })
    .await;
    let lease = Some(Lease::new(100));
    for (name, limits, lease) in [
        ("one limit", 1, None),
        ("three limits", 3, None),
        ("eight limits", 8, None),
        ("one limit, leases of 100", 1, lease),
        ("three limits, leases of 100", 3, lease),
    ] {
        let layer = Arc::new(limited(&server, limits, lease));
        row(&server, name, move || asked(Arc::clone(&layer))).await;
    }
}

/// As many limits of one key, in the server.
fn limited(server: &Server, limits: usize, lease: Option<Lease>) -> RateLimitLayer {
    let store = RedisStore::builder(&server.url);
    let store = match lease {
        Some(lease) => store.lease(lease),
        None => store,
    };
    let store = store.build().expect("our own address");
    let quota = Quota::per_second(1_000_000).burst(100_000_000);
    let limit = |number: usize| Limit::new(format!("limit {number}"), Key::address(), quota);
    let builder = (0..limits).map(limit).fold(RateLimitLayer::builder(), RateLimitBuilder::limit);
    builder.store(store).build().expect("sound limits")
}

async fn asked(layer: Arc<RateLimitLayer>) {
    let mut head = head();
    let admitted = match layer.admit(&mut head) {
        Verdict::Ready(outcome) => outcome.is_ok(),
        Verdict::Pending(verdict) => verdict.await.is_ok(),
    };
    assert!(admitted, "the quota is plenty");
}

fn head() -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.extensions.insert(ClientAddress::new([192, 0, 2, 1].into()));
    head
}

async fn row<F>(server: &Server, name: &str, call: impl Fn() -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    for _ in 0..1_000 {
        call().await;
    }
    let before = server.trips().await;
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let started = Instant::now();
        call().await;
        times.push(started.elapsed());
    }
    // Those of asking for the number are lost in the rounding.
    let trips = (server.trips().await - before) as f64 / CALLS as f64;
    times.sort_unstable();
    let started = Instant::now();
    let tasks = (0..AT_ONCE).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            for _ in 0..CALLS / AT_ONCE {
                call().await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no call fails");
    }
    let rate = CALLS as f64 / started.elapsed().as_secs_f64();
    let at = |share: f64| times[(CALLS as f64 * share) as usize];
    println!("| {name} | {:?} | {:?} | {rate:.0} | {trips:.3} |", at(0.5), at(0.99));
}

/// A server on a port of its own, which ends with this value.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("it is bound").port()
        };
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arg(port.to_string())
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, url: format!("redis://127.0.0.1:{port}/") }
    }

    /// How many times the server has read from a connection: one a round trip, for one caller that waits for its answer.
    async fn trips(&self) -> u64 {
        let client = redis::Client::open(self.url.clone()).expect("our own address");
        let mut connection =
            client.get_multiplexed_async_connection().await.expect("our own server");
        let stats: String =
            redis::cmd("INFO").arg("stats").query_async(&mut connection).await.expect("INFO");
        let line = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        line.and_then(|reads| reads.trim().parse().ok()).expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
