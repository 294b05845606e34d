//! The limits that this service adds to those of every stack.

use std::time::Duration;

use tower_warden::ConfigError;
use tower_warden::rate_limit::flow::{Flow, FlowLayer};
use tower_warden::rate_limit::{Key, Limit, Quota, WhenUnavailable};

/// Checked by the stack, and shared between instances where there is a Redis.
pub(crate) fn limits() -> Vec<Limit> {
    vec![
        // What a request costs the service: an export is worth fifty of the others.
        Limit::by_principal("work", Quota::per_minute(600).burst(200))
            .cost_of_route("GET /export", 50),
        // Codes of vouchers are as good as money, so wrong ones are counted; the handler knows which are.
        Limit::by_principal("voucher-guesses", Quota::per_hour(5))
            .only_routes(["POST /vouchers"])
            .charge_when(|answer| answer.status == 404)
            .when_unavailable(WhenUnavailable::Refuse),
    ]
}

/// A script buys what is scarce within a second; people need a few.
pub(crate) fn checkout() -> Result<FlowLayer, ConfigError> {
    Flow::new("checkout", Key::principal())
        .step("cart", "POST /checkout/cart")
        .step("pay", "POST /checkout/pay")
        .min_time_between(Duration::from_secs(3))
        .completions(Quota::per_day(20))
        .build()
}
