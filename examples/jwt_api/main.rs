//! An API that takes the tokens of an OpenID provider: found by its name, keys kept fresh while they rotate.
//!
//! ```text
//! cargo run --example jwt_api            # serves, with a development issuer, and prints curl lines to copy
//! cargo run --example jwt_api -- --tour  # sends requests itself, rotates the issuer's keys, and checks what comes back
//! JWT_API_ISSUER=https://idp.example JWT_API_AUDIENCE=https://notes.example cargo run --example jwt_api
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever started it")]

mod app;
mod issuer;
mod tour;

#[path = "../shared/http_caller.rs"]
mod http_caller;
#[path = "../shared/tour.rs"]
mod shared_tour;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;

use self::app::Trust;
use self::issuer::DevelopmentIssuer;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let is_tour = env::args().any(|argument| argument == "--tour");
    let log = is_tour.then(shared_tour::Log::listen);
    if log.is_none() {
        tracing_subscriber::fmt().init();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;

    if let Ok(issuer) = env::var("JWT_API_ISSUER") {
        let audience = env::var("JWT_API_AUDIENCE").map_err(|_| "JWT_API_AUDIENCE is not set")?;
        println!("listening on http://{address}, for tokens of {issuer} for {audience}");
        let service = app::service(&Trust::production(&issuer, &audience)?)?;
        axum::serve(listener, service.into_make_service()).await?;
        return Ok(ExitCode::SUCCESS);
    }

    let issuer = DevelopmentIssuer::start().await?;
    let service = app::service(&Trust::development(issuer.name())?)?;
    let serving = axum::serve(listener, service.into_make_service());
    if let Some(log) = log {
        tokio::spawn(serving.into_future());
        return Ok(shared_tour::report(&tour::run(issuer, address, &log).await?));
    }
    let token = issuer.token("ada").scope("notes:read").sign();
    println!("listening on http://{address}; the issuer on {}\n", issuer.name());
    println!("curl -i -H 'Authorization: Bearer {token}' http://{address}/notes");
    println!("curl -i http://{address}/notes");
    serving.await?;
    Ok(ExitCode::SUCCESS)
}
