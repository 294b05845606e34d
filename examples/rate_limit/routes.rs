use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::StatusCode;
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use tower_warden::frameworks::axum::Routes;
use tower_warden::frameworks::axum::methods::{get, post};
use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
use tower_warden::rate_limit::concurrency::ConcurrencyLimitLayer;
use tower_warden::rate_limit::flow::FlowLayer;
use tower_warden::warden::Warden;

use crate::admin;

/// The routes; limits that are about a handler's answer, or its order, are layers around it.
pub(crate) fn routes(
    warden: &Warden,
    feeds: &ConcurrencyLimitLayer,
    downloads: &BandwidthLimitLayer,
    checkout: &FlowLayer,
) -> Routes {
    let done = async || "done\n";
    let steps = Routes::new()
        .route("/checkout/cart", post(done))
        .route("/checkout/address", post(done))
        .route("/checkout/pay", post(done))
        .route_layer(checkout.clone());
    Routes::new()
        .route("/login", post(log_in))
        .route("/quotes", get(async || "a quote\n"))
        .route("/export", get(async || "every quote\n"))
        .route("/search", get(async || "found\n"))
        .route("/feed", get(feed).layer(feeds.clone()))
        .route("/download", get(async || vec![b'x'; 15_000]).layer(downloads.clone()))
        .merge(steps)
        .merge(admin::routes(warden))
}

async fn log_in(password: String) -> (StatusCode, &'static str) {
    if password == "correct horse" {
        (StatusCode::OK, "welcome\n")
    } else {
        (StatusCode::UNAUTHORIZED, "no\n")
    }
}

#[derive(Deserialize)]
struct Feed {
    lines: Option<usize>,
}

/// A line every now and then, and no end unless asked for one.
async fn feed(Query(Feed { lines }): Query<Feed>) -> Body {
    let lines = stream::iter(0..lines.unwrap_or(usize::MAX)).then(async |line| {
        if line > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, Infallible>(Bytes::from(format!("line {line}\n")))
    });
    Body::from_stream(lines.boxed())
}
