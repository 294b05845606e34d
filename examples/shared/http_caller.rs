//! Sends the requests of a tour over a real socket, and notes what came back.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::shared_tour::{Log, Stop};

/// One request, and what must come of it.
#[derive(Default)]
pub(crate) struct Ask {
    /// Starts with method and path; what follows two spaces is for the reader.
    pub(crate) title: &'static str,
    /// Where the path is not in the title.
    pub(crate) path: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// A JSON document.
    pub(crate) body: Option<&'static str>,
    pub(crate) status: &'static str,
    /// What the body or the challenge has to contain.
    pub(crate) says: &'static str,
    /// What neither may contain.
    pub(crate) hides: &'static str,
    /// Header fields by name, each with what its value has to contain.
    pub(crate) fields: Vec<(&'static str, &'static str)>,
    /// The control and the reason in the log; two empty texts where the handler answers.
    pub(crate) log: (&'static str, &'static str),
}

pub(crate) struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    log: Log,
}

impl Caller {
    pub(crate) fn new(address: SocketAddr, log: &Log) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, address, log: log.clone() }
    }

    /// A request without a body, of which only the status is looked at.
    pub(crate) async fn ask(
        &self,
        title: &'static str,
        headers: &[(&'static str, String)],
        status: &'static str,
        log: (&'static str, &'static str),
    ) -> Result<Stop, Box<dyn Error>> {
        self.send(Ask { title, headers: headers.to_vec(), status, log, ..Ask::default() }).await
    }

    pub(crate) async fn send(&self, ask: Ask) -> Result<Stop, Box<dyn Error>> {
        let line = ask.title.split("  ").next().unwrap_or(ask.title);
        let (method, path) = line.split_once(' ').unwrap_or(("GET", line));
        let path = ask.path.as_deref().unwrap_or(path);
        let mut request =
            http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if ask.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = Full::from(ask.body.unwrap_or_default());
        let response = self.client.request(request.body(body)?).await?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (id, challenge) = (header("x-request-id"), header("www-authenticate"));
        let lines = |name: &str| {
            let values = response.headers().get_all(name).iter();
            values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(", ")
        };
        let fields: Vec<_> =
            ask.fields.iter().map(|(name, part)| (*name, lines(name), *part)).collect();
        let mut status = response.status().as_str().to_owned();
        let body = response.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body);
        let told = |text: &str| body.contains(text) || challenge.contains(text);
        if !told(ask.says) {
            status.push_str(" without what it should say");
        }
        if !ask.hides.is_empty() && told(ask.hides) {
            status.push_str(" with what it should hide");
        }
        if fields.iter().any(|(_, value, part)| !value.contains(part)) {
            status.push_str(" without the field it should have");
        }
        let in_challenge = !ask.says.is_empty() && challenge.contains(ask.says);
        let saw = match &*fields {
            [] if in_challenge => start_of(&challenge),
            [] => what_was_seen(&body),
            fields => format!("{}{}", who_refused(&body), in_fields(fields)),
        };
        Ok(Stop {
            request: ask.title,
            status,
            expected_status: ask.status,
            saw,
            log: self.log.entry(&id),
            expected_log: ask.log,
        })
    }
}

/// The limits that a refusal names.
fn who_refused(body: &str) -> String {
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let policies = problem["violated-policies"].as_array().into_iter().flatten();
    policies.filter_map(|policy| Some(format!("{}: ", policy.as_str()?))).collect()
}

/// The fields that were asked about: of a list, the member that was, if it is there.
fn in_fields(fields: &[(&str, String, &str)]) -> String {
    let seen = fields.iter().map(|(name, value, part)| {
        let member = value.split(", ").find(|member| member.contains(part));
        format!("{name}: {}", member.unwrap_or(value))
    });
    seen.collect::<Vec<_>>().join("; ")
}

/// The detail of a problem document, or the start of any other body.
fn what_was_seen(body: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let detail = problem
        .as_ref()
        .and_then(|problem| problem.get("detail"))
        .and_then(serde_json::Value::as_str);
    detail.map_or_else(|| start_of(body), str::to_owned)
}

fn start_of(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().take(46).collect()
}
