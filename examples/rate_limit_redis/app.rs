//! The service: every instance is made alike, and counts in the same Redis.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tower_warden::ConfigError;
use tower_warden::authz::{Rules, public};
use tower_warden::frameworks::axum::methods::{get, post};
use tower_warden::frameworks::axum::{GuardedRouter, Routes};
use tower_warden::rate_limit::{Lease, Limit, LimitKey, Quota, RedisStore, WhenUnavailable};
use tower_warden::warden::Warden;

/// How long a request waits for Redis.
pub(crate) const TIME_OUT: Duration = Duration::from_millis(200);

/// What instances agree on, but for the lease.
pub(crate) struct Settings {
    pub(crate) url: String,
    /// Services with the same one count together.
    pub(crate) prefix: String,
    /// Whether tokens are drawn ahead.
    pub(crate) lease: bool,
}

pub(crate) struct App {
    warden: Warden,
}

impl App {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let store = RedisStore::builder(&settings.url).prefix(&settings.prefix).timeout(TIME_OUT);
        let store = if settings.lease { store.lease(Lease::new(100)) } else { store };
        let warden = Warden::builder()
            .rules(
                Rules::builder()
                    .post("/login", public("how callers begin"))
                    .get("/quotes", public("for everybody, within limits"))
                    .get("/search", public("for everybody, within limits"))
                    .get("/hot", public("for everybody, within limits"))
                    .get("/left/{policy}", public("a demonstration shows it to all"))
                    .get("/counted/{what}", public("a demonstration shows it to all")),
            )
            // So many that the tour's own polling is never refused.
            .limit_by_address(Quota::per_minute(60_000))
            .limit(Limit::by_address("quotes", Quota::per_hour(6)).only_routes(["GET /quotes"]))
            // Without Redis this counts here, as every limit does unless told otherwise ..
            .limit(Limit::by_address("searches", Quota::per_hour(3)).only_routes(["GET /search"]))
            // .. and this does not: whoever guesses would wait for an outage.
            .limit(
                Limit::by_address("log-in", Quota::per_hour(3))
                    .only_routes(["POST /login"])
                    .charge_when(|answer| answer.status == 401)
                    .when_unavailable(WhenUnavailable::Refuse),
            )
            .rate_limit_store(store.build()?)
            .build()?;
        Ok(Self { warden })
    }

    pub(crate) fn service(&self) -> Result<GuardedRouter, ConfigError> {
        let routes = Routes::new()
            .route("/login", post(log_in))
            .route("/quotes", get(async || "a quote\n"))
            .route("/search", get(async || "found\n"))
            .route("/hot", get(async || "what everybody wants\n"))
            .route("/left/{policy}", get(left))
            .route("/counted/{what}", get(counted))
            .with_state(self.warden.clone());
        self.warden.guard_routes(routes)
    }

    pub(crate) const fn warden(&self) -> &Warden {
        &self.warden
    }
}

async fn log_in(password: String) -> (StatusCode, &'static str) {
    if password == "correct horse" {
        (StatusCode::OK, "welcome\n")
    } else {
        (StatusCode::UNAUTHORIZED, "no\n")
    }
}

/// What is left to this machine of a limit.
async fn left(
    State(warden): State<Warden>,
    Path(policy): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let limiter = warden.limiter(&policy).ok_or(StatusCode::NOT_FOUND)?;
    let local = LimitKey::address([127, 0, 0, 1].into());
    let standing = limiter.peek(&local).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(json!({ "left": standing.remaining })))
}

/// How often this instance asked Redis, or did something without it.
async fn counted(
    State(warden): State<Warden>,
    Path(what): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let counts = warden.store_counts().ok_or(StatusCode::NOT_FOUND)?;
    let number = match &*what {
        "trips" => counts.trips,
        "leased" => counts.leased,
        "counted_here" => counts.counted_here,
        "refused_unavailable" => counts.refused_unavailable,
        "outages" => counts.outages,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    Ok(Json(json!({ "number": number })))
}
