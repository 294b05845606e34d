//! A server of the Model Context Protocol over HTTP, guarded by one `Warden`: how its clients find out where to get a token,
//! and that a token for another server is no good here.
//!
//! ```text
//! cargo run --example mcp_resource            # serves, and prints curl lines to copy
//! cargo run --example mcp_resource -- --tour  # is its own client and checks what comes back
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever started it")]

mod app;
mod protocol;
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
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    println!("listening on http://{address}\n");
    println!("# where to get a token\ncurl -i http://{address}{}\n", demo.metadata_path());
    println!("# without a token: 401, which leads there\ncurl -i -X POST http://{address}/mcp\n");
    println!(
        "# with one\ncurl -i http://{address}/mcp -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' -d '{initialize}'\n",
        demo.token()
    );
    serving.await?;
    Ok(ExitCode::SUCCESS)
}
