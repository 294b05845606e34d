//! An orders service over HTTP, larger than the quickstart: two tenants, users who own orders, an administrator, an API
//! key, a page and an OpenAPI description. Point other tools at it. Its invoice is broken: the handler asks nobody whose
//! order it is, and the stack withholds what it answers.
//!
//! ```text
//! cargo run --example orders_api --features full
//! ```
//!
//! Its first line on standard output is a JSON object with the address, tokens and a key; settings, rules, who sees which
//! field, and the log go to standard error. Its settings are the variables of the environment in `examples/shared/orders/settings.rs`; when one
//! is invalid, all problems are listed and the exit code is 2.

#![expect(clippy::print_stderr, reason = "an example talks to whoever started it")]

mod answers;
mod extract;
mod limits;
mod pages;
mod properties;
mod routes;
mod rules;

#[path = "../shared/orders/mod.rs"]
mod orders;

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;

use self::orders::{Identities, Settings, announce, refuse_to_start};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(problems) => return Ok(refuse_to_start(&problems)),
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let identities = Identities::new(&settings)?;
    let warden = identities.warden(&settings, rules::rules(), limits::limits())?;
    let properties = properties::of_orders()?;
    let checkout = limits::checkout()?;
    let service = warden.guard(routes::routes(identities.book(), properties.clone(), &checkout));
    let listener = TcpListener::bind(settings.address).await?;
    eprint!("{settings}{warden}{properties}");
    announce(listener.local_addr()?, &settings, &identities)?;
    axum::serve(listener, service.into_make_service()).await?;
    Ok(ExitCode::SUCCESS)
}
