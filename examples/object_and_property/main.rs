//! Authorization at three levels, with the attacks that each of them stops: who may call a route, who may touch which
//! order, who may see and set which of its fields.
//!
//! ```text
//! cargo run --example object_and_property            # serves, and prints curl lines to copy
//! cargo run --example object_and_property -- --tour  # attacks itself and checks what comes back
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever started it")]

mod app;
mod orders;
mod properties;
mod routes;
mod tour;

#[path = "../shared/http_caller.rs"]
mod http_caller;
#[path = "../shared/tour.rs"]
mod shared_tour;

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;

use self::app::Demo;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let demo = Demo::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = axum::serve(listener, demo.service()?.into_make_service());

    if std::env::args().any(|argument| argument == "--tour") {
        let log = shared_tour::Log::listen();
        tokio::spawn(serving.into_future());
        return Ok(shared_tour::report(&tour::run(&demo, address, &log).await?));
    }
    tracing_subscriber::fmt().init();
    println!("listening on http://{address}\n\n{}\n{}", demo.warden(), demo.properties());
    for (title, token, path) in [
        ("ada reads her order", demo.ada(), "orders/1"),
        ("bob, of the same tenant, sees less of it", demo.bob(), "orders/1"),
        ("for gil, of another tenant, there is no such order", demo.gil(), "orders/1"),
        (
            "the handler of the invoice forgets the check, and nothing leaves",
            demo.gil(),
            "orders/1/invoice",
        ),
    ] {
        println!("# {title}\ncurl -i -H 'Authorization: Bearer {token}' http://{address}/{path}\n");
    }
    serving.await?;
    Ok(ExitCode::SUCCESS)
}
