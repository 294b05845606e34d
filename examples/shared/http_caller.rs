//! Sends the requests of a tour over a real socket, and notes what came back.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::shared_tour::{Log, Stop};

pub(crate) struct Caller {
    client: Client<HttpConnector, Empty<Bytes>>,
    address: SocketAddr,
    log: Log,
}

impl Caller {
    pub(crate) fn new(address: SocketAddr, log: &Log) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, address, log: log.clone() }
    }

    /// `title` starts with method and path; what follows two spaces is for the reader.
    pub(crate) async fn ask(
        &self,
        title: &'static str,
        headers: &[(&'static str, String)],
        expected_status: &'static str,
        expected_log: (&'static str, &'static str),
    ) -> Result<Stop, Box<dyn Error>> {
        let line = title.split("  ").next().unwrap_or(title);
        let (method, path) = line.split_once(' ').unwrap_or(("GET", line));
        let mut request =
            http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = self.client.request(request.body(Empty::new())?).await?;
        let id = response
            .headers()
            .get("x-request-id")
            .map_or("", |value| value.to_str().unwrap_or_default())
            .to_owned();
        let status = response.status().as_str().to_owned();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Stop {
            request: title,
            status,
            expected_status,
            saw: what_was_seen(&body),
            log: self.log.entry(&id),
            expected_log,
        })
    }
}

/// The detail of a problem document, or the start of any other body.
fn what_was_seen(body: &[u8]) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let detail = problem
        .as_ref()
        .and_then(|problem| problem.get("detail"))
        .and_then(serde_json::Value::as_str);
    detail.map_or_else(|| String::from_utf8_lossy(body).chars().take(46).collect(), str::to_owned)
}
