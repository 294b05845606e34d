//! The orders service over gRPC: same orders, same users, same settings as `orders_api`, behind the same stack, and with the
//! same broken invoice.
//!
//! ```text
//! cargo run --example orders_grpc --features full
//! ```
//!
//! Its first line on standard output is a JSON object with the address, tokens and a key; settings, rules and the log go
//! to standard error. Its settings are the variables of the environment in `examples/shared/orders/settings.rs`; when one
//! is invalid, all problems are listed and the exit code is 2.

#![expect(clippy::print_stderr, reason = "an example talks to whoever started it")]

mod limits;
mod rules;
mod service;

#[path = "../shared/orders/mod.rs"]
mod orders;
#[path = "../shared/orders_v1.rs"]
mod orders_v1;

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use self::orders::{Identities, Settings, announce, refuse_to_start};
use self::orders_v1::health_server::HealthServer;
use self::orders_v1::invoices_server::InvoicesServer;
use self::orders_v1::orders_server::OrdersServer;
use self::service::{Bookkeeping, Probe, Service};

/// An order is one short text.
const LARGEST_MESSAGE: usize = 16 * 1024;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(problems) => return Ok(refuse_to_start(&problems)),
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let identities = Identities::new(&settings)?;
    let warden = identities.warden(&settings, rules::rules(), limits::limits())?;
    let book = identities.book();
    let invoices = InvoicesServer::new(Bookkeeping::of(book.clone()));
    let service = OrdersServer::new(Service::of(book)).max_decoding_message_size(LARGEST_MESSAGE);
    let listener = TcpListener::bind(settings.address).await?;
    eprint!("{settings}{warden}");
    announce(listener.local_addr()?, &settings, &identities)?;
    Server::builder()
        .layer(warden)
        .add_service(service)
        .add_service(invoices.max_decoding_message_size(LARGEST_MESSAGE))
        .add_service(HealthServer::new(Probe))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(ExitCode::SUCCESS)
}
