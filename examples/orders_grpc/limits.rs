//! The limits that this service adds to those of every stack.

use tower_warden::rate_limit::{Limit, Quota};

/// What a call costs the service: a list is worth twenty of the others.
pub(crate) fn limits() -> Vec<Limit> {
    vec![
        Limit::by_principal("work", Quota::per_minute(600).burst(200))
            .cost_of_route("/orders.v1.Orders/List", 20),
    ]
}
