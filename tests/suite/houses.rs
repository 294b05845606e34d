//! The examples `orders_api` and `orders_grpc` as processes of their own, asked over the network as strangers would.

mod calls;
mod description;
mod fields;
mod foreign_tools;
mod limits;
mod matrix;
mod order_book;
mod own_issuer;
mod remote_issuer;
mod routes;
mod settings;
mod tours;

#[path = "../../examples/orders_api/properties.rs"]
mod api_properties;
#[path = "../../examples/orders_api/rules.rs"]
mod api_rules;
#[path = "../../examples/shared/orders/book/mod.rs"]
mod orders;

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::support::Answer;

/// Who knocks, in the order of the columns of the tables.
const ACTORS: [&str; 6] = ["ada", "bob", "gil", "admin", "api_key", "nobody"];

/// A running example. Its process ends with this value.
struct House {
    child: Child,
    /// The first line on standard output.
    line: Value,
    stderr: PathBuf,
    client: Client<HttpConnector, BoxBody<Bytes, Infallible>>,
}

impl House {
    fn start(example: &str) -> Self {
        Self::start_with(example, &[])
    }

    /// Starts an example with these settings and waits for its first line.
    fn start_with(example: &str, settings: &[(&str, &str)]) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let stderr = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{example}-{}-{number}.stderr", std::process::id()));
        let mut child = command(example, settings)
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Made before the line is read as JSON, so that the process ends also when that fails.
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut house = Self { child, line: Value::Null, stderr, client };
        house.line = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in {line:?}\n{}", house.stderr()));
        house
    }

    fn address(&self) -> &str {
        self.line["address"].as_str().unwrap()
    }

    fn api_key(&self) -> &str {
        self.line["api_key"].as_str().unwrap()
    }

    /// The header field that an actor identifies itself with.
    fn credential(&self, actor: &str) -> Option<(&'static str, String)> {
        match actor {
            "nobody" => None,
            "api_key" => Some(("x-api-key", self.api_key().to_owned())),
            user => {
                let token = self.line["tokens"][user].as_str().unwrap();
                Some(("authorization", format!("Bearer {token}")))
            }
        }
    }

    /// What an actor is answered over HTTP; a body is sent as JSON.
    async fn ask(&self, actor: &str, method: &str, path: &str, body: &'static str) -> Answer {
        let mut request = self.request(method, path);
        if let Some((name, value)) = self.credential(actor) {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.send(request.body(Full::from(body)).unwrap()).await
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.address()))
    }

    async fn send<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static,
    {
        Answer::read(self.client.request(request.map(BodyExt::boxed)).await.unwrap()).await
    }

    /// What the process wrote on standard error so far.
    fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end and still something to collect.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.stderr);
    }
}

/// An example on its way to be started, with these settings and no others.
fn command(example: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(EXAMPLES.join(example));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ORDERS_") {
            command.env_remove(name);
        }
    }
    command.envs(settings.iter().copied()).stdin(Stdio::null());
    command
}

/// Where the built examples are: beside the directory of this test binary.
///
/// `cargo test --test suite` does not build examples, and old ones would make these tests tell lies, so cargo is asked
/// to build what is not up to date; that takes a moment where all is.
static EXAMPLES: LazyLock<PathBuf> = LazyLock::new(|| {
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    // Only cargo says where cargo is; without it, what was built is what there is.
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.current_dir(env!("CARGO_MANIFEST_DIR")).args([
            "build",
            "--quiet",
            "--all-features",
            "--examples",
        ]);
        build.arg("--target-dir").arg(profile.parent().unwrap());
        match profile.file_name().and_then(|name| name.to_str()).unwrap() {
            "debug" => {}
            other => {
                build.args(["--profile", other]);
            }
        }
        let built = build.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }
    profile.join("examples")
});
