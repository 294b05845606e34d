//! The requests of the tour, over a real socket, in the order in which a client of the protocol sends them.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::app::Demo;
use crate::shared_tour::{Log, Stop};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"whoami"}}"#;

/// What the first 401 has to lead to.
const METADATA_URL: &str = "https://tools.example/.well-known/oauth-protected-resource/mcp";

pub(crate) async fn run(
    demo: &Demo,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>, Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut tour = Tour { client, address, log, stops: Vec::new() };
    let path = demo.metadata_path().to_owned();
    let (good, bare) = (demo.token(), demo.token_without_scope());
    let (foreign, handler) = (demo.token_for_another_server(), ("", ""));
    let with = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    let leads_on = format!("resource_metadata=\"{METADATA_URL}\"");
    let unauthenticated = ("rules", "no_credentials");
    let wrong_audience = ("authentication", "token_audience");

    tour.post("initialize  (no token)", INITIALIZE, vec![], "401", &leads_on, unauthenticated)
        .await?;
    tour.get(
        "GET metadata",
        &path,
        vec![],
        "200",
        "\"authorization_servers\":[\"https://issuer.example\"]",
        handler,
    )
    .await?;
    tour.post("initialize  (token)", INITIALIZE, with(&good), "200", "protocolVersion", handler)
        .await?;
    tour.post("initialized", INITIALIZED, with(&good), "202", "", handler).await?;
    tour.post("tools/list", LIST, with(&good), "200", "whoami", handler).await?;
    tour.post("tools/call", CALL, with(&good), "200", "ada of https://issuer.example", handler)
        .await?;
    tour.post(
        "tools/call  (other server's)",
        CALL,
        with(&foreign),
        "401",
        &leads_on,
        wrong_audience,
    )
    .await?;
    let scope = ("rules", "scope_missing");
    tour.post("tools/call  (no scope)", CALL, with(&bare), "403", "scope=\"tools:call\"", scope)
        .await?;
    let origin = [with(&good), vec![("origin", "https://evil.example".to_owned())]].concat();
    tour.post(
        "tools/call  (a page)",
        CALL,
        origin,
        "403",
        "not allowed",
        ("rules", "policy_denied"),
    )
    .await?;
    tour.get("GET /mcp  (no stream here)", "/mcp", with(&good), "405", "", handler).await?;
    tour.get("GET /mcp  (no token)", "/mcp", vec![], "401", &leads_on, unauthenticated).await?;
    let undeclared = ("rules", "route_not_declared");
    tour.get("GET /debug", "/debug", with(&good), "403", "not allowed", undeclared).await?;
    Ok(tour.stops)
}

struct Tour<'t> {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    log: &'t Log,
    stops: Vec<Stop>,
}

type Headers = Vec<(&'static str, String)>;

impl Tour<'_> {
    async fn post(
        &mut self,
        title: &'static str,
        message: &'static str,
        headers: Headers,
        expected_status: &'static str,
        expected_text: &str,
        expected_log: (&'static str, &'static str),
    ) -> Result<(), Box<dyn Error>> {
        let mut request = Request::post(format!("http://{}/mcp", self.address))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(message))?;
        self.send(title, request, expected_status, expected_text, expected_log).await
    }

    async fn get(
        &mut self,
        title: &'static str,
        path: &str,
        headers: Headers,
        expected_status: &'static str,
        expected_text: &str,
        expected_log: (&'static str, &'static str),
    ) -> Result<(), Box<dyn Error>> {
        let mut request = Request::get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::default())?;
        self.send(title, request, expected_status, expected_text, expected_log).await
    }

    /// The text has to be in the body or in the challenge.
    async fn send(
        &mut self,
        title: &'static str,
        request: Request<Full<Bytes>>,
        expected_status: &'static str,
        expected_text: &str,
        expected_log: (&'static str, &'static str),
    ) -> Result<(), Box<dyn Error>> {
        let response = self.client.request(request).await?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (id, challenge) = (header("x-request-id"), header("www-authenticate"));
        let mut status = response.status().as_str().to_owned();
        let body = response.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body);
        if !body.contains(expected_text) && !challenge.contains(expected_text) {
            status.push_str(" without what it should say");
        }
        let told = if challenge.is_empty() { &*body } else { &challenge };
        let (saw, log) = (told.chars().take(46).collect(), self.log.entry(&id));
        let stop = Stop { request: title, status, expected_status, saw, log, expected_log };
        self.stops.push(stop);
        Ok(())
    }
}
