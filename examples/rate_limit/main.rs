//! Rate limits of a small service, in the memory of its process: bursts and daily quotas, plans, costs, failed log-ins, a
//! limit on trial, streams under way, bytes, a checkout that takes people's time, and a look into all of it.
//!
//! ```text
//! cargo run --example rate_limit            # serves, and prints curl lines to copy
//! cargo run --example rate_limit -- --tour  # spends quotas itself, and checks what comes back
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever started it")]

mod admin;
mod app;
mod limits;
mod routes;
mod tour;
mod wire;

#[path = "../shared/http_caller.rs"]
mod http_caller;
#[path = "../shared/tour.rs"]
mod shared_tour;

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tower_warden::clock::SystemClock;
use tower_warden::testing::FakeClock;

use self::app::Demo;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    if std::env::args().any(|argument| argument == "--tour") {
        let log = shared_tour::Log::listen();
        // Turned by hand: nobody waits for tomorrow.
        let clock = FakeClock::at_unix(1_800_000_000);
        let demo = Demo::new(&clock)?;
        let serving = axum::serve(listener, demo.service()?.into_make_service());
        tokio::spawn(serving.into_future());
        return Ok(shared_tour::report(&tour::run(&demo, &clock, address, &log).await?));
    }
    tracing_subscriber::fmt().init();
    let demo = Demo::new(&SystemClock::default())?;
    println!("listening on http://{address}\n\n{}", demo.warden());
    for (title, key, rest) in [
        ("three at once, then one every 10 s, and five a day", demo.free(), "quotes"),
        ("who pays has more", demo.pro(), "quotes"),
        ("an export costs three", demo.free(), "export"),
        ("one stream at a time: open a second one beside it", demo.free(), "feed"),
        ("10,000 bytes an hour: the second is refused", demo.free(), "download"),
        ("who asks most", demo.operator(), "admin/top/burst"),
    ] {
        println!("# {title}\ncurl -i -H 'x-api-key: {key}' http://{address}/{rest}\n");
    }
    println!(
        "# three wrong passwords an hour\ncurl -i -d guess http://{address}/login  # the right one is: correct horse\n"
    );
    axum::serve(listener, demo.service()?.into_make_service()).await?;
    Ok(ExitCode::SUCCESS)
}
