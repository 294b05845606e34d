//! The calls of the tour, over a real socket with a tonic client.

use std::error::Error;
use std::fmt::Debug;
use std::net::SocketAddr;

use futures_util::TryStreamExt;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::app::Demo;
use crate::orders_v1::health_client::HealthClient;
use crate::orders_v1::orders_client::OrdersClient;
use crate::orders_v1::{
    CreateRequest, DebugRequest, DeleteRequest, GetRequest, HealthRequest, ListRequest, Order,
    UpdateRequest,
};
use crate::shared_tour::{Log, Stop};

const OK: &str = "0 Ok";
const NOT_FOUND: &str = "5 NotFound";
const PERMISSION_DENIED: &str = "7 PermissionDenied";
const RESOURCE_EXHAUSTED: &str = "8 ResourceExhausted";
const INTERNAL: &str = "13 Internal";
const UNAUTHENTICATED: &str = "16 Unauthenticated";

/// No control refuses: the handler answers.
const HANDLER: (&str, &str) = ("", "");

/// Makes every call of the tour and notes what came back.
pub(crate) async fn run(
    demo: &Demo,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>, Box<dyn Error>> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let mut health = HealthClient::new(channel.clone());
    let mut orders = OrdersClient::new(channel);
    let notes = Notes { log: log.clone() };
    let (ada, eve) = (demo.token_of_ada(), demo.token_of_eve());
    let (none, expired, forged) = (String::new(), demo.expired_token(), Demo::forged_token());
    let no_credentials = ("rules", "no_credentials");

    let called = health.check(Request::new(HealthRequest {})).await;
    let mut stops = vec![notes.stop("Health/Check", called, OK, HANDLER)];
    for (title, token, id, status, answered_by) in [
        ("Orders/Get", &ada, 1, OK, HANDLER),
        ("Orders/Get  (not hers)", &ada, 2, NOT_FOUND, HANDLER),
        ("Orders/Get  (no token)", &none, 1, UNAUTHENTICATED, no_credentials),
        ("Orders/Get  (forged token)", &forged, 1, UNAUTHENTICATED, by_token("token_signature")),
    ] {
        let called = orders.get(with(token, GetRequest { id })?).await;
        stops.push(notes.stop(title, called, status, answered_by));
    }
    for (title, token, status, answered_by) in [
        ("Orders/List  (a stream)", &ada, OK, HANDLER),
        ("Orders/List  (no token)", &none, UNAUTHENTICATED, no_credentials),
        ("Orders/List  (expired token)", &expired, UNAUTHENTICATED, by_token("token_expired")),
    ] {
        let called = list(&mut orders, token).await?;
        stops.push(notes.stop(title, called, status, answered_by));
    }
    let draft = CreateRequest { item: "a thimble".to_owned() };
    let called = orders.create(with(&ada, draft.clone())?).await;
    stops.push(notes.stop("Orders/Create", called, OK, HANDLER));
    let called = orders.create(with(&eve, draft)?).await;
    let refused = ("rules", "scope_missing");
    stops.push(notes.stop("Orders/Create  (wrong scope)", called, PERMISSION_DENIED, refused));
    let called = orders.debug(with(&ada, DebugRequest {})?).await;
    let refused = ("rules", "route_not_declared");
    stops.push(notes.stop("Orders/Debug  (unlisted)", called, PERMISSION_DENIED, refused));
    let called = orders.update(with(&ada, UpdateRequest::default())?).await;
    let failed = ("sanitize", "handler_failed");
    stops.push(notes.stop("Orders/Update  (fails)", called, INTERNAL, failed));
    let called = orders.delete(with(&ada, DeleteRequest::default())?).await;
    let panicked = ("sanitize", "handler_panicked");
    stops.push(notes.stop("Orders/Delete  (panics)", called, INTERNAL, panicked));
    stops.push(too_often(&mut orders, &eve, &notes).await?);
    Ok(stops)
}

const fn by_token(reason: &'static str) -> (&'static str, &'static str) {
    ("authentication", reason)
}

/// Lists orders until the stream ends, or fails.
async fn list(
    orders: &mut OrdersClient<Channel>,
    token: &str,
) -> Result<Result<Response<Vec<Order>>, Status>, Box<dyn Error>> {
    let (metadata, stream, extensions) = match orders.list(with(token, ListRequest {})?).await {
        Ok(response) => response.into_parts(),
        Err(status) => return Ok(Err(status)),
    };
    let messages = stream.try_collect().await;
    Ok(messages.map(|messages| Response::from_parts(metadata, messages, extensions)))
}

/// Calls until the quota of 20 calls is spent, and once more.
async fn too_often(
    orders: &mut OrdersClient<Channel>,
    token: &str,
    notes: &Notes,
) -> Result<Stop, Box<dyn Error>> {
    for _ in 0..20 {
        let _ = list(orders, token).await?;
    }
    let called = list(orders, token).await?;
    let retry_after =
        called.as_ref().err().and_then(|status| text(status.metadata(), "retry-after"));
    let spent = ("rate_limit", "principal_quota_exceeded");
    let mut stop = notes.stop("Orders/List  (too often)", called, RESOURCE_EXHAUSTED, spent);
    // Without it a caller could only guess when to come back.
    match retry_after {
        Some(seconds) => stop.saw = format!("{} (retry-after: {seconds})", stop.saw),
        None => stop.status = format!("{} without retry-after", stop.status),
    }
    Ok(stop)
}

/// A call with a token, unless that is empty.
fn with<M>(token: &str, message: M) -> Result<Request<M>, Box<dyn Error>> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    }
    Ok(request)
}

fn text(metadata: &MetadataMap, name: &str) -> Option<String> {
    Some(metadata.get(name)?.to_str().ok()?.to_owned())
}

struct Notes {
    log: Log,
}

impl Notes {
    fn stop<M: Debug>(
        &self,
        title: &'static str,
        called: Result<Response<M>, Status>,
        expected_status: &'static str,
        expected_log: (&'static str, &'static str),
    ) -> Stop {
        let (code, metadata, saw) = match called {
            Ok(response) => {
                let saw = format!("{:?}", response.get_ref()).chars().take(46).collect();
                (Code::Ok, response.metadata().clone(), saw)
            }
            Err(status) => (status.code(), status.metadata().clone(), status.message().to_owned()),
        };
        let id = text(&metadata, "x-request-id").unwrap_or_default();
        Stop {
            request: title,
            status: format!("{} {code:?}", i32::from(code)),
            expected_status,
            saw,
            log: self.log.entry(&id),
            expected_log,
        }
    }
}
