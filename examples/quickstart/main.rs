//! An orders service guarded by one `Warden`, with a development issuer inside the process.
//!
//! ```text
//! cargo run --example quickstart            # serves, and prints curl lines to copy
//! cargo run --example quickstart -- --tour  # sends those requests itself and checks what comes back
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever started it")]

mod app;
mod tour;

#[path = "../shared/http_caller.rs"]
mod http_caller;
#[path = "../shared/tour.rs"]
mod shared_tour;

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tower_warden::frameworks::axum::methods::get;

use self::app::Demo;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let demo = Demo::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = axum::serve(listener, demo.service()?.into_make_service());
    if let Some(refused) = forgotten_rule(&demo) {
        println!("with a route that no rule lists, this service does not start: {refused}\n");
    }

    if std::env::args().any(|argument| argument == "--tour") {
        let log = shared_tour::Log::listen();
        tokio::spawn(serving.into_future());
        return Ok(shared_tour::report(&tour::run(&demo, address, &log).await?));
    }
    tracing_subscriber::fmt().init();
    print_curl_lines(&demo, &format!("http://{address}"));
    serving.await?;
    Ok(ExitCode::SUCCESS)
}

fn print_curl_lines(demo: &Demo, url: &str) {
    let line = |title: &str, arguments: &str| println!("# {title}\ncurl -i {arguments}\n");
    let bearer = |token: &str| format!("-H 'Authorization: Bearer {token}'");
    println!("listening on {url}\n");
    line(
        "admitted: ada may read orders",
        &format!("{} {url}/orders", bearer(&demo.token_of_ada())),
    );
    line(
        "admitted: a machine with an API key",
        &format!("-H 'X-Api-Key: {}' {url}/orders", demo.api_key()),
    );
    line("no token: 401 with the accepted schemes", &format!("{url}/orders"));
    line("expired token: 401", &format!("{} {url}/orders", bearer(&demo.expired_token())));
    line("wrong scope: 403", &format!("{} -X POST {url}/orders", bearer(&demo.token_of_eve())));
    line(
        "a route that no rule lists: 403",
        &format!("{} {url}/debug", bearer(&demo.token_of_ada())),
    );
    line(
        "a handler that panics: 500, and it leaks nothing",
        &format!("{} {url}/crash", bearer(&demo.token_of_ada())),
    );
    line(
        "too many requests: 429",
        &format!(
            "{} -o /dev/null -s -w '%{{http_code}}\\n' '{url}/orders?[1-30]'",
            bearer(&demo.token_of_eve())
        ),
    );
}

/// What would come of a route that no rule lists: no service.
fn forgotten_rule(demo: &Demo) -> Option<String> {
    let debug = get(async || "database password: hunter2");
    let refused = demo.warden.guard_routes(app::routes().route("/debug", debug)).err()?;
    Some(refused.to_string())
}
