//! A real OpenID provider (`tests/oidc-provider`) for tests to ask for tokens, and to make trouble with: it changes its
//! keys, fails and stalls on demand, and counts what it was asked.
//!
//! `tests/run` installs it. The tests that need it are marked so, and plain `cargo test` leaves them out by name.

mod access_tokens;
mod bound;
mod calls;
mod login;
mod opaque;
mod rotation;
mod served;
mod tokens;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::support::Answer;

/// A resource whose access tokens are JWTs, signed with RS256. `:es256`, `:ps256` or `:eddsa` behind it changes the
/// algorithm, `:short` lets tokens live for 2 s, `:opaque:alias` makes them opaque.
pub(crate) const RESOURCE: &str = "urn:api:orders";

/// A resource whose access tokens are opaque.
const OPAQUE: &str = "urn:api:orders:opaque";

/// Clients that the provider knows; all have the same secret.
const MACHINE: &str = "machine";
const DPOP_MACHINE: &str = "machine-dpop";
pub(crate) const RESOURCE_SERVER: &str = "resource-server";
pub(crate) const SECRET: &str = "a secret of the test alone";

/// A running provider. Its process ends with this value, or with the test's process if that ends first.
pub(crate) struct Provider {
    child: Child,
    issuer: String,
    control: String,
    stderr: PathBuf,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Provider {
    /// Starts the provider and waits until it listens.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings: `OIDC_CALLBACK` is where users are sent back to, `OIDC_BACKCHANNEL_LOGOUT` where the provider
    /// tells that somebody logged out.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let stderr = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("oidc-provider-{}-{number}.stderr", std::process::id()));
        let mut child = Command::new(node())
            .arg("main.mjs")
            .envs(settings.iter().copied())
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc-provider"))
            .stdin(Stdio::piped()) // it ends when nobody holds the other end
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .expect("node and the packages are installed by tests/run");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (issuer, control) = (String::new(), String::new());
        let mut provider = Self { child, issuer, control, stderr, client };
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let stderr = fs::read_to_string(&provider.stderr).unwrap_or_default();
            panic!("{error} in {line:?}; are its packages there (tests/run)?\n{stderr}")
        });
        provider.issuer = ready["issuer"].as_str().unwrap().to_owned();
        provider.control = ready["control"].as_str().unwrap().to_owned();
        provider
    }

    /// Its name, which is where it listens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where tokens come from; what a DPoP proof for it has to name.
    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/token", self.issuer)
    }

    /// Its metadata (OpenID Connect Discovery 4).
    pub(crate) async fn metadata(&self) -> Value {
        self.get("/.well-known/openid-configuration").await.json()
    }

    /// The text of its key set (RFC 7517 5).
    pub(crate) async fn jwks(&self) -> String {
        self.get("/jwks").await.text().to_owned()
    }

    /// An access token in JWT form for that resource, for a client that speaks for itself.
    pub(crate) async fn jwt_token(&self, resource: &str) -> String {
        self.machine_token(MACHINE, resource, None).await
    }

    /// An access token that only the provider can tell anything about.
    pub(crate) async fn opaque_token(&self) -> String {
        self.machine_token(MACHINE, OPAQUE, None).await
    }

    /// An access token in JWT form for [`RESOURCE`] that is bound to the key of the proof (RFC 9449 5).
    pub(crate) async fn dpop_token(&self, proof: &str) -> String {
        self.machine_token(DPOP_MACHINE, RESOURCE, Some(proof)).await
    }

    async fn machine_token(&self, client: &str, resource: &str, proof: Option<&str>) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("resource", resource),
            ("scope", "orders:read"),
        ];
        let mut request = self.form("/token", client, &form);
        if let Some(proof) = proof {
            request.headers_mut().insert("dpop", proof.parse().unwrap());
        }
        let answer = self.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// What the provider tells the resource server about a token (RFC 7662).
    pub(crate) async fn introspect(&self, token: &str) -> Answer {
        let request = self.form("/token/introspection", RESOURCE_SERVER, &[("token", token)]);
        self.send(request).await
    }

    /// Revokes a token of the client that speaks for itself (RFC 7009).
    pub(crate) async fn revoke(&self, token: &str) {
        let request = self.form("/token/revocation", MACHINE, &[("token", token)]);
        assert_eq!(self.send(request).await.status, 200);
    }

    /// Signs with new keys from now on; the old ones stay in the key set or go.
    pub(crate) async fn rotate(&self, keep: bool) {
        self.control("POST", &format!("/rotate?keep={}", u8::from(keep)), "").await;
    }

    /// Lets the next `n` answers on a path be of this status, after that many milliseconds; status 0 is a delay alone.
    pub(crate) async fn fault(&self, path: &str, status: u16, ms: u64, n: u32) {
        let fault = format!("/fault?path={path}&status={status}&ms={ms}&n={n}");
        self.control("POST", &fault, "").await;
    }

    /// Lets the next `n` answers on a path be this status and this text, said to be JSON.
    pub(crate) async fn answer(&self, path: &str, status: u16, body: &'static str, n: u32) {
        self.control("POST", &format!("/fault?path={path}&status={status}&n={n}"), body).await;
    }

    /// How often a path was asked since the provider started.
    pub(crate) async fn asked(&self, path: &str) -> u64 {
        self.stats().await[path].as_u64().unwrap_or(0)
    }

    /// How often each path was asked since the provider started.
    pub(crate) async fn stats(&self) -> Value {
        self.control("GET", "/stats", "").await.json()
    }

    async fn control(&self, method: &str, path: &str, body: &'static str) -> Answer {
        let uri = format!("{}{path}", self.control);
        let request = Request::builder().method(method).uri(uri).body(Full::from(body)).unwrap();
        let answer = self.send(request).await;
        assert_eq!(answer.status, 200, "{path}");
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        let uri = format!("{}{path}", self.issuer);
        self.send(Request::builder().uri(uri).body(Full::default()).unwrap()).await
    }

    /// A form from a client that proves itself with its secret (RFC 6749 2.3.1).
    fn form(&self, path: &str, client: &str, fields: &[(&str, &str)]) -> Request<Full<Bytes>> {
        let credentials = format!("{}:{}", encoded(client), encoded(SECRET));
        Request::post(format!("{}{path}", self.issuer))
            .header("authorization", format!("Basic {}", STANDARD.encode(credentials)))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(query(fields).into())
            .unwrap()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        Answer::read(self.exchange(request).await).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Response<hyper::body::Incoming> {
        self.client.request(request).await.unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.stderr);
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn query(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Where `tests/run` puts it, if what is on the path is too old or not there.
fn node() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/node/node_modules/.bin/node");
    if own.is_file() { own } else { "node".into() }
}
