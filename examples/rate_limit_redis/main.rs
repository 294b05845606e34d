//! Instances of a service that share their rate limits in Redis: what one spends, the other knows. And what becomes of
//! requests while Redis does not answer.
//!
//! ```text
//! cargo run --example rate_limit_redis            # serves one instance; start a second one beside it
//! cargo run --example rate_limit_redis -- --tour  # starts three, spends quotas, pauses Redis, and checks what comes back
//! ```
//!
//! `RATE_LIMIT_REDIS_URL` names a server of yours. Without it, one is started for as long as this runs, if `redis-server`
//! is installed; only that one is paused.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to people")]

mod app;
mod instance;
mod redis_server;
mod tour;

#[path = "../shared/http_caller.rs"]
mod http_caller;
#[path = "../shared/tour.rs"]
mod shared_tour;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;

use self::app::Settings;
use self::redis_server::RedisServer;

const URL: &str = "RATE_LIMIT_REDIS_URL";

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    if env::args().any(|argument| argument == instance::FLAG) {
        return instance::serve().await;
    }
    let is_tour = env::args().any(|argument| argument == "--tour");
    let log = is_tour.then(shared_tour::Log::listen);
    let (url, server) = match env::var(URL) {
        Ok(url) => (url, None),
        Err(_) => match RedisServer::start().await {
            Ok(server) => (server.url(), Some(server)),
            Err(error) => {
                eprintln!(
                    "no Redis: {error}\nInstall `redis-server`, or name a server of yours:\n  \
                     {URL}=redis://127.0.0.1:6379/ cargo run --example rate_limit_redis"
                );
                return Ok(ExitCode::from(2));
            }
        },
    };
    if let Some(log) = log {
        return Ok(shared_tour::report(&tour::run(&url, server.as_ref(), &log).await?));
    }
    tracing_subscriber::fmt().init();
    let app = app::App::new(&Settings {
        url: url.clone(),
        prefix: "rate-limit-redis".to_owned(),
        lease: false,
    })?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n\n{}", app.warden());
    if server.is_some() {
        println!("# a second instance\n{URL}={url} cargo run --example rate_limit_redis\n");
    }
    println!("# six an hour, wherever they are asked for\ncurl -i http://{address}/quotes\n");
    println!("# three wrong passwords an hour\ncurl -i -d guess http://{address}/login");
    axum::serve(listener, app.service()?.into_make_service()).await?;
    Ok(ExitCode::SUCCESS)
}
