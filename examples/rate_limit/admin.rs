//! What an operator sees of the limits, and changes.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tower_warden::frameworks::axum::Routes;
use tower_warden::frameworks::axum::methods::{get, put};
use tower_warden::rate_limit::{LimitKey, Quota};
use tower_warden::warden::Warden;

pub(crate) fn routes(warden: &Warden) -> Routes {
    Routes::new()
        .route("/admin/peek/{policy}/{subject}", get(peek))
        .route("/admin/top/{policy}", get(top))
        .route("/admin/usage", get(usage))
        .route("/admin/quota/{policy}/{plan}/{per_day}", put(set_quota))
        .with_state(warden.clone())
}

/// Where a caller stands. Charges nothing.
async fn peek(
    State(warden): State<Warden>,
    Path((policy, subject)): Path<(String, String)>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let limiter = warden.limiter(&policy).ok_or((StatusCode::NOT_FOUND, String::new()))?;
    let standing = limiter.peek(&LimitKey::principal("api-key", &subject)).await;
    let standing = standing.map_err(|error| (StatusCode::CONFLICT, error.to_string()))?;
    Ok(Json(json!({
        "remaining": standing.remaining,
        "limit": standing.limit,
        "retry_after_seconds": standing.retry_after.as_secs(),
    })))
}

/// Who asks most.
async fn top(
    State(warden): State<Warden>,
    Path(policy): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let limiter = warden.limiter(&policy).ok_or(StatusCode::NOT_FOUND)?;
    let top = limiter.top_consumers(10).into_iter();
    Ok(Json(top.map(|one| json!({ "who": one.key(), "tokens": one.tokens() })).collect()))
}

/// How much each limit was used: the numbers for a scrape.
async fn usage(State(warden): State<Warden>) -> Json<Value> {
    let each = warden.limiters().map(|limiter| {
        let usage = limiter.usage();
        let would_refuse = warden.shadow_refusals(limiter.policy());
        let numbers = json!({
            "charged": usage.charged, "refused": usage.refused, "would_refuse": would_refuse,
        });
        (limiter.policy().to_owned(), numbers)
    });
    Json(Value::Object(each.collect()))
}

/// Sets what a plan may use in a day, from the next request on; `free` is whoever has no plan.
async fn set_quota(
    State(warden): State<Warden>,
    Path((policy, plan, per_day)): Path<(String, String, u64)>,
) -> Result<StatusCode, (StatusCode, String)> {
    let limiter = warden.limiter(&policy).ok_or((StatusCode::NOT_FOUND, String::new()))?;
    let quota = Quota::per_day(per_day);
    let set = match &*plan {
        "free" => limiter.set_quota(quota),
        plan => limiter.set_plan(plan, quota),
    };
    // All of its problems; the quota before stays in force.
    set.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}
