//! A gRPC orders service guarded by one `Warden`, with a development issuer inside the process.
//!
//! ```text
//! cargo run --example grpc            # serves, and prints grpcurl lines to copy
//! cargo run --example grpc -- --tour  # sends those requests itself and checks what comes back
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever started it")]

mod app;
mod tour;

#[path = "../shared/orders_v1.rs"]
mod orders_v1;
#[path = "../shared/tour.rs"]
mod shared_tour;

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

use self::app::Demo;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let demo = Demo::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = demo.server().serve_with_incoming(TcpIncoming::from(listener));

    if std::env::args().any(|argument| argument == "--tour") {
        let log = shared_tour::Log::listen();
        tokio::spawn(serving);
        return Ok(shared_tour::report(&tour::run(&demo, address, &log).await?));
    }
    tracing_subscriber::fmt().init();
    print_grpcurl_lines(&demo, &address.to_string());
    serving.await?;
    Ok(ExitCode::SUCCESS)
}

fn print_grpcurl_lines(demo: &Demo, address: &str) {
    let line = |title: &str, arguments: &str, method: &str| {
        println!(
            "# {title}\ngrpcurl -plaintext -import-path examples/orders_grpc -proto orders.proto \
             {arguments} {address} orders.v1.{method}\n"
        );
    };
    let bearer = |token: &str| format!("-H 'authorization: Bearer {token}'");
    let ada = bearer(&demo.token_of_ada());
    println!("listening on {address}\n");
    line("admitted: ada may read orders", &format!("{ada} -d '{{\"id\": 1}}'"), "Orders/Get");
    line("admitted: and gets hers as a stream", &ada, "Orders/List");
    line("admitted: everybody may ask for the health", "", "Health/Check");
    line("no token: 16 with the accepted schemes", "", "Orders/List");
    line("expired token: 16", &bearer(&demo.expired_token()), "Orders/List");
    line("wrong scope: 7", &bearer(&demo.token_of_eve()), "Orders/Create");
    line("a method that no rule lists: 7", &ada, "Orders/Debug");
    line("a handler that fails: 13, and it leaks nothing", &ada, "Orders/Update");
    line("a handler that panics: 13, and it leaks nothing", &ada, "Orders/Delete");
}
