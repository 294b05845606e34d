//! Every limit of the service.

use std::time::Duration;

use tower_warden::ConfigError;
use tower_warden::clock::Clock;
use tower_warden::rate_limit::bandwidth::BandwidthLimitLayer;
use tower_warden::rate_limit::concurrency::ConcurrencyLimitLayer;
use tower_warden::rate_limit::flow::{Flow, FlowLayer};
use tower_warden::rate_limit::{Key, Limit, Quota};

/// The limits that the `Warden` checks, beside those that it has by itself.
pub(crate) fn of_requests() -> [Limit; 4] {
    let quotes = ["GET /quotes", "GET /export"];
    [
        // A rate and a long window: a request is charged to both of them or to none.
        Limit::by_principal("burst", Quota::per_minute(6).burst(3))
            .plan("pro", Quota::per_minute(60).burst(30))
            .only_routes(quotes)
            .cost_of_route("GET /export", 3)
            .exempt_principals(|principal| principal.has_role("operator"))
            .track_consumers(100),
        Limit::by_principal("daily", Quota::per_day(5))
            .plan("pro", Quota::per_day(1_000))
            .only_routes(quotes)
            .exempt_principals(|principal| principal.has_role("operator")),
        // The handler checks the password. What it finds good costs nothing.
        Limit::by_address("log-in", Quota::per_hour(3))
            .only_routes(["POST /login"])
            .charge_when(|answer| answer.status == 401),
        // Not in force yet: it tells whom it would refuse.
        Limit::by_principal("searches", Quota::per_minute(2)).only_routes(["GET /search"]).shadow(),
    ]
}

/// One feed a caller at a time; a place is held until the stream has ended.
pub(crate) fn of_feeds() -> Result<ConcurrencyLimitLayer, ConfigError> {
    ConcurrencyLimitLayer::by_principal("feeds", 1).build()
}

/// Bytes of downloads.
pub(crate) fn of_downloads(clock: impl Clock) -> Result<BandwidthLimitLayer, ConfigError> {
    BandwidthLimitLayer::by_principal("downloads", Quota::per_hour(10_000)).clock(clock).build()
}

/// A script buys everything within a second; people read.
pub(crate) fn of_checkout(clock: impl Clock) -> Result<FlowLayer, ConfigError> {
    Flow::new("checkout", Key::principal())
        .step("cart", "POST /checkout/cart")
        .step("address", "POST /checkout/address")
        .step("pay", "POST /checkout/pay")
        .min_time_between(Duration::from_secs(2))
        .completions(Quota::per_day(1))
        .clock(clock)
        .build()
}
