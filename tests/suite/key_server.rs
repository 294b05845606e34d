//! An issuer's server on a real socket, which does as it is told: counts, rotates, stalls, lies, breaks off.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_warden::testing::TestIssuer;

pub(crate) const METADATA: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/jwks";

/// What the server answers at one path.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    manner: Manner,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Whole,
    /// Nothing is answered, ever.
    Stalling,
    /// The connection is closed without a word.
    HangingUp,
    /// The head, and then as many bytes as the client takes.
    Endless,
    /// As `Endless`, of a length told before.
    Huge,
    /// One byte of the body now and then.
    Dripping,
    /// Half of the body.
    BreakingOff,
}

impl Reply {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "text and JSON values alike, made where this is called"
    )]
    pub(crate) fn json(body: impl ToString) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status: 200, headers, body: body.to_string(), manner: Manner::Whole }
    }

    /// A set of these keys.
    pub(crate) fn keys<'k>(keys: impl IntoIterator<Item = &'k TestIssuer>) -> Self {
        let keys: Vec<Value> = keys.into_iter().map(TestIssuer::public_jwk).collect();
        Self::json(json!({"keys": keys}))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::json("{}") }
    }

    pub(crate) fn manner(manner: Manner) -> Self {
        Self { manner, ..Self::json("{\"keys\":[]}") }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn sent(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

/// The server. Stops when it is dropped.
#[derive(Debug)]
pub(crate) struct KeyServer {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
    gate: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Told {
    replies: HashMap<String, Reply>,
    /// Heads of the requests that came, in order.
    requests: Vec<String>,
}

impl KeyServer {
    /// A server whose metadata name the key set at [`KEYS`], which is empty yet.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let (gate, open) = watch::channel(true);
        let task = tokio::spawn(serve(listener, Arc::clone(&told), open));
        let server = Self { address, told, gate, task };
        let metadata = json!({"issuer": server.issuer(), "jwks_uri": server.jwks_uri()});
        server.reply(METADATA, Reply::json(metadata));
        server.reply(KEYS, Reply::keys([]));
        server
    }

    /// The issuer's name.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn jwks_uri(&self) -> String {
        format!("http://{}{KEYS}", self.address)
    }

    /// A signer of this issuer, with a key of its own.
    pub(crate) fn signer(&self, key_id: &str) -> TestIssuer {
        TestIssuer::new(&self.issuer(), "https://api.example").with_key_id(key_id)
    }

    /// What to answer at `path` from now on.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.told().replies.insert(path.to_owned(), reply);
    }

    /// What to answer when asked for keys.
    pub(crate) fn publish<'k>(&self, keys: impl IntoIterator<Item = &'k TestIssuer>) {
        self.reply(KEYS, Reply::keys(keys));
    }

    /// Answers nobody until [`open`](Self::open); requests are counted all the same.
    pub(crate) fn hold(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    /// Heads of the requests for `path`.
    pub(crate) fn requests(&self, path: &str) -> Vec<String> {
        let start = format!("GET {path} ");
        self.told().requests.iter().filter(|it| it.starts_with(&start)).cloned().collect()
    }

    /// How often keys were asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.requests(KEYS).len()
    }

    /// Every path that was asked for, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.told().requests.iter().map(path).collect()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, told: Arc<Mutex<Told>>, open: watch::Receiver<bool>) {
    let mut connections = tokio::task::JoinSet::new(); // they end with the server
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (told, open) = (Arc::clone(&told), open.clone());
        connections.spawn(async move {
            let _the_client_may_go_away = answer(stream, told, open).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// One request, one answer, one connection.
async fn answer(
    mut stream: TcpStream,
    told: Arc<Mutex<Told>>,
    mut open: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if head[0] != b'G' {
            return Ok(()); // not HTTP
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut reply = {
        let mut told = told.lock().unwrap();
        told.requests.push(head.clone());
        told.replies.get(&path).cloned().unwrap_or_else(|| Reply::status(404))
    };
    open.wait_for(|open| *open).await.map_err(std::io::Error::other).map(drop)?;

    let etag = reply.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value);
    if etag.is_some_and(|etag| head.contains(&format!("if-none-match: {etag}\r\n"))) {
        reply.status = 304;
        reply.body.clear();
    }
    let mut start = format!("HTTP/1.1 {} Whatever\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        write!(start, "{name}: {value}\r\n").unwrap();
    }
    let length = if reply.manner == Manner::Huge { 10_485_760 } else { reply.body.len() };
    if reply.manner != Manner::Endless && reply.status != 304 {
        write!(start, "content-length: {length}\r\n").unwrap();
    }
    start.push_str("\r\n");

    let body = reply.body.as_bytes();
    match reply.manner {
        Manner::Stalling => std::future::pending().await,
        Manner::HangingUp => return Ok(()),
        _ => stream.write_all(start.as_bytes()).await?,
    }
    match reply.manner {
        Manner::Endless | Manner::Huge => loop {
            stream.write_all(&[b' '; 16_384]).await?;
        },
        Manner::Dripping => {
            for byte in body.iter().cycle() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Manner::BreakingOff => stream.write_all(&body[..body.len() / 2]).await?,
        _ => stream.write_all(body).await?,
    }
    stream.shutdown().await
}
