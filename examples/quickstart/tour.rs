//! The requests of the tour, over a real socket.

use std::error::Error;
use std::net::SocketAddr;

use crate::app::Demo;
use crate::http_caller::Caller;
use crate::shared_tour::{Log, Stop};

/// Sends every request of the tour and notes what came back.
pub(crate) async fn run(
    demo: &Demo,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>, Box<dyn Error>> {
    let caller = Caller::new(address, log);
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
