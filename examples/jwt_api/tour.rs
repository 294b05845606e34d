//! The requests of the tour, over real sockets: to the API, and from it to the issuer.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tower_warden::testing::TestIssuer;

use crate::app::AUDIENCE;
use crate::http_caller::Caller;
use crate::issuer::DevelopmentIssuer;
use crate::shared_tour::{Log, Stop};

pub(crate) async fn run(
    mut issuer: DevelopmentIssuer,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>, Box<dyn Error>> {
    let caller = Caller::new(address, log);
    let ada = |issuer: &DevelopmentIssuer| issuer.token("ada").scope("notes:read");
    let bearer = |token: String| [("authorization", format!("Bearer {token}"))];
    let handler = ("", "");
    let refused = |reason| ("authentication", reason);

    let by_first = ada(&issuer).sign();
    let elsewhere = ada(&issuer).claim("aud", "https://calendar.example").sign();
    let expired = ada(&issuer).expired_since(Duration::from_secs(3600)).sign();
    let id_token = ada(&issuer).header("typ", "JWT").claim("nonce", "n").sign();
    let stranger = TestIssuer::new("https://stranger.example", AUDIENCE).token("eve").sign();
    let impostor = TestIssuer::new(issuer.name(), AUDIENCE).with_key_id("first");
    let mut stops = vec![
        caller.ask("GET /health", &[], "200", handler).await?,
        caller.ask("GET /notes", &bearer(by_first.clone()), "200", handler).await?,
        caller
            .ask("GET /notes  (again, remembered)", &bearer(by_first.clone()), "200", handler)
            .await?,
        caller.ask("GET /notes  (no token)", &[], "401", ("rules", "no_credentials")).await?,
        caller
            .ask("GET /notes  (expired)", &bearer(expired), "401", refused("token_expired"))
            .await?,
        caller
            .ask(
                "GET /notes  (for another API)",
                &bearer(elsewhere),
                "401",
                refused("token_audience"),
            )
            .await?,
        caller
            .ask("GET /notes  (an ID token)", &bearer(id_token), "401", refused("token_media_type"))
            .await?,
        caller
            .ask(
                "GET /notes  (another issuer)",
                &bearer(stranger),
                "401",
                refused("token_unknown_key"),
            )
            .await?,
        caller
            .ask(
                "GET /notes  (a forged signature)",
                &bearer(impostor.token("ada").sign()),
                "401",
                refused("token_signature"),
            )
            .await?,
        caller
            .ask(
                "GET /notes  (no scope)",
                &bearer(issuer.token("ada").sign()),
                "403",
                ("rules", "scope_missing"),
            )
            .await?,
    ];

    issuer.rotate();
    tokio::time::sleep(Duration::from_millis(1_100)).await; // the API asks once a second
    let by_second = ada(&issuer).sign();
    stops.push(
        caller
            .ask("GET /notes  (with a new key)", &bearer(by_second.clone()), "200", handler)
            .await?,
    );
    let withdrawn = refused("token_unknown_key");
    stops.push(
        caller.ask("GET /notes  (with the old one)", &bearer(by_first), "401", withdrawn).await?,
    );

    issuer.stop();
    stops.push(
        caller.ask("GET /notes  (the issuer is down)", &bearer(by_second), "200", handler).await?,
    );
    Ok(stops)
}
