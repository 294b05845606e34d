//! The requests of the tour, over a real socket.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::app::Demo;
use crate::shared_tour::{Log, Stop};

/// Sends every request of the tour and notes what came back.
pub(crate) async fn run(
    demo: &Demo,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>, Box<dyn Error>> {
    let caller = Caller {
        client: Client::builder(TokioExecutor::new()).build_http(),
        address,
        log: log.clone(),
    };
    let bearer = |token: String| ("authorization", format!("Bearer {token}"));
    let key = || ("x-api-key", demo.api_key().to_owned());
    let handler = ("", "");

    let mut stops = vec![
        caller.ask("GET /health", &[], "200", handler).await?,
        caller.ask("GET /orders", &[bearer(demo.token_of_ada())], "200", handler).await?,
        caller.ask("GET /orders  (API key)", &[key()], "200", handler).await?,
        caller.ask("POST /orders", &[bearer(demo.token_of_ada())], "201", handler).await?,
        caller
            .ask("GET /admin/stats  (admin)", &[bearer(demo.token_of_admin())], "200", handler)
            .await?,
        caller
            .ask("GET /orders/1  (own order)", &[bearer(demo.token_of_ada())], "200", handler)
            .await?,
        caller
            .ask("GET /orders/2  (not hers)", &[bearer(demo.token_of_ada())], "404", handler)
            .await?,
        caller.ask("GET /orders  (no token)", &[], "401", ("rules", "no_credentials")).await?,
        caller
            .ask(
                "GET /orders  (expired token)",
                &[bearer(demo.expired_token())],
                "401",
                ("authentication", "token_expired"),
            )
            .await?,
        caller
            .ask(
                "GET /admin/stats  (forged token)",
                &[bearer(Demo::forged_token())],
                "401",
                ("authentication", "token_signature"),
            )
            .await?,
        caller
            .ask(
                "GET /orders  (made-up key)",
                &[("x-api-key", "demo_nonsense".to_owned())],
                "401",
                ("authentication", "api_key_malformed"),
            )
            .await?,
        caller
            .ask(
                "GET /orders  (token and key)",
                &[bearer(demo.token_of_ada()), key()],
                "400",
                ("authentication", "several_credentials"),
            )
            .await?,
        caller
            .ask(
                "POST /orders  (wrong scope)",
                &[bearer(demo.token_of_eve())],
                "403",
                ("rules", "scope_missing"),
            )
            .await?,
        caller
            .ask(
                "GET /admin/stats  (no admin)",
                &[bearer(demo.token_of_ada())],
                "403",
                ("rules", "role_missing"),
            )
            .await?,
        caller
            .ask(
                "GET /debug  (unlisted)",
                &[bearer(demo.token_of_admin())],
                "403",
                ("rules", "route_not_declared"),
            )
            .await?,
        caller
            .ask(
                "GET /orders/%2e%2e/debug",
                &[bearer(demo.token_of_ada())],
                "400",
                ("rules", "ambiguous_path"),
            )
            .await?,
        caller
            .ask(
                "GET /crash  (panics)",
                &[bearer(demo.token_of_ada())],
                "500",
                ("sanitize", "handler_panicked"),
            )
            .await?,
    ];
    for _ in 0..20 {
        caller.ask("GET /orders", &[bearer(demo.token_of_eve())], "200", handler).await?;
    }
    let spent = ("rate_limit", "principal_quota_exceeded");
    stops.push(
        caller
            .ask("GET /orders  (too often)", &[bearer(demo.token_of_eve())], "429", spent)
            .await?,
    );
    Ok(stops)
}

struct Caller {
    client: Client<HttpConnector, Empty<Bytes>>,
    address: SocketAddr,
    log: Log,
}

impl Caller {
    /// `title` starts with method and path; what follows two spaces is for the reader.
    async fn ask(
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
